import t from 'tap'
import { share } from '../../../../src/sources/http/authorization/share.ts'

const never = new AbortController().signal

t.test('who asks while the work runs gets its result, who asks later has it done again', async (t) => {
  let runs = 0
  const ask = share(async () => ++runs)
  t.same(await Promise.all([ask(never), ask(never)]), [1, 1])
  t.equal(await ask(never), 2)
})

t.test('a failure is told to all who wait, and is not remembered', async (t) => {
  let runs = 0
  const ask = share(async () => {
    if (++runs === 1) throw new Error('no')
    return runs
  })
  t.same(
    (await Promise.allSettled([ask(never), ask(never)])).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.equal(await ask(never), 2)
})

t.test('the work is aborted when nobody waits any more, and the next one begins anew', async (t) => {
  const signals: AbortSignal[] = []
  const ask = share((signal) => {
    signals.push(signal)
    return new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  })
  const [first, second] = [new AbortController(), new AbortController()]
  const asks = [ask(first.signal), ask(second.signal)]
  first.abort(new Error('first'))
  await t.rejects(asks[0] as Promise<unknown>, { message: 'first' })
  t.equal(signals[0]?.aborted, false)
  second.abort(new Error('second'))
  await t.rejects(asks[1] as Promise<unknown>, { message: 'second' })
  t.equal(signals[0]?.aborted, true)
  const third = new AbortController()
  const again = ask(third.signal)
  t.equal(signals.length, 2)
  third.abort(new Error('third'))
  await t.rejects(again, { message: 'third' })
})

t.test('who has given up already starts nothing', async (t) => {
  const ask = share(async () => t.fail('work was done'))
  await t.rejects(ask(AbortSignal.abort(new Error('gone'))), { message: 'gone' })
})
