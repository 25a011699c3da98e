import t from 'tap'
import { createScope } from '../helpers/scope.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { countReturns, drawReturns, mostWithoutBurst } from './returns.ts'
import { runFleet } from './run.ts'

t.test(
  'agents register, die, and come back to a server that was away, and Prometheus loses none that lives',
  { timeout: 280_000 },
  async (t) => {
    const prometheus = findTool('prometheus', 'PROMETHEUS')
    if (missing(t, prometheus, 'Prometheus')) return
    const scope = createScope()
    t.teardown(() => scope.end())
    const { violations, scraped, killed, returns } = await runFleet(scope, {
      agents: 20,
      processes: 2,
      ttlMs: 5_000,
      awayMs: 2_000,
      restarts: ['SIGKILL'],
      polls: 2,
      slackMs: 5_000,
      mayBurst: true,
      prometheus: prometheus as string,
      scrapeSeconds: 1,
      print: (line) => t.comment(line),
    })
    t.same(violations, [])
    t.same(scraped, [20, 18])
    t.equal(killed, 2)
    t.equal(
      returns.counts.reduce((sum, count) => sum + count),
      18,
    )
  },
)

t.test('returns are counted in spans of time, and a burst is more than chance explains', async (t) => {
  const returns = countReturns([1_500, -3, 900, 999, 1_000, 3_200], 1_000)
  t.same(returns, { firstMs: 0, lastMs: 3_200, counts: [3, 2, 0, 1], largest: 4 })
  t.equal(drawReturns(returns, 1_000)[1], '    1.0 to   2.0 s    2 ##')
  t.equal(mostWithoutBurst(90, 1_000, 10_000), 55)
  t.equal(mostWithoutBurst(90, 1_000, 30_000), 25)
})
