import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createHttpSource } from '../../src/sources/http/source.ts'
import { manualClock } from '../helpers/clock.ts'
import { httpOptions } from '../helpers/http-options.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { names, refreshing } from '../helpers/refreshing.ts'
import { until } from '../helpers/until.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** What is in use after the garbage is gone, in bytes. */
function memory(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const descriptors = () => readdirSync('/dev/fd').length
const resources = () => process.getActiveResourcesInfo().length

/** Twice the noise; a kilobyte that each refresh leaves behind adds up to more. */
const MAX_GROWTH_BYTES = 3_000_000

t.test('41: an hour of refreshes: memory, descriptors, timers and series stay flat', async (t) => {
  const clock = manualClock()
  const inventory = await inventoryServer(t)
  const source = createHttpSource(httpOptions(inventory.url), { clock, userAgent: 'Rollcall/test' })
  const file = join(t.testdir(), 'targets.json')
  const { runner, metrics, lines, stop } = await refreshing(t, { clock, source, file })
  t.teardown(stop)
  const results: Record<string, number> = {}

  /** A second of an inventory that changes, turns empty for a moment, fails and hangs now and then. */
  async function second(index: number): Promise<void> {
    inventory.json(names(50, Math.floor(index / 10) % 5))
    if (index % 25 === 7) inventory.json([])
    if (index % 25 === 12) inventory.handle((_request, response) => response.writeHead(500).end('[]'))
    if (index % 100 === 33) inventory.handle((request) => request.socket.destroy())
    if (index % 100 === 66) inventory.handle(() => clock.advance(5_000))
    clock.advance(500)
    const { result } = await runner.refresh()
    results[result] = (results[result] ?? 0) + 1
    // What the test itself would keep.
    inventory.requests.length = 0
    lines.length = 0
  }

  const seconds = async (from: number, to: number) => {
    for (let index = from; index < to; index++) await second(index)
  }
  const series = async () => (await metrics.registry.metrics()).match(/^rollcall_/gm)?.length

  await seconds(0, 600)
  const before = {
    memory: memory(),
    descriptors: descriptors(),
    resources: resources(),
    series: await series(),
  }
  await seconds(600, 3_600)
  t.match(results, { changed: Number, unchanged: Number, held: Number, failed: Number })
  t.equal(clock.pending().length, 1, 'the next refresh is the only timer')
  await until('connections that broke are closed', () => resources() <= before.resources + 1)
  t.ok(descriptors() <= before.descriptors + 1, 'descriptors')
  t.equal(await series(), before.series, 'series')
  await until('memory is back where it was', () => {
    const growth = memory() - before.memory
    if (growth > MAX_GROWTH_BYTES) throw new Error(`it grew by ${growth} bytes`)
    return true
  })
})
