import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { REFRESH_FAILURES, type RefreshFailureReason } from './errors.ts'
import { REFUSED_METRIC, WEB_CONFIG_METRIC } from './request-counts.ts'
import { createRequestMetrics } from './request-metrics.ts'

/** The outcomes of a refresh: the values of the `result` label of `rollcall_source_refreshes_total`. */
export const REFRESH_RESULTS = ['changed', 'unchanged', 'held', 'failed'] as const
export type RefreshResult = (typeof REFRESH_RESULTS)[number]

/**
 * The outcomes of a registration: the values of the `result` label of `rollcall_push_registrations_total`.
 */
export const PUSH_RESULTS = ['new', 'changed', 'renewed', 'left', 'expired', 'refused'] as const
export type PushResult = (typeof PUSH_RESULTS)[number]

/** The common methods of all kinds of metrics. */
type Metric = Pick<Gauge<string>, 'get' | 'remove'>

/** Every metric that Rollcall exposes, on a registry of its own (never the library's global one). */
export type Metrics = ReturnType<typeof createMetrics>

/** Gauges of the client library whose names end in `_total`, which `promtool check metrics` faults. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Creates the registry with every metric registered; `version` goes into `rollcall_build_info`. */
export function createMetrics(version: string) {
  const registry = new Registry()
  const source = sourceMetrics(registry)
  const push = pushMetrics(registry)
  const http = httpMetrics(registry)
  const config = configMetrics(registry)
  const history = historyMetrics(registry)
  let scrapes: ScrapeMetrics | undefined
  const build = new Gauge({
    name: 'rollcall_build_info',
    help: 'A metric with a constant value of 1, labelled with the version of Rollcall and of Node.js.',
    labelNames: ['version', 'nodeversion'],
    registers: [registry],
  })
  build.set({ version, nodeversion: process.version }, 1)
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name)
  return {
    registry,
    source,
    push,
    http,
    config,
    history,
    guard: {
      holding: new Gauge({
        name: 'rollcall_guard_holding',
        help: '1 while targets of removed sources are held on /targets.',
        registers: [registry],
      }),
    },
    /** Registers the metrics of a replica in a cluster; without a cluster they do not exist. */
    startCluster: () => clusterMetrics(registry),
    /** Registers the metrics of scrapes; unless Prometheus servers are queried, they do not exist. */
    startScrapes(): ScrapeMetrics {
      scrapes ??= scrapeMetrics(registry)
      return scrapes
    },
    /** Creates the series of a source, so that its counters start at 0. */
    addSource(name: string): void {
      for (const result of REFRESH_RESULTS) source.refreshes.inc({ source: name, result }, 0)
      for (const reason of Object.keys(REFRESH_FAILURES) as RefreshFailureReason[]) {
        source.failures.inc({ source: name, reason }, 0)
      }
      for (const metric of [source.added, source.removed]) metric.inc({ source: name }, 0)
      for (const file of ['file_sd', 'storage', 'registrations'])
        source.writeFailures.inc({ source: name, file }, 0)
      for (const metric of [
        source.records,
        source.dropped,
        source.targets,
        source.groups,
        source.holding,
        source.absent,
      ]) {
        metric.set({ source: name }, 0)
      }
      source.stale.set({ source: name }, 1)
    },
    /** Removes every series of a source. */
    async removeSource(name: string): Promise<void> {
      http.polled.delete(name)
      for (const metric of Object.values(source) as Metric[]) {
        const { values } = await metric.get()
        const series = values.map(({ labels }) => labels).filter((labels) => labels.source === name)
        for (const { le: _bucket, ...labels } of series) metric.remove(labels)
      }
    },
  }
}

function sourceMetrics(registry: Registry) {
  const registers = [registry]
  const labelNames = ['source'] as const
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `rollcall_source_${name}`, help, labelNames, registers })
  const counter = (name: string, help: string) =>
    new Counter({ name: `rollcall_source_${name}`, help, labelNames, registers })
  return {
    refreshes: new Counter({
      name: 'rollcall_source_refreshes_total',
      help: 'Refreshes by result: changed, unchanged, held (absent targets are held) or failed.',
      labelNames: ['source', 'result'],
      registers,
    }),
    failures: new Counter({
      name: 'rollcall_source_refresh_failures_total',
      help: 'Failed refreshes by reason. The last good list is still served.',
      labelNames: ['source', 'reason'],
      registers,
    }),
    duration: new Histogram({
      name: 'rollcall_source_refresh_duration_seconds',
      help: 'Time from the request to the inventory until the new list is served, or until the failure.',
      labelNames,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    rejected: new Gauge({
      name: 'rollcall_source_records_rejected',
      help: 'Quarantined records, or single quarantined targets, of the last list by reason.',
      labelNames: ['source', 'reason'],
      registers,
    }),
    labelsDropped: new Gauge({
      name: 'rollcall_source_labels_dropped',
      help: 'Labels of the last list that were left out, by reason. Their targets are served.',
      labelNames: ['source', 'reason'],
      registers,
    }),
    lastSuccess: gauge(
      'last_success_timestamp_seconds',
      'Time of the last successful refresh, changed or unchanged.',
    ),
    lastChange: gauge('last_change_timestamp_seconds', 'When the served list last changed.'),
    interval: gauge('refresh_interval_seconds', 'Time between two refreshes, as configured.'),
    records: gauge('records', 'Records in the last list.'),
    dropped: gauge('targets_dropped', 'Targets of the last list that relabel rules dropped.'),
    targets: gauge('targets', 'Targets that are served.'),
    groups: gauge('target_groups', 'Target groups that are served.'),
    digest: new Gauge({
      name: 'rollcall_targets_digest',
      help: 'The first 52 bits of the SHA-256 of the served list: equal for the same targets with the same labels, in any order and at any time.',
      labelNames,
      registers,
    }),
    added: counter('targets_added_total', 'Targets that joined the served list.'),
    removed: counter('targets_removed_total', 'Targets that left the served list.'),
    holding: gauge(
      'guard_holding',
      '1 while absent targets are held until more readings, or an operator, let them leave.',
    ),
    absent: gauge('targets_absent', 'Absent targets: served, but missing from the last reading.'),
    stale: gauge('stale', '1 while the last refresh failed, or none has succeeded since the start.'),
    standby: gauge(
      'standby',
      'For a source with several URLs: 1 while its list comes from a standby because the first URL fails.',
    ),
    writeFailures: new Counter({
      name: 'rollcall_source_write_failures_total',
      help: 'Failed writes to disk by file: file_sd or storage (the served list), or registrations.',
      labelNames: ['source', 'file'],
      registers,
    }),
  }
}

function pushMetrics(registry: Registry) {
  const registers = [registry]
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `rollcall_push_${name}`, help, labelNames: ['source'], registers })
  const instances = gauge('instances', 'Registered instances of a push source.')
  const limit = gauge('instances_limit', 'Limit of instances of a push source (max_instances).')
  const paused = gauge('expiry_paused', '1 while expiry is paused because heartbeats cannot be received.')
  const registrations = new Counter({
    name: 'rollcall_push_registrations_total',
    help: 'Registrations of a push source by result: new, changed, renewed, left, expired, or refused because of a limit (max_instances, max_bytes).',
    labelNames: ['source', 'result'],
    registers,
  })
  return {
    instances,
    paused,
    registrations,
    /** Creates the series of a push source. */
    start(source: string, max: number, known: number): void {
      instances.set({ source }, known)
      limit.set({ source }, max)
      paused.set({ source }, 0)
      for (const result of PUSH_RESULTS) registrations.inc({ source, result }, 0)
    },
    /** Removes the series of a push source. */
    end(source: string): void {
      for (const metric of [instances, limit, paused]) metric.remove({ source })
      for (const result of PUSH_RESULTS) registrations.remove({ source, result })
    },
  }
}

/** The metrics of a replica. */
export type ClusterMetrics = ReturnType<typeof clusterMetrics>

function clusterMetrics(registry: Registry) {
  const registers = [registry]
  const gauge = (name: string, help: string) => new Gauge({ name: `rollcall_${name}`, help, registers })
  const ofSource = (name: string, help: string) =>
    new Gauge({ name: `rollcall_source_${name}`, help, labelNames: ['source'], registers })
  return {
    storeUp: gauge('cluster_store_up', '1 while the shared store can be used.'),
    replicas: gauge('cluster_replicas', 'Replicas that share the store, including this one.'),
    reader: ofSource('reader', '1 while this replica reads the source, 0 while another one does.'),
    generation: ofSource(
      'generation',
      'Generation of the served list. Replicas that serve the same list have the same generation.',
    ),
  }
}

/** The metrics of scrapes by Prometheus servers. */
export type ScrapeMetrics = ReturnType<typeof scrapeMetrics>

function scrapeMetrics(registry: Registry) {
  const registers = [registry]
  return {
    targets: new Gauge({
      name: 'rollcall_targets_scraped',
      help: 'Served targets by their best state on all Prometheus servers: up, down, pending (not scraped yet), dropped (by a relabel rule of that server) or unknown.',
      labelNames: ['state'],
      registers,
    }),
    up: new Gauge({
      name: 'rollcall_prometheus_up',
      help: '1 while queries of a Prometheus server succeed.',
      labelNames: ['server'],
      registers,
    }),
  }
}

function httpMetrics(registry: Registry) {
  const polled = new Map<string | undefined, number>()
  new Gauge({
    name: 'rollcall_last_poll_timestamp_seconds',
    help: 'Time of the last poll that got a list, or 304, by path: /targets, or that of a source.',
    labelNames: ['path'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [source, seconds] of polled)
        this.set({ path: source === undefined ? '/targets' : `/targets/${source}` }, seconds)
    },
  })
  return {
    requests: createRequestMetrics(registry),
    /** When the list of each source, and that of all (undefined), was last sent, in seconds of Unix time. */
    polled,
    shed: new Counter({
      name: 'rollcall_http_requests_shed_total',
      help: 'Requests answered 503 because the process was overloaded.',
      registers: [registry],
    }),
    refused: new Counter({
      ...REFUSED_METRIC,
      labelNames: ['reason'],
      registers: [registry],
    }),
  }
}

function historyMetrics(registry: Registry) {
  const registers = [registry]
  return {
    bytes: new Gauge({
      name: 'rollcall_history_bytes',
      help: 'Size of the history of targets on disk.',
      registers,
    }),
    dropped: new Counter({
      name: 'rollcall_history_events_dropped_total',
      help: 'Events of the history that were lost because the disk was too slow or failed.',
      registers,
    }),
    failures: new Counter({
      name: 'rollcall_history_write_failures_total',
      help: 'Failed writes of the history to disk.',
      registers,
    }),
  }
}

function configMetrics(registry: Registry) {
  const registers = [registry]
  return {
    successful: new Gauge({
      name: 'rollcall_config_last_reload_successful',
      help: 'Whether the last configuration load succeeded.',
      registers,
    }),
    webSuccessful: new Gauge({
      ...WEB_CONFIG_METRIC,
      registers,
    }),
    successTimestamp: new Gauge({
      name: 'rollcall_config_last_reload_success_timestamp_seconds',
      help: 'When the configuration was last loaded successfully.',
      registers,
    }),
  }
}
