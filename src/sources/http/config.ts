import Type, { type Static } from 'typebox'
import { httpClientKeys } from './client-config.ts'

/** The keys of `http:` in a source of the configuration file. */
export const httpSchema = Type.Object(
  {
    url: Type.String({
      format: 'http-url',
      description:
        'URL to fetch the inventory from; it answers JSON. A user and password in it are sent as basic authentication.',
      examples: ['http://inventory:1337/inventory'],
    }),
    max_response_size: Type.Optional(
      Type.String({
        format: 'size',
        default: '256MB',
        description:
          'The most that is read in one refresh, after decompression; more fails the refresh. At most 500MB.',
      }),
    ),
    ...httpClientKeys,
  },
  { additionalProperties: false, description: 'An inventory behind HTTP.' },
)

/** Those keys as they stand in a configuration file. */
export type HttpConfig = Static<typeof httpSchema>
