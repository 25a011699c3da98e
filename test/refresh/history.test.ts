import t, { type Test } from 'tap'
import { createMetrics } from '../../src/base/metrics.ts'
import { Secret } from '../../src/base/secret.ts'
import { createThreads } from '../../src/base/threads.ts'
import { createHistory } from '../../src/history/history.ts'
import { manualClock } from '../helpers/clock.ts'
import { diskFiles } from '../helpers/files.ts'
import { recordingLog } from '../helpers/log.ts'
import { pushSource } from '../helpers/push-source.ts'
import { names, refreshing } from '../helpers/refreshing.ts'

/** The runner of one source, and the history that it notes its changes in. */
async function remembering(t: Test, options: Parameters<typeof refreshing>[1] = {}) {
  const clock = options.clock ?? manualClock()
  const threads = createThreads()
  t.teardown(() => threads.close())
  const { log } = recordingLog()
  const history = createHistory(
    { storagePath: undefined, maxAgeMs: 86_400_000, maxBytes: 2 ** 20 },
    { files: diskFiles, clock, threads, metrics: createMetrics('test').history, log },
  )
  const source = await refreshing(t, { ...options, clock, history })
  const newest = async (limit = 100) => (await history.find({ limit })).events
  return { ...source, newest }
}

t.test('what readings change is noted with its reason', async (t) => {
  const { inventory, refresh, newest, clock } = await remembering(t, { guard: { minTargets: 1 } })
  const startMs = clock.now()
  inventory.json(names(30))
  await refresh()
  t.match(await newest(), [{ id: 1, address: '', why: /^first list: 30 targets$/, atMs: startMs + 30_000 }])
  inventory.json(names(30, 1))
  await refresh()
  t.match(await newest(1), [{ kind: 'joined', address: 'sensor_30:9100' }])
  await refresh()
  const since = new Date(startMs + 60_000).toISOString()
  t.match(await newest(1), [
    {
      kind: 'left',
      address: 'sensor_0:9100',
      source: 'sensors',
      why: new RegExp(`2 readings, since ${since}$`),
    },
  ])
  await refresh()
  t.equal((await newest()).length, 3, 'a reading that changes nothing is no event')
})

t.test('what an operator accepts is noted so', async (t) => {
  const { inventory, refresh, newest, held, accept } = await remembering(t)
  inventory.json(names(30))
  await refresh()
  inventory.json(names(5))
  await refresh()
  t.equal((await newest()).length, 1, 'what is held has not left')
  await accept(held()[0]?.digest ?? '')
  const events = await newest()
  t.equal(events.length, 26)
  t.match(events[0], { kind: 'left', why: /^an operator accepted it/ })
})

t.test('devices of a push source register, say goodbye and expire', async (t) => {
  const { source, put, clock } = pushSource(t, { token: Secret.of('right') })
  await source.open?.()
  clock.advance(60_000)
  const { refreshAtOnce, newest } = await remembering(t, {
    source,
    clock,
    isPaged: false,
    guard: { confirmations: 1, minTargets: 100 },
  })
  source.watch?.(() => {})
  for (const id of ['a', 'b', 'c']) await put(id)
  await refreshAtOnce()
  await put('d')
  await refreshAtOnce()
  t.match(await newest(1), [{ kind: 'joined', address: 'd:9100', why: 'its device registered' }])
  await source.instances.leave('a')
  await refreshAtOnce()
  t.match(await newest(1), [{ kind: 'left', address: 'a:9100', why: 'its device unregistered' }])
  for (let second = 0; second < 300; second++) {
    clock.pass(1_000)
    // Refreshes that are due meanwhile come to their end.
    await new Promise((resolve) => setImmediate(resolve))
    for (const id of ['c', 'd']) if (second % 20 === 0) await put(id)
  }
  await refreshAtOnce()
  t.match(await newest(1), [{ kind: 'left', address: 'b:9100', why: /^its lease expired/ }])
})

t.test('how registrations ended is remembered of the last thousand', async (t) => {
  const { source, put } = pushSource(t, { maxInstances: 2_000 })
  await source.open?.()
  for (let index = 0; index < 1_100; index++) {
    await put(`d${index}`)
    await source.instances.leave(`d${index}`)
  }
  t.equal(source.registry.endings.size, 1_000)
})
