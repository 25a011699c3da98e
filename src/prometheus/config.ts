import Type, { type Static } from 'typebox'
import { httpClientKeys } from '../sources/http/client/config.ts'

const closed = { additionalProperties: false } as const

/** One entry of `prometheus:` in the configuration file. */
const prometheusServerSchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[^\\p{Cc}]{1,253}$',
        expects: 'a name of at most 253 characters',
        description: 'Name of the server in answers and metrics; by default its host and port.',
        examples: ['eu-1'],
      }),
    ),
    url: Type.String({
      title: 'url',
      format: 'http-url',
      description:
        'URL of the server, with the path of its API if it has one. A user and password in it are sent as basic authentication.',
      examples: ['http://prometheus:9090'],
    }),
    interval: Type.Optional(
      Type.String({
        title: 'duration',
        expects: 'a duration such as 1m',
        description:
          'Time between two queries, 1s to 1d. By default 1m, or fifty times the duration of the last query if that is longer.',
        default: '1m',
      }),
    ),
    timeout: Type.Optional(
      Type.String({
        title: 'duration',
        expects: 'a duration such as 30s',
        default: '30s',
        description: 'Deadline of a query, 1ms to 1h.',
      }),
    ),
    ...httpClientKeys,
  },
  {
    ...closed,
    title: 'prometheus',
    description: 'A Prometheus server, or a server with the same API, that discovers through Rollcall.',
  },
)

/** The key `prometheus:` of the configuration file. */
export const prometheusSchema = Type.Array(prometheusServerSchema, {
  expects: 'a list of servers such as [{ url: "http://prometheus:9090" }]',
  description: 'Prometheus servers to query for the state of the targets: scraped, dropped or unknown.',
})

/** One entry as written in the configuration file. */
export type PrometheusConfig = Static<typeof prometheusServerSchema>
