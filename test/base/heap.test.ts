import { once } from 'node:events'
import t from 'tap'
import { collectGarbageOf, letHeapGrowFor, letHeapGrowOnceBusy } from '../../src/base/heap.ts'
import { until } from '../helpers/until.ts'

const LOOK_MS = 200

t.test('garbage is collected at once, the new one alone or all of it', async (t) => {
  for (const isNew of [true, false]) {
    const before = process.memoryUsage().arrayBuffers
    t.equal(new ArrayBuffer(2 ** 26).byteLength, 2 ** 26)
    collectGarbageOf(2 ** 26, isNew)
    await until('it is collected', () => process.memoryUsage().arrayBuffers < before + 2 ** 25)
  }
})

t.test('the heap may grow once the process is busy, and not before', async (t) => {
  const looks = new EventTarget()
  let grown = 0
  // What there was to do for the start is over then.
  await new Promise((resolve) => setImmediate(resolve))
  letHeapGrowOnceBusy(() => grown++, LOOK_MS, Number.POSITIVE_INFINITY)
  // Due after the same time as the looks, and so called after each of them.
  const timer = setInterval(() => looks.dispatchEvent(new Event('look')), LOOK_MS)
  t.teardown(() => clearInterval(timer))
  for (let look = 0; look < 3; look++) await once(looks, 'look')
  t.equal(grown, 0, 'nothing to do')
  for (let look = 0; look < 6; look++) {
    const endMs = performance.now() + LOOK_MS
    while (performance.now() < endMs);
    await once(looks, 'look')
  }
  t.equal(grown, 1, 'busy: once')
})

t.test('a heap that is large already may grow, however little there is to do', async (t) => {
  const grown = new Promise<void>((resolve) => letHeapGrowOnceBusy(resolve, LOOK_MS, 1))
  const timer = setTimeout(() => {}, 60_000)
  t.teardown(() => clearTimeout(timer))
  await grown
})

t.test('the heap may grow before much is read', async (t) => {
  let grown = 0
  letHeapGrowFor(1_000_000, () => grown++)
  t.equal(grown, 0)
  letHeapGrowFor(10_000_000, () => grown++)
  t.equal(grown, 1)
})
