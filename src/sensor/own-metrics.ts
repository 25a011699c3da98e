import { readdirSync } from 'node:fs'
import {
  type createRequestCounts,
  LATENCY_METRIC,
  latencyOf,
  REFUSED_METRIC,
  REQUESTS_METRIC,
  requestsOf,
  WEB_CONFIG_METRIC,
} from '../base/request-counts.ts'
import { version } from '../base/version.ts'
import type { Web } from '../web/web.ts'
import { type Family, single } from './exposition.ts'

/** The web configuration that is in use. */
export interface SensorWeb extends Pick<Web, 'access' | 'createServer'> {
  /** The number of refusals by reason. */
  readonly refused: ReadonlyMap<string, number>
  /** Whether the present content of the file is in force. */
  isInForce(): boolean
}

/** The start time of this process, in seconds since the epoch. */
const STARTED_S = performance.timeOrigin / 1000

/** The sensor's own metrics: its requests, and the resources of the process. */
export function ownFamilies(
  { routes }: Pick<ReturnType<typeof createRequestCounts>, 'routes'>,
  inFlight: number,
): Family[] {
  return [
    { ...REQUESTS_METRIC, type: 'counter', series: [...routes].flatMap(requestsOf) },
    { ...LATENCY_METRIC, type: 'histogram', series: [...routes].flatMap(latencyOf) },
    single(
      'gauge',
      'rollcall_http_requests_in_flight',
      'HTTP requests not yet answered, including this one.',
      inFlight,
    ),
    {
      // Not the metric name of the server, by which alerts recognise a Rollcall: a sensor is none.
      name: 'rollcall_sensor_build_info',
      type: 'gauge',
      help: 'A metric with a constant value of 1, labelled with the version of Rollcall and of Node.js.',
      series: [{ labels: { version, nodeversion: process.version }, value: 1 }],
    },
    ...processFamilies(),
  ]
}

/** The refusals by the web configuration, and whether the file is in force; empty without a file. */
export function webFamilies(web: SensorWeb | undefined): Family[] {
  if (web === undefined) return []
  return [
    {
      ...REFUSED_METRIC,
      type: 'counter',
      series: [...web.refused].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    single('gauge', WEB_CONFIG_METRIC.name, WEB_CONFIG_METRIC.help, web.isInForce() ? 1 : 0),
  ]
}

function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage()
  return [
    single(
      'counter',
      'process_cpu_seconds_total',
      'Total user and system CPU time spent in seconds.',
      (user + system) / 1_000_000,
    ),
    single(
      'gauge',
      'process_resident_memory_bytes',
      'Resident memory size in bytes.',
      process.memoryUsage.rss(),
    ),
    single(
      'gauge',
      'process_start_time_seconds',
      'Start time of the process since unix epoch in seconds.',
      STARTED_S,
    ),
    single(
      'gauge',
      'process_open_fds',
      'Number of open file descriptors.',
      readdirSync('/proc/self/fd').length,
    ),
  ]
}
