/** What a figure must be. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number }

/** A row of the table: what is measured, in which unit, and its goal when it has one. */
export interface RowSpec {
  readonly what: string
  readonly unit: string
  readonly goal?: Goal
}

const atLeast = (value: number): { readonly goal: Goal } => ({ goal: { atLeast: value } })
const atMost = (value: number): { readonly goal: Goal } => ({ goal: { atMost: value } })

const bare = (what: string, most: number): RowSpec => ({
  what: `CPU for a request to /targets against bare node:http, ${what}`,
  unit: '×',
  ...atMost(most),
})

const peer = (name: string, what: string): RowSpec => ({
  what: `CPU for a request to /targets against ${name}, ${what}`,
  unit: '×',
})

const tls = (what: string): RowSpec => ({
  what: `throughput of /targets over TLS against bare node:https, ${what}`,
  unit: '×',
  ...atLeast(0.9),
})

/** Every row that there is, in the order of the table. */
export const ROWS = {
  'targets-100': bare('100 targets', 1.05),
  'targets-10000': bare('10,000 targets', 1.02),
  'targets-100000': bare('100,000 targets', 1.02),
  'targets-gzip-10000': bare('10,000 targets, gzip', 1.02),
  'targets-gzip-100000': bare('100,000 targets, gzip', 1.02),
  'targets-tls-100': tls('100 targets'),
  'targets-tls-10000': tls('10,000 targets'),
  'targets-user': {
    what: 'throughput of /targets for a user with a password against without one, 100 targets',
    unit: '×',
    ...atLeast(0.9),
  },
  'targets-token': {
    what: 'throughput of /targets for a bearer token against without one, 100 targets',
    unit: '×',
    ...atLeast(0.9),
  },
  'fastify-100': peer('bare Fastify', '100 targets'),
  'nginx-100': peer('nginx', '100 targets'),
  'fastify-10000': peer('bare Fastify', '10,000 targets'),
  'nginx-10000': peer('nginx', '10,000 targets'),
  'nginx-gzip-10000': peer('nginx', '10,000 targets, gzip'),
  'http-sd-10000': { ...peer('prometheus-http-sd', '10,000 targets'), ...atMost(1 / 60) },
  'full-refresh': {
    what: 'full refresh of 1,000,000 records against JSON.parse of the same body',
    unit: '×',
    ...atMost(2.5),
  },
  'unchanged-body': {
    what: 'refresh that reads the same bytes again against a full one',
    unit: '×',
    ...atMost(0.2),
  },
  'unchanged-304': {
    what: 'refresh that is answered 304 against a full one',
    unit: '×',
    ...atMost(0.2),
  },
  'peak-memory': {
    what: 'peak memory of a full refresh of 1,000,000 records against the body',
    unit: '×',
    ...atMost(8),
  },
  'three-millions': {
    what: 'full refresh of 3,000,000 records against one of 1,000,000',
    unit: '×',
    ...atMost(3.3),
  },
  'three-millions-memory': {
    what: 'peak memory of a full refresh of 3,000,000 records',
    unit: 'MB',
    ...atMost(1_000),
  },
  'p99-targets': {
    what: 'p99 of /targets during that refresh against idle',
    unit: '×',
    ...atMost(2),
  },
  'p99-targets-gzip': {
    what: 'p99 of /targets, gzip, during that refresh against idle',
    unit: '×',
    ...atMost(2),
  },
  'p99-health': {
    what: 'p99 of /health during that refresh against idle',
    unit: '×',
    ...atMost(2),
  },
  'longest-request': {
    what: 'longest request to /targets, /health or /metrics during that refresh',
    unit: 'ms',
    ...atMost(100),
  },
  'failed-requests': {
    what: 'requests that failed during that refresh',
    unit: '',
    ...atMost(0),
  },
  'event-loop': {
    what: 'longest block of the event loop during that refresh',
    unit: 'ms',
    ...atMost(50),
  },
  'change-of-many': {
    what: 'CPU of a change of one target with 80 sources of 500, more than with one source of 500',
    unit: 'ms',
    ...atMost(2),
  },
  'warm-start-of-many': {
    what: 'warm start of 80 sources of 500 against one of 40,000',
    unit: '×',
    ...atMost(1.3),
  },
  'thousands-read': {
    what: '2,000 sources of 10 targets: from the start until all are read',
    unit: 's',
    ...atMost(10),
  },
  'thousands-cpu': {
    what: 'CPU of 2,000 sources of 10 targets that are read every 30 s, of a core',
    unit: '%',
    ...atMost(5),
  },
  'registration-cpu': {
    what: 'CPU of a heartbeat over kept-alive connections, 10,000 devices',
    unit: 'µs',
    ...atMost(100),
  },
  'devices-cpu': {
    what: 'CPU of 200,000 devices that send a heartbeat every 60 s, of a core',
    unit: '%',
    ...atMost(60),
  },
  'devices-p99': {
    what: 'p99 of a heartbeat meanwhile',
    unit: 'ms',
    ...atMost(100),
  },
  'devices-disk': {
    what: 'written to disk within ten seconds when ten of 200,000 devices change',
    unit: 'kB',
    ...atMost(100),
  },
  'devices-restart': {
    what: 'start with 200,000 registrations on disk to the full list',
    unit: 's',
    ...atMost(3),
  },
  'memory-environment': {
    what: 'resident memory with 100 sensors, configured by the environment',
    unit: 'MB',
    ...atMost(80),
  },
  'memory-file': {
    what: 'resident memory with 100 sensors, configured by a file',
    unit: 'MB',
    ...atMost(80),
  },
  'compose-idle': {
    what: 'CPU of all containers of the core profile of compose.yaml at rest, of a core',
    unit: '%',
    ...atMost(3),
  },
  'warm-start': {
    what: 'start to the first 200 with 100,000 targets on disk and the inventory down',
    unit: 's',
    ...atMost(0.5),
  },
  'cold-start': {
    what: 'start to the first 200 with 100 sensors and nothing on disk',
    unit: 's',
    ...atMost(1),
  },
  'names-to-targets': {
    what: 'refresh of 10,000 names, from asking to serving',
    unit: 's',
    ...atMost(1),
  },
  relabelling: {
    what: 'refresh of 100,000 records with five relabel rules against one without',
    unit: '×',
    ...atMost(3),
  },
  adopted: {
    what: 'p99 from a list of 100,000 targets on the replica that reads to the same list on all three',
    unit: 's',
    ...atMost(1),
  },
  'follower-cpu': {
    what: 'CPU of such a change on another replica against the one that reads',
    unit: '×',
    ...atMost(0.2),
  },
  registration: {
    what: 'p99 of a heartbeat, 50,000 devices every 30 s over three replicas',
    unit: 'ms',
  },
  'new-device': {
    what: 'p99 from a new registration to being served by all replicas, meanwhile',
    unit: 's',
    ...atMost(2),
  },
  'lost-devices': {
    what: 'devices that were lost when the replica that reads was killed, meanwhile',
    unit: '',
    ...atMost(0),
  },
  'prometheus-2-cpu': {
    what: 'CPU of Prometheus 2 for ten polls of 100,000 targets, packed against one group each',
    unit: '×',
  },
  'prometheus-2-memory': {
    what: 'peak memory of Prometheus 2, packed against one group each',
    unit: '×',
  },
  'prometheus-3-cpu': {
    what: 'CPU of Prometheus 3 for ten polls of 100,000 targets, packed against one group each',
    unit: '×',
  },
  'prometheus-3-memory': {
    what: 'peak memory of Prometheus 3, packed against one group each',
    unit: '×',
  },
  'loop-prometheus': {
    what: 'CPU of Prometheus that is asked what it makes of 100,000 targets, of a core at the default interval',
    unit: '%',
    ...atMost(2),
  },
  'loop-rollcall': {
    what: 'CPU of Rollcall that asks it, of a core at the default interval',
    unit: '%',
    ...atMost(2),
  },
  'loop-memory': {
    what: 'memory of Rollcall that asks it, more than before',
    unit: 'MB',
    ...atMost(150),
  },
} satisfies Record<string, RowSpec>

export type RowId = keyof typeof ROWS

/** One measured row. */
export interface Figure {
  readonly id: RowId
  /** What is judged. */
  readonly value: number
  /** The value of each round, in the order in which they ran. */
  readonly rounds: readonly number[]
  /** What a reader should know beside it, in absolute figures. */
  readonly note: string
}

/** Whether a value is what the goal wants; a row without a goal has nothing to miss. */
export function isMet(value: number, goal: Goal | undefined): boolean {
  if (goal === undefined) return true
  // A figure that is no number never meets a goal.
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost
}
