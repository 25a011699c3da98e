import t from 'tap'
import { measureMemoryAlways } from '../../src/base/memory.ts'

t.test('80: memory that cannot be measured now is told as it was last', async (t) => {
  let isExhausted = false
  let rss = 1
  const measured = <Value>(value: () => Value) => {
    if (isExhausted) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
    return value()
  }
  const all = () => measured(() => ({ ...process.memoryUsage(), rss }))
  const host = { memoryUsage: Object.assign(all, { rss: () => measured(() => rss) }) }
  measureMemoryAlways(host)
  rss = 2
  t.same([host.memoryUsage().rss, host.memoryUsage.rss()], [2, 2])
  isExhausted = true
  rss = 3
  t.same([host.memoryUsage().rss, host.memoryUsage.rss()], [2, 2])
  isExhausted = false
  t.same([host.memoryUsage().rss, host.memoryUsage.rss()], [3, 3])
})
