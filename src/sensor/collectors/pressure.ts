import { type Family, single } from '../exposition.ts'
import { linesOf, toNumber } from './collector.ts'

/** Microseconds in a second, the kernel's unit of pressure. */
const SECOND_US = 1_000_000

const RESOURCES = {
  cpu: { some: ['waiting', 'Total time in seconds that processes have waited for CPU time'] },
  io: {
    some: ['waiting', 'Total time in seconds that processes have waited due to IO congestion'],
    full: ['stalled', 'Total time in seconds no process could make progress due to IO congestion'],
  },
  memory: {
    some: ['waiting', 'Total time in seconds that processes have waited for memory'],
    full: ['stalled', 'Total time in seconds no process could make progress due to memory congestion'],
  },
} as const

/** The resources whose pressure the kernel reports in /proc/pressure. */
export const PRESSURE_RESOURCES = Object.keys(RESOURCES) as (keyof typeof RESOURCES)[]

/** /proc/pressure/cpu, io or memory. */
export function pressureFamilies(resource: keyof typeof RESOURCES, text: string): Family[] {
  const totals = new Map(
    linesOf(text).map((line) => [line.split(' ', 1)[0], /total=(\d+)/.exec(line)?.[1]] as const),
  )
  return Object.entries(RESOURCES[resource]).map(([kind, [name, help]]) =>
    single(
      'counter',
      `node_pressure_${resource}_${name}_seconds_total`,
      help,
      toNumber(totals.get(kind), `pressure of ${resource}`) / SECOND_US,
    ),
  )
}
