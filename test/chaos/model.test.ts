import t, { type Test } from 'tap'
import { createInventories, idOfBody } from './inventories.ts'
import { createModel } from './model.ts'

const hosts = (from: number, to: number, site = 's') =>
  new Map(Array.from({ length: to - from }, (_, index) => [`h${from + index}`, site]))

function setUp() {
  const inventories = createInventories()
  const model = createModel(inventories)
  const [all, most, few, none] = [hosts(0, 20), hosts(1, 20), hosts(0, 5), hosts(0, 0)].map((sensors) =>
    inventories.add(sensors),
  ) as [string, string, string, string]
  const reads = (list: string) => {
    model.begins()
    model.offers(list)
  }
  const serves = (t: Test, list: string, message: string) =>
    t.equal(model.shows({ list }), undefined, message)
  return { model, inventories, all, most, few, none, reads, serves }
}

t.test('an answer has the id of the inventory that it was made of', async (t) => {
  const body = '[{"targets":["b:9100"],"labels":{"site":"2"}},{"targets":["a:9100"],"labels":{"site":"1"}}]'
  t.equal(
    idOfBody(body),
    createInventories().add(
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    ),
  )
})

t.test('what was read may be served now or later, and what was served before it never again', async (t) => {
  const { model, all, most, reads, serves } = setUp()
  t.match(model.shows({ list: all }), 'is served')
  reads(all)
  t.equal(model.shows('no list'), undefined, 'not yet')
  serves(t, all, 'now')
  reads(most)
  serves(t, all, 'not used yet')
  serves(t, most, 'used')
  t.match(model.shows({ list: all }), 'is served')
  t.match(model.shows('no list'), 'nothing is served')
  t.match(model.shows({ list: 'other' }), 'no inventory ever was')
})

t.test('a drop needs three whole readings in a row', async (t) => {
  for (const drop of ['few', 'none'] as const) {
    const { model, all, reads, serves, ...lists } = setUp()
    reads(all)
    serves(t, all, 'the first list')
    for (const reading of [1, 2]) {
      reads(lists[drop])
      t.match(model.shows({ list: lists[drop] }), 'is served', `${drop}: not after ${reading}`)
    }
    model.begins()
    reads(lists[drop])
    t.match(model.shows({ list: lists[drop] }), 'is served', `${drop}: not when one failed in between`)
    reads(lists[drop])
    serves(t, all, `${drop}: still held`)
    reads(lists[drop])
    serves(t, lists[drop], `${drop}: confirmed`)
  }
})

t.test('a kill goes back to what was kept, which is what was served unless it could not be', async (t) => {
  const { model, all, most, reads, serves } = setUp()
  reads(all)
  serves(t, all, 'the first list')
  reads(most)
  serves(t, most, 'the second list')
  model.restarts()
  serves(t, all, 'killed before the second list was kept')
  reads(most)
  serves(t, most, 'read again')
  reads(most)
  model.restarts()
  t.match(model.shows({ list: all }), 'is served')
  t.match(model.shows('no list'), 'is served')
  serves(t, most, 'kept for sure')
  reads(most)
  model.storage('broken')
  model.begins()
  reads(all)
  serves(t, all, 'without being kept')
  model.restarts()
  t.match(model.shows({ list: most }), 'is served')
  t.equal(model.shows('no list'), undefined, 'nothing can be read')
  model.storage('works')
  model.losesKept()
  model.restarts()
  t.equal(model.shows('no list'), undefined, 'nothing is left')
})

t.test('a full disk gives what it kept, the last list if that found room', async (t) => {
  for (const seen of ['all', 'most'] as const) {
    const { model, reads, serves, ...lists } = setUp()
    reads(lists.all)
    serves(t, lists.all, 'the first list')
    model.begins()
    model.storage('full')
    reads(lists.most)
    serves(t, lists.most, 'the second list')
    reads(lists.most)
    model.restarts()
    t.match(model.shows('no list'), 'is served')
    serves(t, lists[seen], `${seen} was kept`)
  }
})

t.test('refreshes that failed unseen may end a row of confirmations, or not', async (t) => {
  for (const ended of [true, false]) {
    const { model, all, few, reads, serves } = setUp()
    reads(all)
    serves(t, all, 'the first list')
    for (let reading = 0; reading < 2; reading++) reads(few)
    model.mayHaveFailed()
    reads(few)
    model.begins()
    serves(t, ended ? all : few, 'after the third')
    if (!ended) continue
    model.offers(few)
    model.begins()
    model.offers(few)
    serves(t, few, 'after three more')
  }
})
