import t from 'tap'
import { manualClock } from '../helpers/clock.ts'
import { createMemoryStore } from '../helpers/memory-store.ts'
import { checkStore, publication, wanted } from './contract.ts'

t.test('a store in memory', (t) => {
  checkStore(t, async () => {
    const clock = manualClock()
    const store = createMemoryStore(clock)
    return { a: store.connect(), b: store.connect(), pass: async (ms) => clock.advance(ms) }
  })
  t.end()
})

t.test('a store in memory fails when it is told to, for one replica or for all', async (t) => {
  const store = createMemoryStore(manualClock())
  const [a, b] = [store.connect(), store.connect()]
  a.fail('the cable is out')
  await t.rejects(a.take('s', undefined), { name: 'StoreError', message: 'the cable is out' })
  t.equal(await b.take('s', undefined), undefined)
  store.fail('it burns')
  a.fail(undefined)
  await t.rejects(a.take('s', undefined), { message: 'it burns' })
  await t.rejects(b.meet({ id: 'b', name: 'b', version: '1', leases: 0 }, 1), { message: 'it burns' })
  store.fail(undefined)
  t.equal(await a.take('s', undefined), undefined)
})

t.test('a store in memory can be flushed, restored, and lose its last writes', async (t) => {
  const store = createMemoryStore(manualClock())
  const a = store.connect()
  await a.look('s', wanted('a'))
  await a.publish('s', publication())
  await a.register('s', [{ id: 'x', line: 'x' }], [])
  const { position } = await a.changesSince('s', undefined)
  const backup = store.backup()

  await a.register('s', [{ id: 'y', line: 'y' }], [])
  const later = await a.changesSince('s', position)
  t.equal(later.isWhole, false)
  await a.publish('s', publication({ base: 1, generation: 2 }))
  store.loseLast(2)
  t.equal((await a.take('s', undefined))?.generation, 1)
  const lost = await a.changesSince('s', later.position)
  t.same(lost, { position, changes: [{ id: 'x', line: 'x' }], isWhole: true })
  t.same((await a.changesSince('s', position)).changes, [])

  store.flush()
  t.equal(await a.take('s', undefined), undefined)
  t.same((await a.changesSince('s', position)).changes, [])
  t.equal((await a.changesSince('s', position)).isWhole, true)

  store.restore(backup)
  t.equal((await a.take('s', undefined))?.generation, 1)
  t.same(await a.changesSince('s', position), { position, changes: [], isWhole: false })
})
