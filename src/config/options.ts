import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../base/logger.ts'
import { parseHttpUrl } from '../base/urls.ts'
import { DEFAULT_METRICS_PORT } from '../mapping/mapping.ts'
import { parsePort } from '../model/address.ts'
import { MAX_TIMER_MS, parseDuration } from '../model/duration.ts'
import { isLabelName, isLabelValue } from '../model/labels.ts'
import { parseSize } from '../model/size.ts'
import { type ListenAddress, parseListenAddress } from './listen-address.ts'
import type { Option } from './option.ts'

/** Defaults that flags, variables and the configuration file share. */
export const DEFAULT_REFRESH_INTERVAL = '30s'
export const DEFAULT_TIMEOUT = '10s'

/** The shortest and the longest refresh_interval, in milliseconds. */
export const MIN_INTERVAL_MS = 100
export const MAX_INTERVAL_MS = 20 * 86_400_000

/** The smallest limits of the history, in milliseconds and bytes. */
const MIN_HISTORY_MS = 3_600_000
const MIN_HISTORY_BYTES = 2 ** 20

const A_LISTEN_ADDRESS = 'an address to listen on; write host:port or :port, such as 127.0.0.1:8080'

/** The options that have a flag, in the order of --help. */
export const flagOptions = {
  configFile: {
    flag: 'config.file',
    env: 'CONFIG_FILE',
    value: '<path>',
    expects: 'a path',
    help: 'Configuration file in YAML. Without one, the environment variables below apply.',
    parse: (text: string) => (text === '' ? undefined : text),
  },
  listenAddress: {
    flag: 'web.listen-address',
    env: 'LISTEN_ADDRESS',
    value: '<address>',
    default: ':8080',
    expects: A_LISTEN_ADDRESS,
    help: 'Address to serve on (the demo: 127.0.0.1:8080).',
    parse: parseListenAddress,
  },
  webConfigFile: {
    flag: 'web.config.file',
    value: '<path>',
    expects: 'a path',
    help: 'Web configuration file with TLS, users and tokens, as for Prometheus exporters. Without one every client can read.',
    parse: (text: string) => (text === '' ? undefined : text),
  },
  drainDelay: {
    flag: 'web.drain-delay',
    value: '<duration>',
    default: '5s',
    expects: 'a duration such as 5s or 0',
    help: 'After SIGTERM: how long /targets still answers while /ready answers 503 (the demo: 0s).',
    parse: timerDuration,
  },
  shutdownTimeout: {
    flag: 'web.shutdown-timeout',
    value: '<duration>',
    default: '30s',
    expects: 'a duration such as 30s, longer than 0',
    help: 'After SIGTERM: the process ends within this time.',
    parse: (text: string) => timerDuration(text) || undefined,
  },
  readyMaxAge: {
    flag: 'web.ready-max-age',
    value: '<duration>',
    default: '0',
    expects: 'a duration such as 5m, or 0',
    help: '/ready answers 503 when a list is older than this, so that a load balancer prefers another replica; no effect with a push source. 0: never.',
    parse: parseDuration,
  },
  externalUrl: {
    flag: 'web.external-url',
    value: '<URL>',
    expects: 'an http or https URL such as https://rollcall.example.com',
    help: 'URL at which clients reach Rollcall, for the links that it prints.',
    parse: parseHttpUrl,
  },
  storagePath: {
    flag: 'storage.path',
    env: 'STORAGE_PATH',
    value: '<path>',
    default: 'data',
    expects: 'a path',
    help: 'Folder for the last good lists, which survive a restart. Empty: nothing is stored (as in the demo).',
    parse: (text: string) => text,
  },
  historyTime: {
    flag: 'storage.history.retention.time',
    value: '<duration>',
    default: '30d',
    expects: 'a duration such as 30d, at least 1h, or 0',
    help: 'How long to keep the history of targets, in --storage.path, or in memory without it. 0: no history.',
    parse(text: string) {
      const ms = parseDuration(text)
      return ms === 0 || (ms !== undefined && ms >= MIN_HISTORY_MS) ? ms : undefined
    },
  },
  historySize: {
    flag: 'storage.history.retention.size',
    value: '<size>',
    default: '64MB',
    expects: 'a size such as 64MB, at least 1MB',
    help: 'Size limit of the history on disk. The oldest events are deleted.',
    parse(text: string) {
      const bytes = parseSize(text)
      return bytes !== undefined && bytes >= MIN_HISTORY_BYTES ? bytes : undefined
    },
  },
  seedUrl: {
    flag: 'storage.seed-url',
    env: 'STORAGE_SEED_URL',
    value: '<URL>',
    expects: 'the http or https URL of another Rollcall, without a query, such as https://rollcall-1:8080',
    help: 'URL of another Rollcall with the same configuration. At the start, lists that are not on disk are fetched from it.',
    parse(text: string) {
      const url = parseHttpUrl(text)
      return url?.search === '' ? url : undefined // a query could select a part of the list
    },
  },
  signingKeyFile: {
    flag: 'storage.signing-key-file',
    value: '<path>',
    expects: 'a path',
    help: 'File with a key that signs backups, read for each backup. A restore then accepts only backups signed with it.',
    parse: (text: string) => (text === '' ? undefined : text),
  },
  demoInventory: {
    flag: 'demo.listen-address',
    value: '<address>',
    default: '127.0.0.1:1337',
    expects: A_LISTEN_ADDRESS,
    help: "Address of the demo's inventory.",
    parse: parseListenAddress,
  },
  logLevel: {
    flag: 'log.level',
    env: 'LOG_LEVEL',
    value: '<level>',
    default: 'info',
    expects: `a log level; write one of ${LOG_LEVELS.join(', ')}`,
    help: 'Least severe level that is logged.',
    parse: (text: string) => LOG_LEVELS.find((level): level is LogLevel => level === text),
  },
  logFormat: {
    flag: 'log.format',
    env: 'LOG_FORMAT',
    value: '<format>',
    default: 'auto',
    expects: `a log format; write one of ${LOG_FORMATS.join(', ')}`,
    help: 'Format of the log; auto is pretty on a terminal and JSON elsewhere.',
    parse: (text: string) => LOG_FORMATS.find((format): format is LogFormat => format === text),
  },
} satisfies Record<string, Option<ListenAddress | LogFormat | LogLevel | URL | number | string>>

/** The environment variables that describe one inventory, instead of a configuration file. */
export const inventoryOptions = {
  inventoryUrl: {
    env: 'INVENTORY_URL',
    value: '<URL>',
    expects:
      'an http or https URL; write one such as http://inventory:1337/inventory, and %25 for a "%" in a password',
    help: 'URL to fetch the inventory from. Without it, and without a file, the demo fleet is served.',
    parse: parseHttpUrl,
  },
  updateInterval: {
    env: 'UPDATE_INTERVAL',
    value: '<seconds>',
    default: '30',
    expects: 'seconds such as 30 or a duration such as 5m (100ms to 20d)',
    help: 'Time between refreshes, in seconds or as a Prometheus duration.',
    parse: parseInterval,
  },
  metricsPort: {
    env: 'METRICS_PORT',
    value: '<port>',
    default: String(DEFAULT_METRICS_PORT),
    expects:
      'a port from 1 to 65535 (Kubernetes sets this variable itself for a Service named "metrics"; enableServiceLinks: false prevents this)',
    help: 'Port of records without a port. It is not added to target groups (records with a list of targets).',
    parse: parsePort,
  },
  metricsPath: {
    env: 'METRICS_PATH',
    value: '<path>',
    default: '/metrics',
    expects: 'a path such as /metrics, without query',
    help: 'Sent as __metrics_path__ when it is not /metrics.',
    parse: (text: string) => (/^\/[^\s?#]*$/.test(text) ? text : undefined),
  },
  targetsFile: {
    env: 'TARGETS_FILE',
    value: '<path>',
    expects: 'a path that ends in .json, .yml or .yaml, as file_sd_configs requires',
    help: 'Also write the target groups there, as a file_sd file.',
    parse: (text: string) => (/\.(json|ya?ml)$/.test(text) ? text : undefined),
  },
  targetLabels: {
    env: 'TARGET_LABELS',
    value: '<labels>',
    expects: 'a list of labels; write name=value,… with names of letters, digits and _',
    help: 'Labels for every target: name=value,…',
    parse: parseLabels,
  },
} satisfies Record<string, Option<URL | number | string | Labels>>

type Labels = readonly (readonly [name: string, value: string])[]

/** All options of the process; --help and docs/inventory.md list them. */
export const options: readonly Option<unknown>[] = [
  ...Object.values(flagOptions),
  ...Object.values(inventoryOptions),
]

/** Reads a duration within the limit of a timer, in milliseconds; undefined when it is not one. */
export function timerDuration(text: string): number | undefined {
  const ms = parseDuration(text)
  return ms !== undefined && ms <= MAX_TIMER_MS ? ms : undefined
}

function parseInterval(text: string): number | undefined {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : parseDuration(text)
  return ms !== undefined && ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS ? ms : undefined
}

/** Reads `name=value,…`; undefined when it is not that, or has a reserved label. */
export function parseLabels(text: string): Labels | undefined {
  const labels = new Map<string, string>()
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals).trim()
    const value = pair.slice(equals + 1).trim()
    if (equals === -1 || !isLabelName(name) || !isLabelValue(value) || labels.has(name)) return undefined
    if (isReservedLabel(name)) return undefined
    labels.set(name, value)
  }
  return [...labels]
}

/** Labels that Rollcall or Prometheus itself sets from the target; configuring them would have no effect. */
export function isReservedLabel(name: string): boolean {
  return name === '__address__' || name.startsWith('__meta_rollcall_')
}
