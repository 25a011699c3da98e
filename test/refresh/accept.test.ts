import t from 'tap'
import { createDiskCopy } from '../../src/snapshot/disk.ts'
import { names, refreshing } from '../helpers/refreshing.ts'

/** Enough for weighing to take a thread, and so some time. */
const MANY = 30_000

t.test("25: an operator's word during a refresh never undoes what the refresh found", async (t) => {
  const { inventory, refresh, accept, served, status, clock, refreshAtOnce } = await refreshing(t)
  inventory.json(names(MANY))
  await refresh()
  inventory.json(names(MANY / 5))
  t.match(await refresh(), { result: 'held' })
  inventory.json(names(MANY))
  clock.advance(30_000)
  const [, refreshed] = await Promise.all([accept(), refreshAtOnce()])
  t.match(refreshed, { targets: MANY })
  t.equal(served()?.targets, MANY, 'the inventory has recovered')
  t.equal(status()?.held, undefined)
})

t.test('25: a refresh during the word of an operator holds nothing that is served already', async (t) => {
  const { inventory, refresh, accept, served, status, clock, refreshAtOnce } = await refreshing(t)
  inventory.json(names(MANY))
  await refresh()
  inventory.json(names(MANY / 5))
  await refresh()
  clock.advance(30_000)
  await Promise.all([refreshAtOnce(), accept()])
  t.equal(served()?.targets, MANY / 5)
  t.equal(status()?.held, undefined)
})

t.test('25: a failure during the word of an operator is told after it, and undoes nothing', async (t) => {
  const copy = createDiskCopy(t.testdir(), 'sensors', 'here')
  const { inventory, refresh, accept, served, status, clock, refreshAtOnce, messages } = await refreshing(t, {
    outputs: [{ kind: 'storage', path: 'data', write: copy.save, confirm: copy.confirm }],
  })
  inventory.json(names(MANY))
  await refresh()
  inventory.json(names(MANY / 5))
  await refresh()
  await inventory.stop()
  clock.advance(30_000)
  const [accepted, refreshed] = await Promise.all([accept(), refreshAtOnce()])
  t.match(accepted, { result: 'changed', targets: MANY / 5 })
  t.match(refreshed, { result: 'failed' })
  t.match(status(), { failures: 1, failure: { reason: 'connect' }, held: undefined })
  t.equal(messages().at(-1), 'refresh failed')
  t.equal((await copy.load())?.snapshot.digest, served()?.digest, 'what was accepted is on disk')
})

t.test('25: two words at once are carried out once, and none after the end', async (t) => {
  const { inventory, refresh, accept, close, metric, served } = await refreshing(t)
  inventory.json(names(MANY))
  await refresh()
  inventory.json(names(MANY / 5))
  await refresh()
  const [first, second] = await Promise.all([accept(), accept()])
  t.match(first, { result: 'changed', targets: MANY / 5 })
  t.equal(second, undefined)
  t.equal(await metric('targets_removed_total'), (MANY * 4) / 5)
  inventory.json([])
  t.match(await refresh(), { result: 'held' })
  const last = accept()
  await close()
  t.match(await last, undefined, 'the source has ended before')
  t.equal(served()?.targets, MANY / 5)
})

t.test('25: the list that an operator means is accepted, not one that came since', async (t) => {
  const { inventory, refresh, accept, served, status, lines } = await refreshing(t)
  inventory.json(names(20))
  await refresh()
  inventory.json(names(5))
  await refresh()
  const seen = status()?.held?.digest as string
  t.match(seen, /^[0-9a-f]{64}$/)
  t.match(lines, [{}, { msg: 'list held back: it drops too many targets', digest: seen }])
  inventory.json(names(2))
  await refresh()
  const now = status()?.held?.digest as string
  t.not(now, seen)
  t.same(await accept(seen), { heldDigest: now })
  t.equal(served()?.targets, 20)
  t.equal(status()?.held?.seen, 2, 'and it is held as before')
  t.match(await accept(now), { result: 'changed', targets: 2 })
  t.equal(served()?.digest, now, 'the digest is that of the list as it is served')
  t.equal(await accept(now), undefined, 'nothing is held any more')
})

t.test('28: a list that is accepted is as old as its reading, also after a restart', async (t) => {
  const copy = createDiskCopy(t.testdir(), 'sensors', 'here')
  const { inventory, refresh, accept, status, clock, metric } = await refreshing(t, {
    outputs: [{ kind: 'storage', path: 'data', write: copy.save, confirm: copy.confirm }],
  })
  inventory.json(names(20))
  await refresh()
  inventory.json(names(5))
  await refresh()
  const readAt = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
  clock.advance(20_000)
  t.match(await accept(), { result: 'changed', targets: 5 })
  t.same(status()?.lastSuccess, readAt)
  t.equal(await metric('last_success_timestamp_seconds'), readAt.wallMs / 1000)
  t.equal((await copy.load())?.lastSuccessMs, readAt.wallMs)
})

t.test(
  '25, 30: targets whose records became unreadable are still there, however often that is seen',
  async (t) => {
    const { inventory, refresh, accept, served, status, messages } = await refreshing(t)
    const good = names(20)
    const unreadable = good.slice(8).map((host) => ({ host, port: 0 }))
    inventory.json(good)
    await refresh()
    inventory.json([...good.slice(0, 8), ...unreadable])
    for (let time = 0; time < 5; time++) t.match(await refresh(), { result: 'held', targets: 20 })
    t.match(status(), { held: { targets: 8, seen: 0, needed: 3 }, rejected: { invalid_port: 12 } })
    t.match(messages(), [/./, /^list held back: as many records were rejected as targets are missing/])
    t.match(await accept(), { result: 'changed', targets: 8 })
    // What was unreadable before proves nothing.
    inventory.json([...good.slice(0, 8), ...unreadable, ...names(40)])
    t.match(await refresh(), { result: 'changed', targets: 40 })
    inventory.json([...good.slice(0, 8), ...unreadable])
    t.match(await refresh(), { result: 'held' })
    t.match(status(), { held: { seen: 1 } })
    t.match(await refresh(), { result: 'held' })
    t.match(await refresh(), { result: 'changed', targets: 8 })
    t.equal(served()?.targets, 8)
  },
)
