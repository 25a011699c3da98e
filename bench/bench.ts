// Measures what is claimed, as ratios within one run, in a table: npm run bench; see --help.
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { busyWarning, describeMachine, machineLine } from './figures/machine.ts'
import { figuresTable, judge, specOf, type Unmeasured, verdictText } from './figures/report.ts'
import type { Figure } from './figures/rows.ts'
import { cluster } from './measures/cluster.ts'
import { compose } from './measures/compose.ts'
import { devices } from './measures/devices.ts'
import { loop } from './measures/loop.ts'
import { manySources } from './measures/many-sources.ts'
import { type Measure, withScope } from './measures/measure.ts'
import { memory } from './measures/memory.ts'
import { million } from './measures/million.ts'
import { millions } from './measures/millions.ts'
import { peers } from './measures/peers.ts'
import { prometheusMeasures } from './measures/prometheus.ts'
import { smallRefreshes } from './measures/small-refreshes.ts'
import { startUp } from './measures/start-up.ts'
import { thousands } from './measures/thousands.ts'
import { throughput } from './measures/throughput.ts'
import { web } from './measures/web.ts'
import { exitOnSignals } from './processes/child.ts'
import { assertLinux } from './processes/proc.ts'

const MEASURES: readonly Measure[] = [
  throughput,
  web,
  million,
  millions,
  memory,
  startUp,
  manySources,
  thousands,
  devices,
  smallRefreshes,
  cluster,
  compose,
  ...prometheusMeasures,
  loop,
]
const NAMES = MEASURES.map(({ name }) => name)

const HELP = `Usage: npm run bench [-- options]

Measures speed and size, prints them beside their goals, writes them to bench/results/ as JSON, and ends with 1 when
a goal is missed. What is compared was measured in turn, in the same run; on another machine the ratios tell more than
the seconds. Nothing else should run meanwhile.

  --quick         a minute: fewer rounds, without the rows of gzip and of Prometheus
  --peers         only other servers of the same list: nginx, Fastify and prometheus-http-sd, which is installed from PyPI into a cache
  --only=NAMES    only these, with commas between: ${NAMES.join(', ')}
  --help          print this
`

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean' },
        peers: { type: 'boolean' },
        only: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) return print(HELP)
    assertLinux()
    exitOnSignals()
    return await bench(values.quick ?? false, values.peers ? [peers] : chosen(values.only))
  } catch (error) {
    console.error(`bench: ${(error as Error).message.split('. ')[0]} (npm run bench -- --help)`)
    return 2
  }
}

/** @throws Error for a name that there is not */
function chosen(only: string | undefined): readonly Measure[] | undefined {
  if (only === undefined) return undefined
  return only.split(',').map((name) => {
    const found = MEASURES.find((measure) => measure.name === name.trim())
    if (found !== undefined) return found
    throw new Error(`there is no measure ${JSON.stringify(name)}; there are ${NAMES.join(', ')}`)
  })
}

async function bench(quick: boolean, only: readonly Measure[] | undefined): Promise<number> {
  const machine = describeMachine()
  const began = performance.now()
  console.log(machineLine(machine))
  const figures: Figure[] = []
  const unmeasured: Unmeasured[] = []
  for (const measure of only ?? MEASURES.filter(({ isLong }) => !(quick && isLong))) {
    const result = await attempt(measure, quick)
    figures.push(...result.figures)
    unmeasured.push(...result.unmeasured)
  }
  const verdict = judge(figures, unmeasured)
  const seconds = Math.round((performance.now() - began) / 1_000)
  const file = `bench/results/${only === undefined ? (quick ? 'quick' : 'bench') : 'some'}.json`
  const rows = figures.map((figure) => ({ ...figure, ...specOf(figure.id) }))
  mkdirSync('bench/results', { recursive: true })
  writeFileSync(file, `${JSON.stringify({ machine, quick, seconds, verdict, rows, unmeasured }, null, 2)}\n`)
  const warning = busyWarning(machine)
  print(`\n${figuresTable(figures, unmeasured)}\n\n${verdictText(verdict)}`)
  print(`\nIt took ${seconds} s; all of it is in ${file}.${warning === undefined ? '' : `\n${warning}`}`)
  return verdict.missed.length + verdict.failed.length === 0 ? 0 : 1
}

/** A measurement that fails leaves the others as they are. */
async function attempt(measure: Measure, quick: boolean) {
  const began = performance.now()
  const none = (why: string, skipped: boolean) => ({
    figures: [],
    unmeasured: measure.rows.map((id) => ({ id, why, skipped })),
  })
  const why = measure.missing?.()
  if (why !== undefined) return none(why, true)
  process.stderr.write(`${measure.name} … `)
  try {
    const figures = await withScope((scope) => measure.run({ quick, scope }))
    process.stderr.write(`${Math.round((performance.now() - began) / 1_000)} s\n`)
    return { figures, unmeasured: [] }
  } catch (error) {
    process.stderr.write('failed\n')
    return none((error as Error).message, false)
  }
}

function print(text: string): 0 {
  console.log(text)
  return 0
}
