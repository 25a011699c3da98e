import t from 'tap'
import { momentOf } from '../helpers/clock.ts'
import { names, refreshing } from '../helpers/refreshing.ts'

/** Enough for a roll call to take a thread, and so some time. */
const MANY = 30_000

/** A source of which four fifths are held. */
async function holding(t: Parameters<typeof refreshing>[0], options: Parameters<typeof refreshing>[1] = {}) {
  const one = await refreshing(t, options)
  one.inventory.json(names(MANY))
  await one.refresh()
  one.inventory.json(names(MANY / 5))
  t.match(await one.refresh(), { result: 'held' })
  return { ...one, digest: one.held()[0]?.digest as string }
}

t.test("25: an operator's word during a refresh never undoes what the refresh found", async (t) => {
  const { inventory, accept, served, held, clock, refreshAtOnce, digest } = await holding(t)
  inventory.json(names(MANY))
  clock.skip(30_000)
  const [, refreshed] = await Promise.all([accept(digest), refreshAtOnce()])
  t.match(refreshed, { targets: MANY })
  t.equal(served()?.targets, MANY, 'the inventory has recovered')
  t.same(held(), [])
})

t.test('25: a refresh during the word of an operator holds nothing that has left already', async (t) => {
  const { accept, served, held, clock, refreshAtOnce, digest } = await holding(t)
  clock.skip(30_000)
  await Promise.all([refreshAtOnce(), accept(digest)])
  t.equal(served()?.targets, MANY / 5)
  t.same(held(), [])
})

t.test('25: a failure during the word of an operator is told after it, and undoes nothing', async (t) => {
  const { inventory, accept, served, status, clock, refreshAtOnce, messages, digest, shelf } = await holding(
    t,
    {
      storage: t.testdir(),
    },
  )
  await inventory.stop()
  clock.skip(30_000)
  const [accepted, refreshed] = await Promise.all([accept(digest), refreshAtOnce()])
  t.match(accepted, { result: 'changed', targets: MANY / 5 })
  t.match(refreshed, { result: 'failed' })
  t.match(status(), { failures: 1, failure: { reason: 'connect' }, held: [] })
  t.equal(messages().at(-1), 'refresh failed')
  t.same((await shelf?.load(momentOf(0)))?.roll.body, served()?.body, 'what was accepted is on disk')
})

t.test('25: two words at once are carried out once, and none after the end', async (t) => {
  const { inventory, refresh, accept, stop, metric, served, held, digest } = await holding(t)
  const [first, second] = await Promise.all([accept(digest), accept(digest)])
  t.match(first, { result: 'changed', targets: MANY / 5 })
  t.equal(second, undefined)
  t.equal(await metric('targets_removed_total'), (MANY * 4) / 5)
  inventory.json([])
  t.match(await refresh(), { result: 'held' })
  const now = held()[0]?.digest as string
  const stopped = stop()
  t.equal(await accept(now), undefined, 'the source has ended before')
  await stopped
  t.equal(served()?.targets, MANY / 5)
})

t.test('25: the targets that an operator means leave, not others that are missing since', async (t) => {
  const { inventory, refresh, accept, served, held, lines } = await refreshing(t)
  inventory.json(names(20))
  await refresh()
  inventory.json(names(5))
  await refresh()
  const seen = held()[0]?.digest as string
  t.match(seen, /^[0-9a-f]{64}$/)
  t.match(lines, [{}, { msg: 'targets held', digest: seen }])
  inventory.json(names(2))
  await refresh()
  const now = held()[0]?.digest as string
  t.not(now, seen)
  t.equal(await accept(seen), undefined)
  t.equal(served()?.targets, 20)
  t.match(await accept(now), { result: 'changed', targets: 2 })
  t.equal(await accept(now), undefined, 'nothing is held any more')
  inventory.json(names(1))
  await refresh()
  t.match(await refresh(), { result: 'changed', targets: 1 }, 'what left so does not count against others')
})

t.test('28: an accepted list is as old as its reading, also after a restart', async (t) => {
  const { accept, status, clock, digest, shelf } = await holding(t, { storage: t.testdir() })
  const readAt = status()?.lastSuccess
  clock.skip(20_000)
  await accept(digest)
  t.same(status()?.lastSuccess, readAt)
  t.equal((await shelf?.load(momentOf(0)))?.lastSuccessMs, readAt?.wallMs)
})

t.test('the word can stand in the configuration', async (t) => {
  const { digest } = await holding(t)
  const { refresh, inventory, served } = await refreshing(t, { guard: { accept: digest } })
  inventory.json(names(MANY))
  await refresh()
  inventory.json(names(MANY / 5))
  t.match(await refresh(), { result: 'changed', targets: MANY / 5 })
  t.equal(served()?.targets, MANY / 5)
})
