import t from 'tap'
import { seedOfRun } from '../helpers/random.ts'
import { createScope } from '../helpers/scope.ts'
import { isThorough } from '../helpers/thorough.ts'
import { findFaketime, findTool, missing } from '../helpers/tools.ts'
import { runChaos } from './run.ts'

const seconds = isThorough ? 60 : 8
const seed = seedOfRun()

/** Of what happened last and was logged last: as much as `.ci/run` shows. */
const SHOWN = 60

t.test(
  `8 to 34: whatever the inventory, the disk and the machine do, no promise is broken (SEED=${seed})`,
  { timeout: (seconds + 200) * 1_000 },
  async (t) => {
    const prometheus = findTool('prometheus', 'PROMETHEUS')
    if (missing(t, prometheus, 'Prometheus')) return
    // Without it the rest is tested all the same.
    missing(t, findFaketime(), 'libfaketime, without which no clock jumps')
    const scope = createScope()
    t.teardown(() => scope.end())
    const { violation, tail, ...told } = await runChaos(scope, {
      seconds,
      seed,
      prometheus: prometheus as string,
      print: (line) => t.comment(line),
    })
    t.comment(`SEED=${seed} repeats the choices of this run: ${JSON.stringify(told)}`)
    t.equal(violation, undefined, `npm run chaos -- --seconds=${seconds} --seed=${seed}`)
    if (violation !== undefined) t.comment(tail.slice(-SHOWN).join('\n'))
    t.ok(told.steps > 0, 'steps were taken')
    t.ok(Number(told.polls['Prometheus 200']) > 0, 'Prometheus was served')
  },
)
