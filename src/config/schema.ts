import Type, { type Static } from 'typebox'
import { clusterSchema } from '../cluster/config.ts'
import { formatDuration, MAX_TIMER_MS } from '../model/duration.ts'
import { KEY_FIELDS } from '../model/record-key.ts'
import { prometheusSchema } from '../prometheus/config.ts'
import { relabelSchema } from '../relabel/config.ts'
import { DEFAULT_GUARD } from '../roll/rules.ts'
import { commandSchema } from '../sources/command/config.ts'
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
    confirmations: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        expects: 'a whole number from 1 to 1000',
        default: DEFAULT_GUARD.confirmations,
        description:
          'How many readings in a row, at least a second apart, must lack a target before it leaves. Devices that unregister or expire (push) need one.',
      }),
    ),
    grace: Type.Optional(
      duration(
        'How long a target must have been missing before it leaves.',
        formatDuration(DEFAULT_GUARD.graceMs),
      ),
    ),
    max_drop: Type.Optional(
      Type.String({
        title: 'percentage',
        pattern: '^(100|\\d{1,2}(\\.\\d+)?)%$',
        expects: 'a share from 0% to 100%, such as 50%',
        default: `${DEFAULT_GUARD.maxDrop * 100}%`,
        description:
          'The largest share of the targets that may leave within an hour. If more are missing, they are held. With 100% none are held.',
      }),
    ),
    min_targets: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000,
        expects: 'a whole number, 0 or more',
        default: DEFAULT_GUARD.minTargets,
        description:
          'Up to this many targets may leave within an hour, even above max_drop, unless none would remain.',
      }),
    ),
    hold: Type.Optional(
      duration(
        'Held targets leave when every reading for this long, and at least three, lack them.',
        formatDuration(DEFAULT_GUARD.holdMs),
      ),
    ),
    hold_empty: Type.Optional(
      duration(
        'The same if no target would remain and there were min_targets or more.',
        formatDuration(DEFAULT_GUARD.holdEmptyMs),
      ),
    ),
    min_expected: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000,
        expects: 'a whole number, 0 or more',
        default: DEFAULT_GUARD.minExpected,
        description:
          'A reading with fewer targets fails (too_few), also the first one; what is served stays.',
      }),
    ),
    accept: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        expects: 'a digest of 64 hex digits, as /health shows it for held targets',
        description:
          'Lets the held targets with this digest leave, as POST /-/accept does. It has no effect on other targets.',
        examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
      }),
    ),
  },
  { ...closed, description: 'When a target that is missing from the inventory leaves.' },
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
    address: Type.Optional(
      Type.String({
        title: 'template',
        description: 'Template of the address, which is served unchanged.',
        examples: ['{hostname}:9100'],
      }),
    ),
    url: Type.Optional(
      Type.String({
        title: 'template',
        description:
          'Instead of address: template of an http or https URL, which is split into __scheme__, __address__, __metrics_path__ and a __param_<name> for each parameter.',
        examples: ['{health_url}'],
      }),
    ),
    optional: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Whether a record is not quarantined if a field of the address or URL is absent, null or empty. It then has no such target.',
      }),
    ),
    labels: Type.Optional(
      labels('Labels for this target only. They override those of the source.', { exporter: 'node' }),
    ),
  },
  { ...closed, description: 'A target with its own labels.' },
)

const targetSchema = Type.Union([Type.String({ title: 'template' }), targetOptions], {
  expects: 'a template such as "{hostname}:9100", or a set of keys with address or url, and labels',
})

function failIfKey(description: string) {
  return Type.Optional(
    Type.String({
      title: 'jmespath',
      description,
      examples: ['errors', `headers."x-consul-results-filtered-by-acls" == 'true'`],
    }),
  )
}

const joinSchema = Type.Object(
  {
    http: Type.Optional(httpSchema),
    file: Type.Optional(fileSourceSchema),
    command: Type.Optional(commandSchema),
    records: Type.Optional(
      Type.String({
        title: 'jmespath',
        description: 'JMESPath expression that selects its list of records, as records of the source does.',
        examples: ['results'],
      }),
    ),
    by: Type.String({
      title: 'path',
      minLength: 1,
      description: 'Field that identifies its records, such as id or asset.tag: a text or a number.',
      examples: ['id'],
    }),
    from: Type.String({
      title: 'path',
      minLength: 1,
      description:
        'Field of a record of the source with the same value. If it is absent, null or empty, the record is joined with nothing.',
      examples: ['device.id'],
    }),
    optional: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Whether a record whose partner is not in the list is joined with nothing. Otherwise it is quarantined, and keeps its targets.',
      }),
    ),
    fail_if: failIfKey(
      'JMESPath expression that detects a failure in its response, as fail_if of the source.',
    ),
    complete: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether its response is always the whole list, as complete of the source.',
      }),
    ),
  },
  {
    ...closed,
    title: 'join',
    expects: 'a set of keys, such as { http: { url: … }, by: id, from: device.id }',
    description: 'Another list to join records with. It needs exactly one of http, file and command.',
  },
)

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
    command: Type.Optional(commandSchema),
    with: Type.Optional(
      Type.Record(Type.String(), joinSchema, {
        expects: 'a set of names, such as device, each with the list that records are joined with',
        description:
          'Other lists to join each record with. The joined record, or null, becomes the field of this name and replaces its value. The refresh fails unless all lists are read completely. For http, file and command.',
        examples: [
          { device: { http: { url: 'http://inventory:1337/devices' }, by: 'id', from: 'device.id' } },
        ],
      }),
    ),
    records: Type.Optional(
      Type.String({
        title: 'jmespath',
        description:
          'JMESPath expression that selects the list of records in the response, or in each file. By default a list, or an object with exactly one list in it, is recognised.',
        examples: ["items[?status == 'active']"],
      }),
    ),
    filter: Type.Optional(
      Type.String({
        title: 'jmespath',
        description:
          "JMESPath expression that is applied to each record, and selects it unless the result is false, null or empty. If it fails for a record, such as contains(tags, 'prom') when tags is null, only that record is quarantined, and it keeps its target.",
        examples: ["status == 'active'"],
      }),
    ),
    for_each: Type.Optional(
      Type.String({
        title: 'path',
        minLength: 1,
        description:
          'A list in the record, such as ports or spec.ports. Each item makes its own targets; templates refer to it as {item} or {item.port}. A record without the list, or with an empty one, makes no targets. If the field is not a list, the record is quarantined.',
        examples: ['ports'],
      }),
    ),
    key: Type.Optional(
      Type.String({
        title: 'template',
        minLength: 1,
        description: `Identifies a record, so that it keeps its target when it becomes unreadable: a template, or the name of a field. By default the first of ${KEY_FIELDS.join(', ')} that is present.`,
        examples: ['{asset.tag}'],
      }),
    ),
    fail_if: failIfKey(
      'JMESPath expression that detects a failure in a response with status 200, such as the errors of GraphQL. The refresh fails unless the result is null, false, 0 or empty. The headers are in headers, in lower case, unless the response has a key of that name; the whole response is in body. By default a response fails, even with records, if its top level has success: false, status: error, code: 500 or the like, or something in error or errors; fail_if replaces that check.',
    ),
    complete: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Whether the response is always the whole list. Otherwise the refresh fails if the body or headers of the response, the file or the last page say that there is more: a next page or cursor, a total larger than the list, has_more, truncated, status 206, …',
      }),
    ),
    targets: Type.Optional(
      Type.Array(targetSchema, {
        minItems: 1,
        expects: 'a list of templates such as ["{hostname}:{port|9100}"]',
        description:
          'One template per target of a record, or a template with labels. The result is the address, with or without a port. By default records that are target groups are read as Prometheus reads them. For others the host is the first of address, hostname, host, ip and name, and the port is port, or 9100.',
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
          'Also send each field of a record as __meta_inventory_<field>, except fields whose names indicate a secret (password, token, community, …).',
      }),
    ),
    relabel_configs: Type.Optional(
      Type.Array(relabelSchema, {
        expects: 'a list of relabel rules',
        description: 'Rules that change, keep or drop targets, as relabel_configs in Prometheus.',
      }),
    ),
    guard: Type.Optional(guardOptions),
    required: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Whether /ready and /targets wait for the first list of this source. /ready never waits for a push source, because devices may reach Rollcall only once it is ready.',
      }),
    ),
    max_staleness: Type.Optional(
      duration(
        'When the list is older than this, /targets answers 503 instead of the last good list. By default there is no limit. At least 1.1 × refresh_interval + timeout. It does not affect /ready; see --web.ready-max-age. Prometheus keeps its targets either way, until it restarts.',
      ),
    ),
    refresh_interval: Type.Optional(duration('Time between refreshes; by default the global one.')),
    timeout: Type.Optional(duration('Deadline of one whole refresh; by default the global one.')),
    file_sd: Type.Optional(
      Type.String({
        title: 'filename',
        pattern: '\\.(json|yml|yaml)$',
        expects: 'a path that ends in .json, .yml or .yaml, as file_sd_configs requires',
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
          label_names: Type.Optional(
            Type.Union([Type.Literal('legacy'), Type.Literal('utf8')], {
              expects: 'legacy or utf8',
              default: 'legacy',
              description:
                'Allowed label names: legacy, which Prometheus 2 and 3 accept, or utf8, any text. Prometheus 2 refuses a whole list if one name is not legacy.',
            }),
          ),
          guard: Type.Optional(guardOptions),
        },
        {
          ...closed,
          description:
            'Defaults for every source. The guard also applies to all sources together: when a reload removes sources with too many of all targets, these are held.',
        },
      ),
    ),
    cluster: Type.Optional(clusterSchema),
    prometheus: Type.Optional(prometheusSchema),
    sources: Type.Array(sourceOptions, {
      minItems: 1,
      expects: 'a list with at least one source',
      description: 'The inventories.',
    }),
  },
  closed,
)

export type FileConfig = Static<typeof fileSchema>
export type FileSource = FileConfig['sources'][number]
export type FileTarget = NonNullable<FileSource['targets']>[number]
export type FileLabels = NonNullable<FileSource['labels']>
export type FileJoin = NonNullable<FileSource['with']>[string]
