// Measures how cost grows with size, and draws it: npm run tool -- curve; see --help.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Curve, curveChart, curvePage, curveTable, growthTable } from './curve/draw.ts'
import { measurePoint } from './curve/measure-point.ts'
import { isWithin, judgeGrowth, type Point } from './curve/point.ts'
import { formatCount } from './figures/format.ts'
import { busyWarning, describeMachine, machineLine } from './figures/machine.ts'
import { withScope } from './measures/measure.ts'
import { exitOnSignals } from './processes/child.ts'
import { assertLinux } from './processes/proc.ts'
import { wrkMissing } from './processes/wrk.ts'

const SIZES = [100, 1_000, 10_000, 100_000, 1_000_000]
const RESULTS = 'bench/results'

const HELP = `Usage: npm run tool -- curve [options]

Measures refreshes and requests with ${SIZES.map(formatCount).join('; ')} records, writes ${RESULTS}/curve.json, and
docs/scaling.svg and docs/scaling.md from it. Ends with 1 when a cost grows faster than n log n from 10,000 records
on, in any step or in all.

  --quick    fewer rounds and no million; drawn to ${RESULTS}/ instead of docs/
  --draw     measure nothing: draw what is in ${RESULTS}/curve.json
  --help     print this
`

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        quick: { type: 'boolean', default: false },
        draw: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) {
      console.log(HELP)
      return 0
    }
    const file = `${RESULTS}/${values.quick ? 'quick-curve' : 'curve'}.json`
    if (!values.draw) {
      assertLinux()
      const lacks = wrkMissing()
      if (lacks !== undefined) throw new Error(lacks)
      exitOnSignals()
      mkdirSync(RESULTS, { recursive: true })
      writeFileSync(file, `${JSON.stringify(await measure(values.quick), null, 2)}\n`)
    }
    return draw(readCurve(file), values.quick ? RESULTS : 'docs')
  } catch (error) {
    console.error(`curve: ${(error as Error).message.split('. ')[0]} (npm run tool -- curve --help)`)
    return 2
  }
}

async function measure(quick: boolean): Promise<Curve> {
  const machine = describeMachine()
  console.log(machineLine(machine))
  const points: Point[] = []
  for (const records of quick ? SIZES.slice(0, -1) : SIZES) {
    process.stderr.write(`${formatCount(records)} records … `)
    const began = performance.now()
    // More rounds where one takes no time, since there it also varies most.
    const rounds = quick ? 3 : records >= 1_000_000 ? 5 : 15
    points.push(await withScope((scope) => measurePoint(scope, records, { rounds, seconds: quick ? 2 : 10 })))
    process.stderr.write(`${Math.round((performance.now() - began) / 1_000)} s\n`)
  }
  const warning = busyWarning(machine)
  if (warning !== undefined) console.log(`\n${warning}`)
  return { machine, points }
}

/** @throws Error that says what to do when there is nothing to draw */
function readCurve(file: string): Curve {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new Error(`${file} cannot be read; run this without --draw first`, { cause })
  }
}

function draw(curve: Curve, folder: string): number {
  writeFileSync(`${folder}/scaling.svg`, curveChart(curve))
  writeFileSync(`${folder}/scaling.md`, curvePage(curve))
  const judged = judgeGrowth(curve.points)
  console.log(
    `\n${curveTable(curve.points)}\n\n${growthTable(judged)}\n\nWritten: ${folder}/scaling.svg, ${folder}/scaling.md`,
  )
  return judged.every(isWithin) ? 0 : 1
}
