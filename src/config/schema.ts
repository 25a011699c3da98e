import Type, { type Static } from 'typebox'
import { MAX_TIMER_MS } from '../model/duration.ts'
import { relabelSchema } from '../relabel/config.ts'
import { DEFAULT_GUARD } from '../snapshot/guard.ts'
import { fileSourceSchema } from '../sources/file/config.ts'
import { httpSchema } from '../sources/http/config.ts'
import { httpSdSchema } from '../sources/http-sd/config.ts'
import { pushSchema } from '../sources/push/config.ts'
import { DEFAULT_REFRESH_INTERVAL, DEFAULT_TIMEOUT } from './options.ts'

const closed = { additionalProperties: false } as const

const DURATION = '^(?=.)((\\d+)y)?((\\d+)w)?((\\d+)d)?((\\d+)h)?((\\d+)m)?((\\d+)s)?((\\d+)ms)?$|^0$'

function duration(description: string, fallback?: string) {
  const expects = 'a duration such as 30s, 5m or 1h30m'
  return Type.String({
    title: 'duration',
    pattern: DURATION,
    expects,
    description,
    ...(fallback && { default: fallback }),
  })
}

const guardOptions = Type.Object(
  {
    max_drop: Type.Optional(
      Type.String({
        title: 'percentage',
        pattern: '^(100|\\d{1,2}(\\.\\d+)?)%$',
        expects: 'a share from 0% to 100%, such as 50%',
        default: `${DEFAULT_GUARD.maxDrop * 100}%`,
        description: 'The largest share of the served targets that may vanish in one refresh.',
      }),
    ),
    confirmations: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        expects: 'a whole number from 1 to 1000',
        default: DEFAULT_GUARD.confirmations,
        description: 'How many refreshes in a row must show a larger drop before it is believed.',
      }),
    ),
    min_targets: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000,
        expects: 'a whole number, 0 or more',
        default: DEFAULT_GUARD.minTargets,
        description: 'Below so many served targets only a drop to nothing is held.',
      }),
    ),
  },
  { ...closed, description: 'Holds a list back that drops too many targets at once.' },
)

function labels(description: string, example: Record<string, string>) {
  const value = Type.Union([Type.String(), Type.Number(), Type.Boolean()], { title: 'template' })
  return Type.Record(Type.String(), value, {
    title: 'labelname',
    description,
    examples: [example],
  })
}

const targetOptions = Type.Object(
  {
    address: Type.String({
      title: 'template',
      description: 'Template of the address.',
      examples: ['{hostname}:9100'],
    }),
    labels: Type.Optional(
      labels('Labels for this target only; they win over those of the source.', { exporter: 'node' }),
    ),
  },
  { ...closed, description: 'A target with labels of its own.' },
)

const targetSchema = Type.Union([Type.String({ title: 'template' }), targetOptions], {
  expects: 'a template such as "{hostname}:9100", or a set of keys with address and labels',
})

const sourceOptions = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62}$',
      expects: 'a source name; use letters, digits, "_" and "-", 63 at most',
      description: 'Name of the source, and its path below /targets.',
    }),
    http: Type.Optional(httpSchema),
    file: Type.Optional(fileSourceSchema),
    http_sd: Type.Optional(httpSdSchema),
    push: Type.Optional(pushSchema),
    records: Type.Optional(
      Type.String({
        title: 'jmespath',
        description:
          'JMESPath expression that selects the list of records in the answer, or in each file. Without it a list, or an object with exactly one list in it, is recognised, and what seems to be one page of several is refused.',
        examples: ["items[?status == 'active']"],
      }),
    ),
    fail_if: Type.Optional(
      Type.String({
        title: 'jmespath',
        description:
          'JMESPath expression that finds in an answer what says that it failed although its status is 200, such as the errors of GraphQL. Anything but null, false, 0 and what is empty fails the refresh. Without it an answer fails, with records or without, that says at its top success: false, status: error, code: 500 or the like, or has something in error or errors; fail_if replaces that check.',
        examples: ['errors'],
      }),
    ),
    targets: Type.Optional(
      Type.Array(targetSchema, {
        minItems: 1,
        expects: 'a list of templates such as ["{hostname}:{port|9100}"]',
        description:
          'One template per target of a record, or a template with labels. Without it records that are target groups are read as Prometheus reads them; of others the host is the first of address, hostname, host, ip, name and the port is port, or 9100.',
        examples: [['{hostname}:{port|9100}']],
      }),
    ),
    labels: Type.Optional(
      labels('Labels for every target of the source; the values are templates.', { site: '{store.id}' }),
    ),
    meta_labels: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Also send each field of a record as __meta_inventory_<field>, but none whose name says that it holds a secret (password, token, community, …).',
      }),
    ),
    relabel_configs: Type.Optional(
      Type.Array(relabelSchema, {
        expects: 'a list of relabel rules',
        description:
          'Rules that change, keep or drop targets: the grammar and semantics of relabel_configs in Prometheus.',
      }),
    ),
    guard: Type.Optional(guardOptions),
    required: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Whether /ready and /targets wait for the first list of this source; /ready never waits for a push source, since devices may reach Rollcall only once it is ready.',
      }),
    ),
    max_staleness: Type.Optional(
      duration(
        'From this age on /targets answers 503 instead of the last good list; by default it is served however old it is. At least 1.1 × refresh_interval + timeout. Prometheus keeps its targets either way, until it restarts.',
      ),
    ),
    refresh_interval: Type.Optional(duration('Time between refreshes; by default the global one.')),
    timeout: Type.Optional(duration('Deadline of one whole refresh; by default the global one.')),
    file_sd: Type.Optional(
      Type.String({
        title: 'filename',
        pattern: '\\.(json|yml|yaml)$',
        expects: 'a path that ends in .json, .yml or .yaml, as file_sd_configs wants it',
        description: 'Also write the served groups there, as a file_sd file; relative to this file.',
      }),
    ),
  },
  { ...closed, description: 'An inventory and how its records become targets.' },
)

/** The configuration file. */
export const fileSchema = Type.Object(
  {
    global: Type.Optional(
      Type.Object(
        {
          refresh_interval: Type.Optional(
            duration('Time between refreshes of a source, 100ms to 20d.', DEFAULT_REFRESH_INTERVAL),
          ),
          timeout: Type.Optional(
            duration(
              `Deadline of one whole refresh, at most ${Math.floor(MAX_TIMER_MS / 86_400_000)}d.`,
              DEFAULT_TIMEOUT,
            ),
          ),
        },
        { ...closed, description: 'Defaults for every source.' },
      ),
    ),
    sources: Type.Array(sourceOptions, {
      minItems: 1,
      expects: 'a list with at least one source in it',
      description: 'The inventories.',
    }),
  },
  closed,
)

export type FileConfig = Static<typeof fileSchema>
export type FileSource = FileConfig['sources'][number]
export type FileTarget = NonNullable<FileSource['targets']>[number]
export type FileLabels = NonNullable<FileSource['labels']>
