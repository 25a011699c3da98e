import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createThreads, OutOfMemoryError, type Threads } from '../../src/base/threads.ts'
import { until } from '../helpers/until.ts'

const MODULE = new URL('../helpers/thread-jobs.js', import.meta.url).href
const NEVER = new AbortController().signal

const job = (name: string) => ({ module: MODULE, name })

/** Threads of this process, of any kind. */
const threadCount = () => readdirSync('/proc/self/task').length

/** A job that keeps a thread busy until the test ends it. */
async function busy(threads: Threads) {
  const begun = new SharedArrayBuffer(4)
  const stop = new AbortController()
  const spinning = threads.run(job('spin'), begun, { signal: stop.signal })
  await until('the job is at work', () => Atomics.load(new Int32Array(begun), 0) === 1)
  return { spinning, end: (reason: Error) => stop.abort(reason) }
}

function created(t: Test, limitMb?: number, count?: number) {
  const threads = createThreads(limitMb, count)
  t.teardown(() => threads.close())
  return threads
}

t.test('a job runs in a thread, which ends when there is no more work', async (t) => {
  const threads = created(t)
  await threads.run(job('variable'), 'PATH', { signal: NEVER })
  const busy = threadCount()
  await until('the thread has ended', () => threadCount() < busy)
})

t.test('51: a thread sees nothing of the environment', async (t) => {
  process.env.ROLLCALL_CANARY = 'c4n4ry'
  t.teardown(() => delete process.env.ROLLCALL_CANARY)
  t.equal(await created(t).run(job('variable'), 'ROLLCALL_CANARY', { signal: NEVER }), 'nothing')
})

t.test('what a job throws is passed on', async (t) => {
  await t.rejects(created(t).run(job('fail'), undefined, { signal: NEVER }), {
    name: 'TypeError',
    message: 'a defect',
  })
})

t.test('40: a job that never ends is ended, and the next one runs', async (t) => {
  const threads = created(t)
  const begun = new SharedArrayBuffer(4)
  const stop = new AbortController()
  const spinning = threads.run(job('spin'), begun, { signal: stop.signal })
  await until('the job is at work', () => Atomics.load(new Int32Array(begun), 0) === 1)
  stop.abort(new Error('long enough'))
  await t.rejects(spinning, { message: 'long enough' })
  t.equal(await threads.run(job('variable'), 'PATH', { signal: NEVER }), 'nothing')
})

t.test('40: a job that takes too much memory ends alone, and the next one runs', async (t) => {
  const threads = created(t, 32)
  await t.rejects(threads.run(job('fill'), undefined, { signal: NEVER }), new OutOfMemoryError(32))
  t.equal(await threads.run(job('variable'), 'PATH', { signal: NEVER }), 'nothing')
})

t.test('closing ends a job that is at work, and closes nothing when nothing ran', async (t) => {
  await createThreads().close()
  const threads = createThreads()
  const begun = new SharedArrayBuffer(4)
  const ended = t.rejects(threads.run(job('spin'), begun, { signal: NEVER }), Error)
  await until('the job is at work', () => Atomics.load(new Int32Array(begun), 0) === 1)
  await threads.close()
  await ended
})

t.test('a job starts when a thread is free; one that waits is given up at once', async (t) => {
  const threads = created(t, undefined, 1)
  const { spinning, end } = await busy(threads)
  const started: string[] = []
  const run = (name: string, signal: AbortSignal) =>
    threads.run(job('variable'), 'PATH', { signal, onStart: () => started.push(name) })
  const stop = new AbortController()
  const [first, second, third] = [run('first', NEVER), run('second', stop.signal), run('third', NEVER)]
  stop.abort(new Error('not needed any more'))
  await t.rejects(second, { message: 'not needed any more' })
  await t.rejects(run('fourth', stop.signal), { message: 'not needed any more' })
  t.same(started, [], 'all wait')
  end(new Error('long enough'))
  await t.rejects(spinning, { message: 'long enough' })
  t.same(await Promise.all([first, third]), ['nothing', 'nothing'])
  t.same(started, ['first', 'third'])
})

t.test('closing ends the wait for a thread, and nothing starts any more', async (t) => {
  const threads = createThreads(undefined, 1)
  const { spinning } = await busy(threads)
  const ended = t.rejects(spinning, Error)
  const waiting = t.rejects(threads.run(job('variable'), 'PATH', { signal: NEVER }), {
    message: 'the threads have ended',
  })
  await threads.close()
  await Promise.all([ended, waiting])
  await t.rejects(threads.run(job('variable'), 'PATH', { signal: NEVER }), {
    message: 'the threads have ended',
  })
})
