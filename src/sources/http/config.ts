import Type, { type Static } from 'typebox'
import { formatKeys } from '../format-keys.ts'
import { httpClientKeys } from './client/config.ts'
import { loginSchema } from './login/config.ts'
import { paginationSchema } from './pagination/config.ts'
import { bodySchema } from './secret-keys.ts'

/** The key that bounds what is read, of every source that asks over HTTP. */
export const responseSizeKey = {
  max_response_size: Type.Optional(
    Type.String({
      title: 'size',
      format: 'size',
      default: '256MB',
      description:
        'The most that is read in one refresh, all pages together, after decompression; more fails the refresh. At most 500MB.',
    }),
  ),
}

/** The keys that say where an inventory is; exactly one of the two. */
export function urlKeys(description: string, example: string) {
  return {
    url: Type.Optional(Type.String({ title: 'url', format: 'http-url', description, examples: [example] })),
    urls: Type.Optional(
      Type.Array(Type.String({ title: 'url', format: 'http-url' }), {
        minItems: 1,
        expects: 'a list of URLs',
        description:
          'Instead of url: several ways to the same inventory, such as the members of a cluster. They are asked in this order, always from the first; the first that gives a whole list is believed. Each may take an equal share of what is left of timeout. What a list of any but the first lacks stays for guard.hold at least, since that list may be older.',
        examples: [[example, example.replace('//', '//standby-')]],
      }),
    ),
  }
}

/** The keys of `http:` in a source of the configuration file. */
export const httpSchema = Type.Object(
  {
    ...urlKeys(
      'URL to fetch the inventory from. A user and password in it are sent as basic authentication.',
      'http://inventory:1337/inventory',
    ),
    method: Type.Optional(
      Type.Union([Type.Literal('GET'), Type.Literal('POST')], {
        expects: 'GET or POST',
        default: 'GET',
        description: 'Method of the request. A POST must only read: it may be sent twice.',
      }),
    ),
    body: Type.Optional(
      bodySchema(
        'What is sent with a POST: a set of keys or a list, which is sent as JSON, or a text, which is sent as it is. The content type is application/json, or text/plain for a text that is not JSON. Texts in it may name environment variables.',
        { query: '{ devices { name } }' },
      ),
    ),
    login: Type.Optional(loginSchema),
    ...formatKeys(
      'How the answer is written, whatever its content type says. An answer in YAML or CSV needs a Content-Length, chunks or compression: without them one that was cut looks whole.',
      'json',
    ),
    pagination: Type.Optional(paginationSchema),
    watch: Type.Optional(
      Type.Object(
        {
          header: Type.String({
            minLength: 1,
            expects: 'the name of a header',
            description: 'The header of an answer that has its position.',
            examples: ['X-Consul-Index'],
          }),
          parameter: Type.String({
            minLength: 1,
            expects: 'the name of a parameter',
            description: 'The parameter of the URL that takes a position.',
            examples: ['index'],
          }),
        },
        {
          additionalProperties: false,
          expects: 'a set of keys, such as { header: X-Consul-Index, parameter: index }',
          description:
            'Long polling, as the blocking queries of Consul: the inventory is asked with the position that it last gave, answers when it has another one, and is read then. refresh_interval goes on beside it. Not with POST or pagination.',
        },
      ),
    ),
    ...responseSizeKey,
    ...httpClientKeys,
  },
  {
    additionalProperties: false,
    expects: 'a set of keys, such as { url: "http://inventory:1337/inventory" }',
    description: 'An inventory behind HTTP.',
  },
)

/** Those keys as they stand in a configuration file. */
export type HttpConfig = Static<typeof httpSchema>
