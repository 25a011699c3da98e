import type { Family, Series } from '../exposition.ts'
import { linesOf, toNumber, wordsOf } from './collector.ts'

/** Ticks per second in the kernel's files: USER_HZ, the same on every supported architecture. */
const TICKS = 100

const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const
const FIELDS = [...MODES, 'guest', 'guest_nice'] as const

/** A fall of the idle time by more than this many seconds is a counter reset: the processor was offline. */
const RESET_S = 3

/** Seconds by field. */
type Times = Readonly<Record<(typeof FIELDS)[number], number>>

/** The times of each processor in /proc/stat, in seconds, by its number. */
export function parseCpus(stat: string): Map<string, Times> {
  const cpus = new Map<string, Times>()
  for (const line of linesOf(stat)) {
    const [, cpu] = /^cpu(\d+) /.exec(line) ?? []
    if (cpu === undefined) continue
    const values = wordsOf(line).slice(1)
    // Old kernels have fewer fields.
    const times = FIELDS.map((field, index) => [field, toNumber(values[index] ?? '0', `cpu${cpu}`) / TICKS])
    cpus.set(cpu, Object.fromEntries(times))
  }
  return cpus
}

/**
 * Keeps the counters from falling: the kernel lets some fall a little, which Prometheus would take for a
 * counter reset.
 */
export function steady(before: Times | undefined, now: Times): Times {
  if (before === undefined || before.idle - now.idle > RESET_S) return now
  return Object.fromEntries(FIELDS.map((field) => [field, Math.max(before[field], now[field])])) as Times
}

/**
 * Creates the function that turns /proc/stat into the families of the cpu collector; it remembers the last
 * values.
 */
export function createCpuFamilies(): (stat: string) => Family[] {
  let told = new Map<string, Times>()
  return (stat) => {
    const cpus = [...parseCpus(stat)].map(([cpu, times]) => [cpu, steady(told.get(cpu), times)] as const)
    told = new Map(cpus)
    return cpuFamilies(cpus)
  }
}

function cpuFamilies(cpus: readonly (readonly [string, Times])[]): Family[] {
  const guest = cpus.flatMap(([cpu, times]): Series[] => [
    { labels: { cpu, mode: 'user' }, value: times.guest },
    { labels: { cpu, mode: 'nice' }, value: times.guest_nice },
  ])
  return [
    {
      name: 'node_cpu_guest_seconds_total',
      type: 'counter',
      help: 'Seconds the CPUs spent in guests (VMs) for each mode.',
      series: guest,
    },
    {
      name: 'node_cpu_seconds_total',
      type: 'counter',
      help: 'Seconds the CPUs spent in each mode.',
      series: cpus.flatMap(([cpu, times]) =>
        MODES.map((mode) => ({ labels: { cpu, mode }, value: times[mode] })),
      ),
    },
  ]
}
