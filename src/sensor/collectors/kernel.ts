import { type Family, single } from '../exposition.ts'
import { linesOf, toNumber, wordsOf } from './collector.ts'

/** /proc/loadavg: the load of the last 1, 5 and 15 minutes. */
export function loadFamilies(loadavg: string): Family[] {
  const values = wordsOf(loadavg)
  return [1, 5, 15].map((minutes, index) =>
    single('gauge', `node_load${minutes}`, `${minutes}m load average.`, toNumber(values[index], 'loadavg')),
  )
}

const STAT: readonly (readonly [key: string, type: 'counter' | 'gauge', name: string, help: string])[] = [
  ['intr', 'counter', 'node_intr_total', 'Total number of interrupts serviced.'],
  ['ctxt', 'counter', 'node_context_switches_total', 'Total number of context switches.'],
  ['processes', 'counter', 'node_forks_total', 'Total number of forks.'],
  ['btime', 'gauge', 'node_boot_time_seconds', 'Node boot time, in unixtime.'],
  ['procs_running', 'gauge', 'node_procs_running', 'Number of processes in runnable state.'],
  [
    'procs_blocked',
    'gauge',
    'node_procs_blocked',
    'Number of processes blocked waiting for I/O to complete.',
  ],
]

/** /proc/stat, except for the processors. */
export function statFamilies(stat: string): Family[] {
  const values = new Map(linesOf(stat).map((line) => wordsOf(line).slice(0, 2) as [string, string]))
  return STAT.map(([key, type, name, help]) => single(type, name, help, toNumber(values.get(key), key)))
}

const VMSTAT = /^(oom_kill|pgpg|pswp|pg.*fault).*/

/** /proc/vmstat: the fields that node_exporter exports by default. */
export function vmstatFamilies(vmstat: string): Family[] {
  return linesOf(vmstat).flatMap((line) => {
    const [key = '', value] = wordsOf(line)
    if (!VMSTAT.test(key)) return []
    const help = `/proc/vmstat information field ${key}.`
    return [single('untyped', `node_vmstat_${key}`, help, toNumber(value, key))]
  })
}

/** /proc/sys/fs/file-nr. */
export function filefdFamilies(fileNr: string): Family[] {
  const [allocated, , maximum] = wordsOf(fileNr)
  return [
    single(
      'gauge',
      'node_filefd_allocated',
      'File descriptor statistics: allocated.',
      toNumber(allocated, 'file-nr'),
    ),
    single(
      'gauge',
      'node_filefd_maximum',
      'File descriptor statistics: maximum.',
      toNumber(maximum, 'file-nr'),
    ),
  ]
}

/** /proc/sys/kernel/random: entropy_avail and poolsize. */
export function entropyFamilies(available: string, poolSize: string): Family[] {
  const bits = (text: string) => toNumber(text.trim(), 'entropy')
  return [
    single('gauge', 'node_entropy_available_bits', 'Bits of available entropy.', bits(available)),
    single('gauge', 'node_entropy_pool_size_bits', 'Bits of entropy pool.', bits(poolSize)),
  ]
}

/** /proc/sys/net/netfilter: nf_conntrack_count and nf_conntrack_max. */
export function conntrackFamilies(count: string, max: string): Family[] {
  const entries = (text: string) => toNumber(text.trim(), 'nf_conntrack')
  return [
    single(
      'gauge',
      'node_nf_conntrack_entries',
      'Number of currently allocated flow entries for connection tracking.',
      entries(count),
    ),
    single(
      'gauge',
      'node_nf_conntrack_entries_limit',
      'Maximum size of connection tracking table.',
      entries(max),
    ),
  ]
}

/**
 * The size of a memory page in bytes, which differs between boards: /proc/self/statm gives the memory of this
 * process in pages, and /proc/self/status gives it in KiB.
 */
export function pageBytesOf(statm: string, status: string): number {
  const kib = toNumber(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1], 'VmSize')
  const pages = toNumber(wordsOf(statm)[0], 'statm')
  // The memory may have grown a little between the two readings.
  return 2 ** Math.round(Math.log2((kib * 1024) / pages))
}
