import Type, { type Static } from 'typebox'
import { authorizationKeys } from '../authorization/config.ts'
import { FROM_ENV, READ_EACH_TIME, requiredSecretText } from '../secret-keys.ts'
import { proxyKeys } from './proxy-config.ts'
import { tlsConfigSchema } from './tls-config.ts'

const headerSchema = Type.Object(
  {
    values: Type.Optional(
      Type.Array(requiredSecretText('A value.'), { secret: true, description: `Its values. ${FROM_ENV}` }),
    ),
    secrets: Type.Optional(
      Type.Array(requiredSecretText('A secret value.'), {
        secret: true,
        description: `Further values, which are secret. ${FROM_ENV}`,
      }),
    ),
    files: Type.Optional(
      Type.Array(Type.String({ title: 'filename', minLength: 1, expects: 'a path' }), {
        description: `Files with further values. ${READ_EACH_TIME}`,
      }),
    ),
  },
  { additionalProperties: false, secret: true, description: 'A header; it is sent once for each value.' },
)

/** A key with headers. */
export function httpHeadersKey(description: string) {
  return Type.Optional(
    Type.Record(Type.String(), headerSchema, {
      secret: true,
      description,
      examples: [{ 'X-Api-Key': { files: ['api-key'] } }],
      insteadOf: { headers: 'http_headers: { X-Name: { values: [ … ] } }' },
    }),
  )
}

/** The keys of Prometheus's HTTP client, which all sources over HTTP share. */
export const httpClientKeys = {
  ...authorizationKeys,
  http_headers: httpHeadersKey('Headers to send with each request, by name; never to another origin.'),
  tls_config: Type.Optional(tlsConfigSchema),
  ...proxyKeys,
  follow_redirects: Type.Optional(
    Type.Boolean({
      default: true,
      description: 'Whether redirects are followed; credentials never go to another origin.',
    }),
  ),
}

const httpClientSchema = Type.Object(httpClientKeys)

/** Those keys as they stand in a configuration file. */
export type HttpClientConfig = Static<typeof httpClientSchema>
export type HttpHeadersConfig = NonNullable<HttpClientConfig['http_headers']>
