import Type, { type Static, type TSchema } from 'typebox'
import { HTTP_ERRORS, type HttpErrorCode } from '../../base/errors.ts'
import type { Json } from '../../model/record.ts'

// The schemas of the HTTP API's responses. Code imports only types from here, so that the compiler compares
// the responses with the description of the API, and the server does not load the schema library.

/** The type of a value that matches a schema: readonly, and an optional key may be undefined. */
export type Answer<Schema extends TSchema> = Shown<Static<Schema>>

type Shown<Value> = [Json] extends [Value]
  ? Value
  : Value extends readonly (infer Item)[]
    ? readonly Shown<Item>[]
    : Value extends object
      ? { readonly [Key in keyof Value]: Shown<Value[Key]> | Missing<Value, Key> }
      : Value

/** Undefined for an optional key; never for a required key, or one that is data. */
type Missing<Value, Key extends keyof Value> = string extends Key
  ? never
  : Value extends Required<Pick<Value, Key>>
    ? never
    : undefined

const closed = { additionalProperties: false } as const

const text = (description: string) => Type.String({ description })
const count = (description: string) => Type.Integer({ minimum: 0, description })
const seconds = (description: string) => Type.Number({ description })
const time = (description: string) => Type.String({ format: 'date-time', description })
const sourceName = Type.String({ description: 'The name of the source.' })

/** A value that may be null; the description says what null means. */
function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()])
}

/** An object whose keys are data. */
function mapOf<Schema extends TSchema>(values: Schema, description: string) {
  return Type.Unsafe<Record<string, Static<Schema>>>({
    type: 'object',
    additionalProperties: values,
    description,
  })
}

const labels = mapOf(Type.String(), 'Labels by name; values that are secrets are masked.')

const samples = (description: string) => Type.Array(Type.String(), { description })

export const errorSchema = Type.Object(
  {
    error: Type.Object(
      {
        code: Type.Enum(Object.keys(HTTP_ERRORS) as HttpErrorCode[], {
          description: 'A code, for programs.',
        }),
        message: text('A message for people, with the value and what to do.'),
      },
      closed,
    ),
  },
  { ...closed, title: 'Error', description: 'The body of every error.' },
)

export const heldSchema = Type.Object(
  {
    digest: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'The digest to accept them with.' }),
    targets: count('How many targets are held.'),
    sources: Type.Optional(samples('Their sources, if these are no longer configured.')),
    samples: samples('Some of their addresses.'),
    reason: text('Why they are held, for programs.'),
    why: text('Why they are held, for people.'),
    since: time('Since when they are held.'),
    until: nullable(time('When they leave if every reading until then lacks them; null: when accepted.')),
    leaves: text('What lets them leave, for people.'),
  },
  {
    ...closed,
    title: 'HeldTargets',
    description: 'Absent targets that are held, and still served.',
  },
)

const sharedSchema = Type.Object(
  {
    reader: nullable(text('The replica that reads the source; null: unknown.')),
    is_reader: Type.Boolean({ description: 'Whether this replica reads it.' }),
    generation: count('The generation that is served; 0: none.'),
    newest_generation: count('The newest generation that is known; 0: none.'),
    detached: Type.Boolean({
      description: 'Whether this replica has changes that the others do not have.',
    }),
    refused: nullable(text('Why the newest generation is not served; null: it is, or will be.')),
  },
  { ...closed, title: 'SharedSource', description: 'The state of a source among replicas.' },
)

const failureSchema = Type.Object(
  {
    reason: text('A value of the label reason of rollcall_source_refresh_failures_total.'),
    message: text('A message for people.'),
    at: time('When the refresh failed.'),
  },
  { ...closed, title: 'RefreshFailure', description: 'Why the last refresh failed.' },
)

const quarantinedSchema = Type.Object(
  {
    index: count('The place of the record in the inventory, from 0.'),
    key: Type.Optional(text('The key of the record.')),
    reason: text('Why it is quarantined, for programs.'),
    detail: text('Why it is quarantined, for people.'),
  },
  { ...closed, title: 'QuarantinedRecord' },
)

const fileErrorSchema = Type.Object(
  { path: Type.Optional(text('The file.')), error: text('Why it cannot be read or written.') },
  { ...closed, title: 'FileError' },
)

const readFromSchema = Type.Object(
  {
    url: text('The URL, without user, password and query.'),
    standby: Type.Boolean({
      description: 'Whether it is a standby, used because the URLs before it failed.',
    }),
  },
  { ...closed, title: 'ReadFrom', description: 'The URL of the last list, if there are several.' },
)

const sourceState = {
  state: Type.Enum(['waiting', 'stale', 'failing', 'holding', 'ok'], {
    description:
      'waiting: there is no list yet; stale: the list is from disk or a peer, and none was read since the start; failing: the last refresh failed; holding: targets are held.',
  }),
  required: Type.Boolean({ description: 'Whether /ready and /targets wait for its first list.' }),
  targets: count('How many targets are served.'),
  target_groups: count('How many target groups are served.'),
  records: count('How many records the last reading had.'),
  dropped: count('How many targets relabel rules dropped.'),
  rejected: mapOf(Type.Integer(), 'How many records are quarantined, by reason.'),
  rejected_samples: Type.Array(quarantinedSchema, { description: 'Some of them.' }),
  last_success: nullable(time('When a refresh last succeeded; null: never.')),
  age_seconds: nullable(seconds('How long ago that was.')),
  last_change: nullable(time('When the served list last changed; null: there is none.')),
  consecutive_failures: count('Failed refreshes in a row.'),
  failure: nullable(failureSchema),
  absent: count('How many served targets are absent from the last reading.'),
  held: Type.Array(heldSchema, { description: 'Targets that are held.' }),
  file_errors: mapOf(fileErrorSchema, 'Which of its files cannot be used: storage, file_sd.'),
  read_from: Type.Optional(readFromSchema),
  cluster: Type.Optional(sharedSchema),
}

const sourceStateSchema = Type.Object(sourceState, {
  ...closed,
  title: 'SourceState',
  description: 'The last refresh of a source.',
})
export type SourceStateAnswer = Answer<typeof sourceStateSchema>
export type SharedAnswer = Answer<typeof sharedSchema>
export type HeldAnswer = Answer<typeof heldSchema>

const sourceSchema = Type.Object(
  { name: sourceName, ...sourceState },
  { ...closed, title: 'Source', description: 'A source, and its last refresh.' },
)
export type SourceAnswer = Answer<typeof sourceSchema>

export const sourcesSchema = Type.Object({ sources: Type.Array(sourceSchema) }, closed)

export const scrapeSchema = Type.Object(
  {
    server: text('The Prometheus server, by the name that the configuration gives it, or its URL.'),
    state: Type.Enum(['up', 'down', 'pending', 'dropped', 'unknown']),
    pool: nullable(text('The scrape pool; null: the server does not know the target.')),
    why: nullable(text('The reason for the state; null: none.')),
    notes: Type.Array(Type.String(), { description: 'Other effects of the job on the target.' }),
    failure: nullable(text('Why the last query failed; null: it succeeded.')),
    last_scrape: nullable(time('When the server last scraped it.')),
    since: nullable(time('Since when it has been in this state.')),
  },
  { ...closed, title: 'Scrape', description: 'The state of a target in a Prometheus server.' },
)
export type ShownScrape = Answer<typeof scrapeSchema>

const targetSchema = Type.Object(
  { source: sourceName, address: text('Its __address__.'), labels, scrapes: Type.Array(scrapeSchema) },
  { ...closed, title: 'Target', description: 'A served target.' },
)
export type ShownTarget = Answer<typeof targetSchema>

export const targetsSchema = Type.Object(
  {
    total: count('How many targets were found, on all pages.'),
    offset: count('How many of them are before this page.'),
    targets: Type.Array(targetSchema),
    next: nullable(count('The offset of the next page; null: this is the last one.')),
  },
  closed,
)
export type TargetsAnswer = Answer<typeof targetsSchema>

export const targetGroupsSchema = Type.Array(
  Type.Object(
    {
      targets: Type.Array(Type.String(), { description: 'The addresses.' }),
      labels: mapOf(Type.String(), 'The labels of each of them.'),
    },
    { ...closed, title: 'TargetGroup', description: 'Targets with equal labels.' },
  ),
  { description: 'The list for http_sd_configs of Prometheus.' },
)

const changeSchema = Type.Object(
  {
    label: text('The name of the label.'),
    before: nullable(text('Null: there was no such label.')),
    after: nullable(text('Null: there is no such label any more.')),
  },
  { ...closed, title: 'LabelChange' },
)

const stepSchema = Type.Object(
  {
    rule: Type.Integer({ minimum: 1, description: 'The number of the rule in relabel_configs, from 1.' }),
    action: text('The action of the rule.'),
    result: Type.Enum(['changed', 'unchanged', 'dropped']),
    changes: Type.Array(changeSchema),
  },
  { ...closed, title: 'RelabelStep', description: 'The effect of one relabel rule on one target.' },
)

const explainedTargetSchema = Type.Object(
  {
    address: nullable(text('The address before the rules; null: the record has none.')),
    labels,
    steps: Type.Array(stepSchema),
    final: nullable(
      Type.Object(
        { address: Type.String(), labels },
        { ...closed, description: 'The target after the rules.' },
      ),
    ),
    rejection: nullable(
      Type.Object(
        { reason: Type.String(), detail: Type.String() },
        { ...closed, description: 'Why it is quarantined.' },
      ),
    ),
    served: Type.Boolean({ description: 'Whether the target is served with these labels.' }),
    verdict: text('The verdict on the target, in one sentence.'),
    scrapes: Type.Optional(Type.Array(scrapeSchema)),
  },
  { ...closed, title: 'ExplainedTarget', description: 'The explanation of one target of a record.' },
)

const explanationSchema = Type.Object(
  {
    source: sourceName,
    position: nullable(
      Type.Object(
        {
          document: text('The page or file.'),
          index: nullable(count('The place in its list of records, from 0; null: outside of the list.')),
        },
        closed,
      ),
    ),
    record: Type.Unsafe<Json>({
      description: 'The record as it was fetched, secrets masked; null: it is only in the served list.',
    }),
    targets: Type.Array(explainedTargetSchema),
    dropped_labels: samples('Why labels were left out.'),
    verdict: text('The verdict on the whole record, in one sentence.'),
  },
  { ...closed, title: 'Explanation', description: 'The explanation of one match.' },
)

export const explainSchema = Type.Object(
  {
    query: text('The query.'),
    matches: count('The number of counted matches.'),
    explanations: Type.Array(explanationSchema, { description: 'Of the first matches.' }),
    polls: samples('Clients that have fetched the list, and clients whose polls fail, a sentence each.'),
    verdict: text('The overall verdict, in one sentence.'),
  },
  closed,
)
export type ExplainBody = Answer<typeof explainSchema>

const listChangeSchema = Type.Object(
  {
    id: Type.Integer({ minimum: 1, description: 'The position among all; larger is newer.' }),
    source: sourceName,
    at: time('When it was served.'),
    targets: count('How many targets are served since then.'),
    added: count('How many targets joined.'),
    removed: count('How many targets left.'),
    added_samples: samples('Some that joined.'),
    removed_samples: samples('Some that left.'),
  },
  { ...closed, title: 'Change', description: 'A change of a served list.' },
)

export const changesSchema = Type.Object(
  {
    changes: Type.Array(listChangeSchema, { description: 'The newest first.' }),
    next: nullable(
      Type.Integer({ description: 'The value of before for the next page; null: this is the last one.' }),
    ),
  },
  closed,
)
export type ChangesAnswer = Answer<typeof changesSchema>

const eventSchema = Type.Object(
  {
    id: Type.Integer({ minimum: 1, description: 'The position among all; larger is newer.' }),
    source: sourceName,
    at: time('When it happened.'),
    kind: Type.Enum(['joined', 'left', 'changed']),
    address: text('The address; empty: it is an event of many targets, such as a first list.'),
    place: mapOf(Type.String(), 'The labels that distinguish the target from others with the same address.'),
    why: text('Why, in one sentence.'),
  },
  { ...closed, title: 'TargetEvent', description: 'An event in the history of a target.' },
)

export const eventsSchema = Type.Object(
  {
    events: Type.Array(eventSchema, { description: 'The newest first.' }),
    next: nullable(
      Type.Integer({ description: 'The value of before for the next page; null: this is the last one.' }),
    ),
  },
  closed,
)
export type EventsAnswer = Answer<typeof eventsSchema>

const pollerSchema = Type.Object(
  {
    address: text('The IP address of the client.'),
    user_agent: text('Its User-Agent.'),
    path: text('The path and parameters of its requests.'),
    polls: count('The number of its polls.'),
    first: time('The time of its first poll.'),
    last: time('The time of its last poll.'),
    interval_seconds: nullable(seconds('The time between its last two polls; null: there was only one.')),
    status: Type.Integer({ description: 'The status of its last response.' }),
    fetched: nullable(
      Type.Object(
        {
          source: nullable(text('The source of the list; null: all of them.')),
          digest: text('The SHA-256 of the list, in hex.'),
          at: time('When it was fetched.'),
        },
        { ...closed, description: 'The list that it last fetched; null: it never fetched one.' },
      ),
    ),
    list: Type.Enum(['current', 'older', 'part', 'none'], { description: 'Which list it has.' }),
    fault: nullable(
      text('Why it gets no list, and what to do; null: it gets one, or the query names one source.'),
    ),
  },
  { ...closed, title: 'Poller', description: 'A client that polls for targets.' },
)
export type PollerAnswer = Answer<typeof pollerSchema>

export const pollersSchema = Type.Object({ pollers: Type.Array(pollerSchema) }, closed)

const serverSchema = Type.Object(
  {
    server: text('Its name in the configuration, or its URL.'),
    url: text('Its URL, without credentials.'),
    last_success: nullable(time('When a query last succeeded; null: never.')),
    failure: nullable(text('Why the last query failed; null: it succeeded.')),
    pools: samples('The scrape pools that discover through this Rollcall.'),
    targets: Type.Object(
      {
        up: count('It scrapes them.'),
        down: count('It fails to scrape them.'),
        pending: count('It has not scraped them yet.'),
        dropped: count('Its relabel rules drop them.'),
        unknown: count('It does not know them.'),
      },
      { ...closed, description: 'The number of served targets by their state in the server.' },
    ),
  },
  {
    ...closed,
    title: 'PrometheusServer',
    description: 'A Prometheus server that is queried for its targets.',
  },
)
export type ServerAnswer = Answer<typeof serverSchema>

export const prometheusSchema = Type.Object({ servers: Type.Array(serverSchema) }, closed)

const reloadFailureSchema = Type.Object(
  { at: time('When the reload failed.'), error: text('What is wrong.') },
  {
    ...closed,
    title: 'ReloadFailure',
    description: 'A reload that failed: the previous configuration is in use.',
  },
)
export type ReloadFailureAnswer = Answer<typeof reloadFailureSchema>

const clusterSchema = Type.Object(
  {
    replica: text('The name of this replica.'),
    replicas: Type.Array(
      Type.Object(
        {
          name: text('Its name.'),
          version: text('Its version of Rollcall.'),
          leases: count('How many sources it reads.'),
        },
        { ...closed, title: 'Replica' },
      ),
      { description: 'All replicas, including this one.' },
    ),
    store: text('ok, or why the store cannot be used.'),
  },
  { ...closed, title: 'Cluster', description: 'The replicas that serve the same lists.' },
)
export type ClusterAnswer = Answer<typeof clusterSchema>

export const statusSchema = Type.Object(
  {
    version: text('The version of Rollcall.'),
    node: text('The version of Node.js.'),
    started: time('When the process was started.'),
    reload_failure: nullable(reloadFailureSchema),
    ready: nullable(text('Why the server is not ready; null: it is.')),
    cluster: nullable(clusterSchema),
    configuration: nullable(
      Type.Object(
        { file: text('Its path.'), yaml: text('Its text; secrets are masked.') },
        { ...closed, description: 'The configuration file in use; null: none.' },
      ),
    ),
    settings: Type.Array(
      Type.Object(
        {
          name: text('The flag or environment variable.'),
          value: text('Its value; secrets are masked.'),
          from: Type.Enum(['flag', 'environment']),
        },
        { ...closed, title: 'Setting' },
      ),
      { description: 'The flags and environment variables that are set.' },
    ),
  },
  closed,
)
export type StatusAnswer = Answer<typeof statusSchema>

export const healthSchema = Type.Object(
  {
    status: Type.Literal('ok'),
    version: text('The version of Rollcall.'),
    uptime_seconds: count('How long the process has been running.'),
    draining: Type.Boolean({ description: 'Whether the server is stopping.' }),
    config: Type.Object({ reload_failure: nullable(reloadFailureSchema) }, closed),
    history: Type.Optional(
      Type.Object(
        {
          bytes: count('Its size on disk.'),
          path: nullable(text('Its folder; null: it is kept in memory.')),
          error: nullable(text('Why the newest events could not be written; null: they were.')),
        },
        { ...closed, description: 'The state of the history of targets.' },
      ),
    ),
    cluster: Type.Optional(clusterSchema),
    polls: Type.Object(
      {
        last: nullable(time('When a list was last fetched; null: never.')),
        pollers: count('How many clients have fetched a list.'),
        in_vain: samples('Clients whose polls fail, a sentence each.'),
      },
      closed,
    ),
    prometheus: Type.Optional(Type.Array(serverSchema)),
    removed: Type.Object(
      { held: Type.Array(heldSchema) },
      { ...closed, description: 'Targets of removed sources.' },
    ),
    sources: mapOf(sourceStateSchema, 'The sources by name.'),
  },
  closed,
)
export type HealthAnswer = Answer<typeof healthSchema>

export const refreshSchema = Type.Object(
  {
    results: Type.Array(
      Type.Object(
        {
          source: sourceName,
          result: text('changed, unchanged or held, as in rollcall_source_refreshes_total.'),
          targets: count('How many targets are served.'),
        },
        { ...closed, title: 'RefreshResult' },
      ),
    ),
  },
  closed,
)
export type RefreshBody = Answer<typeof refreshSchema>

export const acceptedSchema = Type.Object({ status: Type.Literal('accepted') }, closed)
export type AcceptedBody = Answer<typeof acceptedSchema>

export const reloadSchema = Type.Object({ status: Type.Literal('reloaded') }, closed)
export type ReloadBody = Answer<typeof reloadSchema>

export const registrationSchema = Type.Object(
  {
    address: Type.String({
      description: 'Where the device is scraped: host:port, a host, or :port of the device that sends it.',
    }),
    labels: Type.Optional(
      nullable(
        mapOf(
          Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
          'Labels of the target, as far as the source allows them.',
        ),
      ),
    ),
    ttl: Type.Optional(
      nullable(text('How long the registration lasts without a heartbeat: a duration such as 90s.')),
    ),
  },
  { ...closed, title: 'Registration', description: 'The registration of a device.' },
)

export const registeredSchema = Type.Object(
  { ttl_seconds: Type.Number({ description: 'The time until the registration expires, in seconds.' }) },
  closed,
)
export type RegisteredBody = Answer<typeof registeredSchema>
