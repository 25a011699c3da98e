import { parseHttpUrl } from '../base/urls.ts'
import { parseDuration } from '../model/duration.ts'
import { isInstanceId, MAX_ID_LENGTH } from '../model/registration.ts'
import { parseOwnAddress } from '../sensor/registration/address.ts'
import { parseListenAddress } from './listen-address.ts'
import type { Option } from './option.ts'
import { flagOptions, parseLabels, timerDuration } from './options.ts'

/** Mount points without metrics. All these defaults are those of node_exporter 1.5 in Debian. */
const MOUNT_POINTS_EXCLUDE =
  '^/(dev|proc|run|sys|mnt|media|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)'
const FS_TYPES_EXCLUDE =
  '^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$'
const NET_DEVICES_EXCLUDE = '^lo$'
const DISKS_EXCLUDE = '^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$'

/** The options of `rollcall sensor`, in the order of its --help. */
export const sensorOptions = {
  listenAddress: {
    flag: 'web.listen-address',
    value: '<address>',
    default: ':9100',
    expects: 'an address to listen on; write host:port or :port, such as 127.0.0.1:9100',
    help: 'Address to serve on.',
    parse: parseListenAddress,
  },
  webConfigFile: flagOptions.webConfigFile,
  drainDelay: {
    flag: 'web.drain-delay',
    value: '<duration>',
    default: '0s',
    expects: 'a duration such as 5s or 0',
    help: 'After SIGTERM: how long requests are still answered while /ready answers 503.',
    parse: timerDuration,
  },
  shutdownTimeout: flagOptions.shutdownTimeout,
  registerUrl: {
    flag: 'register.url',
    value: '<URL>',
    expects: 'the http or https URL of a push source, such as http://rollcall:8080/api/v1/sources/devices',
    help: 'Push source of a Rollcall to register with; given several times, it registers with each. Without it the sensor does not register.',
    parse(text) {
      const url = parseHttpUrl(text)
      return url === undefined || url.username !== '' || url.password !== '' ? undefined : url
    },
  },
  registerTokenFile: {
    flag: 'register.token-file',
    value: '<path>',
    expects: 'a path',
    help: 'File with the bearer token of the push source; read each time it is used.',
    parse: nonEmpty,
  },
  registerId: {
    flag: 'register.id',
    value: '<name>',
    expects: `a name that the server accepts; write up to ${MAX_ID_LENGTH} characters without "/", "\\", tabs and line breaks, and not "." or ".."`,
    help: 'Name of this instance among those of the source. Default: the host name.',
    parse: (text) => (/^\.{1,2}$/.test(text) || !isInstanceId(text) ? undefined : text),
  },
  registerAddress: {
    flag: 'register.address',
    value: '<address>',
    expects: 'an address for scrapes; write a host or host:port, such as 10.0.0.7 or 10.0.0.7:9100',
    help: 'Address for scrapes. Default: the local address from which this machine reaches the server, with the port of --web.listen-address.',
    parse: (text) => (parseOwnAddress(text) === undefined ? undefined : text),
  },
  registerLabels: {
    flag: 'register.labels',
    value: '<labels>',
    expects: 'a list of labels; write name=value,… with names of letters, digits and _',
    help: 'Labels of the target: name=value,…',
    parse: parseLabels,
  },
  registerTtl: {
    flag: 'register.ttl',
    value: '<duration>',
    expects: 'a duration such as 90s, at least 3s',
    help: 'How long the registration lasts without a heartbeat. The sensor sends three heartbeats in that time. Default: set by the server.',
    parse: (text) => ((parseDuration(text) ?? 0) >= 3_000 ? text : undefined),
  },
  procfs: folder('procfs', '/proc', 'proc'),
  sysfs: folder('sysfs', '/sys', 'sys'),
  rootfs: folder('rootfs', '/', 'root'),
  mountPointsExclude: pattern('filesystem.mount-points-exclude', MOUNT_POINTS_EXCLUDE, 'Mount points'),
  fsTypesExclude: pattern('filesystem.fs-types-exclude', FS_TYPES_EXCLUDE, 'File system types'),
  mountTimeout: {
    flag: 'collector.filesystem.mount-timeout',
    value: '<duration>',
    default: '5s',
    expects: 'a duration such as 5s, longer than 0',
    help: 'How long to wait for a file system before it counts as failed.',
    parse: (text) => timerDuration(text) || undefined,
  },
  netDevicesExclude: pattern('netdev.device-exclude', NET_DEVICES_EXCLUDE, 'Network devices'),
  disksExclude: pattern('diskstats.device-exclude', DISKS_EXCLUDE, 'Block devices'),
  logLevel: flagOptions.logLevel,
  logFormat: flagOptions.logFormat,
} satisfies Record<string, Option<unknown>>

/** Flags that can be repeated. */
export const SENSOR_REPEATABLE = [sensorOptions.registerUrl.flag]

/** Flags of `rollcall sensor` without a value. */
export const SENSOR_SWITCHES = { help: 'Print this help and exit.' } as const

function nonEmpty(text: string): string | undefined {
  return text === '' ? undefined : text
}

function folder(name: string, path: string, what: string) {
  return {
    flag: `path.${name}`,
    value: '<path>',
    default: path,
    expects: 'a path',
    help: `Where the ${what} file system of the machine is mounted.`,
    parse: nonEmpty,
  } satisfies Option<string>
}

function pattern(name: string, value: string, what: string) {
  return {
    flag: `collector.${name}`,
    value: '<regexp>',
    default: value,
    expects: 'a regular expression',
    help: `${what} that have no metrics.`,
    parse: readPattern,
  } satisfies Option<RegExp>
}

function readPattern(text: string): RegExp | undefined {
  try {
    // In node_exporter an empty pattern excludes nothing.
    return new RegExp(text === '' ? '^(?!)' : text)
  } catch {
    return undefined
  }
}
