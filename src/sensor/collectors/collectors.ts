import type { Clock } from '../../base/clock.ts'
import { single } from '../exposition.ts'
import type { Collector } from './collector.ts'
import { createCpuFamilies } from './cpu.ts'
import { diskstatsFamilies } from './diskstats.ts'
import { filesystemFamilies, isWanted } from './filesystem.ts'
import type { Host } from './host.ts'
import { osFamilies, unameFamilies } from './identity.ts'
import {
  conntrackFamilies,
  entropyFamilies,
  filefdFamilies,
  loadFamilies,
  statFamilies,
  vmstatFamilies,
} from './kernel.ts'
import { meminfoFamilies } from './meminfo.ts'
import { parseMounts } from './mounts.ts'
import { netdevFamilies } from './netdev.ts'
import { networkClassFamilies } from './network-class.ts'
import { netstatFamilies, sockstatFamilies } from './network-protocols.ts'
import { PRESSURE_RESOURCES, pressureFamilies } from './pressure.ts'
import { createStatMounts } from './stat-mounts.ts'
import { thermalZoneFamilies } from './thermal-zone.ts'

/** The exclusions and the timeout, named as node_exporter's flags. */
export interface CollectorOptions {
  readonly mountPointsExclude: RegExp
  readonly fsTypesExclude: RegExp
  readonly mountTimeoutMs: number
  readonly netDevicesExclude: RegExp
  readonly disksExclude: RegExp
}

/** The collectors of a machine, in order of their names. */
export function createCollectors(
  host: Host,
  options: CollectorOptions,
  clock: Pick<Clock, 'now' | 'after'>,
): Collector[] {
  const cpuFamilies = createCpuFamilies()
  const statMounts = createStatMounts(options.mountTimeoutMs, { statfs: host.statfs, clock })
  const { proc, procIfAny, sysIfAny, sysFolder } = host
  const collectors: Record<string, Collector['collect']> = {
    conntrack: () =>
      conntrackFamilies(
        proc('sys/net/netfilter/nf_conntrack_count'),
        proc('sys/net/netfilter/nf_conntrack_max'),
      ),
    cpu: () => cpuFamilies(proc('stat')),
    diskstats: () => diskstatsFamilies(proc('diskstats'), options.disksExclude),
    entropy: () =>
      entropyFamilies(proc('sys/kernel/random/entropy_avail'), proc('sys/kernel/random/poolsize')),
    filefd: () => filefdFamilies(proc('sys/fs/file-nr')),
    async filesystem() {
      const mounts = parseMounts(host.mounts(), host.rootfs).filter((mount) => isWanted(mount, options))
      return filesystemFamilies(await statMounts(mounts))
    },
    loadavg: () => loadFamilies(proc('loadavg')),
    meminfo: () => meminfoFamilies(proc('meminfo')),
    netclass: () =>
      networkClassFamilies(sysFolder('class/net'), (device, name) => sysIfAny(`class/net/${device}/${name}`)),
    netdev: () =>
      netdevFamilies(proc('net/dev'), options.netDevicesExclude, (device) =>
        sysIfAny(`class/net/${device}/statistics/rx_nohandler`),
      ),
    netstat: () => netstatFamilies(proc('net/netstat'), proc('net/snmp'), procIfAny('net/snmp6')),
    os: () => osFamilies(host.osRelease()),
    pressure: () =>
      PRESSURE_RESOURCES.flatMap((resource) => pressureFamilies(resource, proc(`pressure/${resource}`))),
    sockstat: () => sockstatFamilies(proc('net/sockstat'), procIfAny('net/sockstat6'), host.pageBytes()),
    stat: () => statFamilies(proc('stat')),
    thermal_zone: () => thermalZoneFamilies(zonesOf(host)),
    time: () => [
      single('gauge', 'node_time_seconds', 'System time in seconds since epoch (1970).', clock.now() / 1000),
    ],
    uname: () => unameFamilies(unameOf(host)),
    vmstat: () => vmstatFamilies(proc('vmstat')),
  }
  return Object.entries(collectors).map(([name, collect]) => ({ name, collect }))
}

function unameOf({ proc, machine }: Host) {
  const kernel = (file: string) => proc(`sys/kernel/${file}`).trimEnd()
  return {
    sysname: kernel('ostype'),
    release: kernel('osrelease'),
    version: kernel('version'),
    machine,
    nodename: kernel('hostname'),
    domainname: kernel('domainname'),
  }
}

function zonesOf({ sysFolder, sysIfAny }: Host) {
  const folders = sysFolder('class/thermal').filter((name) => name.startsWith('thermal_zone'))
  return folders.flatMap((folder) => {
    const [type, temp] = ['type', 'temp'].map((file) => sysIfAny(`class/thermal/${folder}/${file}`))
    // A sensor that sleeps has no temperature at the moment.
    if (type === undefined || temp === undefined) return []
    return [{ zone: folder.slice('thermal_zone'.length), type, temp }]
  })
}
