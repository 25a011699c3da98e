import Type, { type Static } from 'typebox'

/** The keys of Prometheus's HTTP client, which every source that asks over HTTP has. */
export const httpClientKeys = {
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
