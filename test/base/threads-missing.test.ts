import { register } from 'node:module'
import t from 'tap'
import { createThreads, type Threads } from '../../src/base/threads.ts'

const JOB = { module: new URL('../helpers/thread-jobs.js', import.meta.url).href, name: 'variable' }
const NEVER = new AbortController().signal

/** Fails to find the library of threads, twice, as a process fails that may open no more files. */
const HOOKS = `
let times = 0
export async function resolve(name, context, next) {
  if (name === 'piscina' && ++times <= 2) throw new Error('EMFILE: too many open files')
  return next(name, context)
}`

t.test('threads that cannot be started are told of, tried again, and no hindrance to the end', async (t) => {
  register(`data:text/javascript,${encodeURIComponent(HOOKS)}`)
  const run = (threads: Threads) => threads.run(JOB, 'PATH', { signal: NEVER })
  const ending = createThreads()
  const failed = t.rejects(run(ending), { message: 'no thread can be started: EMFILE: too many open files' })
  await ending.close()
  await failed
  await ending.close()
  const threads = createThreads()
  t.teardown(() => threads.close())
  await t.rejects(run(threads), /EMFILE/)
  t.equal(await run(threads), 'nothing')
})
