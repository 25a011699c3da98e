import t from 'tap'
import { createNewest } from '../../src/base/newest.ts'

t.test('one piece after the other, and of those that wait the newest', async (t) => {
  const done: number[] = []
  const failures: string[] = []
  let release = () => {}
  const newest = createNewest<number>(
    async (value) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      if (value === 3) throw new Error('three')
      done.push(value)
    },
    (error) => failures.push((error as Error).message),
  )
  const next = () => new Promise((resolve) => setImmediate(resolve)).then(() => release())
  newest.give(1)
  await new Promise((resolve) => setImmediate(resolve))
  for (const value of [2, 3]) newest.give(value)
  await next()
  await next()
  await newest.settled()
  t.same([done, failures], [[1], ['three']])
  newest.give(4)
  await next()
  await newest.settled()
  t.same(done, [1, 4], 'a failure ends nothing')
})
