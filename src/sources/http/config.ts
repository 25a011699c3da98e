import Type, { type Static } from 'typebox'
import { formatKeys } from '../format-keys.ts'
import { httpClientKeys } from './client/config.ts'
import { loginSchema } from './login/config.ts'
import { paginationSchema } from './pagination/config.ts'
import { bodySchema } from './secret-keys.ts'

/** The limit for responses, which all sources over HTTP share. */
export const responseSizeKey = {
  max_response_size: Type.Optional(
    Type.String({
      title: 'size',
      format: 'size',
      default: '256MB',
      description:
        'Limit for the uncompressed response, all pages together. A larger one fails the refresh. At most 4GB. JSON in UTF-8 beyond 128MB is mapped while it arrives and is not in memory as a whole, unless the source has pagination, with, fail_if, or an expression in records that is more than a path. If its records are in another list than the first long one, it is requested again and read into memory. What cannot be read in parts has at most 512MB.',
    }),
  ),
}

/** The keys for the URL of an inventory; exactly one of the two is set. */
export function urlKeys(description: string, example: string) {
  return {
    url: Type.Optional(Type.String({ title: 'url', format: 'http-url', description, examples: [example] })),
    urls: Type.Optional(
      Type.Array(Type.String({ title: 'url', format: 'http-url' }), {
        minItems: 1,
        expects: 'a list of URLs',
        description:
          'Instead of url: several URLs of the same inventory, such as the members of a cluster. Each refresh tries them in this order, and uses the first complete list. Each gets an equal share of the remaining timeout. If the list is from any URL but the first, it may be older: targets that are missing from it stay for at least guard.hold.',
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
        'Body of a POST: keys or a list, sent as JSON, or a text, sent unchanged. The content type is application/json, or text/plain for a text that is not JSON. It can contain environment variables.',
        { query: '{ devices { name } }' },
      ),
    ),
    login: Type.Optional(loginSchema),
    ...formatKeys(
      'Format of the response; its content type is ignored. A response in YAML or CSV needs a Content-Length, chunks or compression: without them a truncated one looks complete.',
      'json',
    ),
    pagination: Type.Optional(paginationSchema),
    watch: Type.Optional(
      Type.Object(
        {
          header: Type.String({
            minLength: 1,
            expects: 'the name of a header',
            description: 'Response header with the position.',
            examples: ['X-Consul-Index'],
          }),
          parameter: Type.String({
            minLength: 1,
            expects: 'the name of a parameter',
            description: 'URL parameter for the position.',
            examples: ['index'],
          }),
        },
        {
          additionalProperties: false,
          expects: 'a set of keys, such as { header: X-Consul-Index, parameter: index }',
          description:
            'Long polling, as the blocking queries of Consul. A request with the last position returns when the inventory has a newer one, and Rollcall then refreshes. Refreshes at refresh_interval continue. Not with POST or pagination.',
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
