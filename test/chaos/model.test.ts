import t from 'tap'
import { createInventories, idOf, readServed, type Sites, targetOf } from './inventories.ts'
import { createModel } from './model.ts'

const HOLD_MS = 10_000

const hosts = (from: number, to: number, site = 's') =>
  new Map(Array.from({ length: to - from }, (_, index) => [`h${from + index}`, site]))

function setUp() {
  const inventories = createInventories()
  let nowMs = 0
  const guard = { holdMs: HOLD_MS, maxDrop: 0.5, minTargets: 10 }
  const model = createModel(inventories, guard, () => nowMs)
  const id = (sensors: Sites) => inventories.add(sensors)
  const targets = (...sensors: Sites[]) =>
    new Map(sensors.flatMap((some) => [...inventories.sites(id(some))]))
  return {
    model,
    targets,
    /** Some readings of the same, a second apart. */
    reads(sensors: Sites, times = 1, unreadable: Sites = new Map()) {
      for (let time = 0; time < times; time++) {
        nowMs += 1_000
        model.begins()
        model.offers(id(sensors), new Set([...unreadable.keys()].map(targetOf)))
      }
    },
    shows: (...sensors: Sites[]) => model.shows(targets(...sensors)),
  }
}

t.test('an answer has the id of the inventory that it was made of', async (t) => {
  const body = '[{"targets":["b:9100"],"labels":{"site":"2"}},{"targets":["a:9100"],"labels":{"site":"1"}}]'
  const inventories = createInventories()
  const list = inventories.add(
    new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
  )
  t.equal(idOf(readServed(body).sites), list)
  t.same([...inventories.sites(list)].sort(), [...readServed(body).sites].sort())
})

t.test('what was read may be served now or later, and nothing else', async (t) => {
  const { model, reads, shows } = setUp()
  t.equal(model.shows('no list'), undefined)
  t.match(shows(hosts(0, 20)), 'is served at')
  const fresh = setUp()
  fresh.reads(hosts(0, 20))
  t.equal(fresh.model.shows('no list'), undefined, 'not yet')
  t.equal(fresh.shows(hosts(0, 20)), undefined, 'now')
  t.match(fresh.model.shows('no list'), 'no list is served any more')
  reads(hosts(0, 5))
})

t.test('an old site is served again only while readings that have it may come late', async (t) => {
  const { reads, shows } = setUp()
  reads(hosts(0, 20, 'old'))
  t.equal(shows(hosts(0, 20, 'old')), undefined)
  reads(hosts(0, 20, 'new'))
  t.equal(shows(hosts(0, 20, 'old')), undefined)
  t.equal(shows(hosts(0, 20, 'new')), undefined)
  reads(hosts(0, 20, 'new'), 3)
  t.match(shows(hosts(0, 20, 'old')), 'is served at old')
})

t.test('a target leaves after two readings that lack it, not after one', async (t) => {
  const { reads, shows } = setUp()
  reads(hosts(0, 20))
  t.equal(shows(hosts(0, 20)), undefined)
  reads(hosts(1, 20))
  t.equal(shows(hosts(0, 20)), undefined, 'it stays')
  t.match(shows(hosts(1, 20)), '1 of the last 4 readings lacked it')
  const other = setUp()
  other.reads(hosts(0, 20))
  other.shows(hosts(0, 20))
  other.reads(hosts(1, 20), 2)
  t.equal(other.shows(hosts(1, 20)), undefined)
})

t.test('many leave together only after they were held', async (t) => {
  for (const [name, left, readings, wrong] of [
    ['most, too soon', 5, 5, '15 of 20 targets left after'],
    ['all, too soon', 0, 5, '20 of 20 targets left after'],
    ['most, in time', 5, 12, undefined],
    ['all, in time', 0, 12, undefined],
  ] as const) {
    const { reads, shows } = setUp()
    reads(hosts(0, 20))
    shows(hosts(0, 20))
    reads(hosts(0, left), readings)
    if (wrong === undefined) t.equal(shows(hosts(0, left)), undefined, name)
    else t.match(shows(hosts(0, left)), wrong, name)
  }
})

t.test('a fleet that is replaced is served beside the new one', async (t) => {
  const { reads, shows } = setUp()
  reads(hosts(0, 20))
  shows(hosts(0, 20))
  reads(hosts(20, 40))
  t.equal(shows(hosts(0, 20), hosts(20, 40)), undefined)
  reads(hosts(20, 40), 12)
  t.equal(shows(hosts(20, 40)), undefined)
})

t.test('an empty list is not believed by a process that knows nothing', async (t) => {
  const { reads, shows } = setUp()
  reads(hosts(0, 0), 5)
  t.match(shows(hosts(0, 0)), 'a first list that is empty')
})

t.test('what left just before the disk was full may be gone after a kill, although it is back', async (t) => {
  const { model, reads, shows } = setUp()
  reads(hosts(0, 20), 3)
  t.equal(shows(hosts(0, 20)), undefined)
  reads(hosts(1, 20), 3)
  t.equal(shows(hosts(1, 20)), undefined)
  model.storage('full')
  reads(hosts(0, 20), 4)
  t.equal(shows(hosts(0, 20)), undefined)
  model.restarts()
  t.equal(shows(hosts(1, 20)), undefined, 'the list of before the disk was full')
})

t.test('with a full disk two kills go back to the list of before the first', async (t) => {
  const { model, reads, shows } = setUp()
  reads(hosts(0, 20))
  t.equal(shows(hosts(0, 20)), undefined)
  reads(hosts(0, 20))
  model.restarts()
  model.storage('full')
  reads(hosts(1, 20), 2)
  t.equal(shows(hosts(1, 20)), undefined)
  reads(hosts(1, 20))
  model.restarts()
  t.equal(shows(hosts(0, 20)), undefined, 'nothing was written since')
  model.restarts()
  t.match(shows(hosts(0, 20, 'elsewhere')), 'is served at', 'that was never written')
})

t.test('a kill goes back to what was kept for sure, or later', async (t) => {
  for (const seen of [hosts(0, 20), hosts(0, 25)]) {
    const { model, reads, shows } = setUp()
    reads(hosts(0, 20))
    shows(hosts(0, 20))
    reads(hosts(0, 25))
    shows(hosts(0, 25))
    model.restarts()
    t.equal(shows(seen), undefined, 'killed before it was kept, or after')
  }
  const { model, reads, shows } = setUp()
  reads(hosts(0, 20))
  shows(hosts(0, 20))
  reads(hosts(0, 20))
  model.restarts()
  t.match(model.shows('no list'), 'the list that was kept is not served')
  reads(hosts(1, 20))
  t.match(shows(hosts(1, 20)), 'left', 'the first reading proves nothing')
})

t.test('what was served after a kill and before a reading is kept', async (t) => {
  const { model, reads, shows } = setUp()
  reads(hosts(0, 20))
  shows(hosts(0, 20))
  reads(hosts(1, 20), 2)
  t.equal(shows(hosts(1, 20)), undefined)
  model.restarts()
  t.equal(shows(hosts(1, 20)), undefined)
  model.restarts()
  t.equal(shows(hosts(1, 20)), undefined, 'killed again')
})

t.test('readings before a kill prove nothing after it', async (t) => {
  const { model, reads, shows } = setUp()
  reads(hosts(0, 20))
  shows(hosts(0, 20))
  reads(hosts(0, 5), 8)
  shows(hosts(0, 20))
  model.restarts()
  t.equal(shows(hosts(0, 20)), undefined)
  reads(hosts(0, 5), 4)
  t.match(shows(hosts(0, 5)), '15 of 20 targets left after')
})

t.test('what cannot be read or is lost is not served after a kill, and what was read is', async (t) => {
  const { model, reads, shows } = setUp()
  reads(hosts(0, 20))
  shows(hosts(0, 20))
  reads(hosts(0, 20))
  model.storage('broken')
  model.restarts()
  t.equal(model.shows('no list'), undefined, 'nothing can be read')
  reads(hosts(5, 20))
  t.equal(shows(hosts(5, 20)), undefined, 'nothing is known of the others')
  model.storage('works')
  reads(hosts(5, 20), 2)
  model.losesKept()
  model.restarts()
  t.equal(model.shows('no list'), undefined, 'nothing is left')
})

t.test(
  'a target whose record is there and cannot be read stays, and leaves once the record is gone',
  async (t) => {
    const { model, reads, shows } = setUp()
    reads(hosts(0, 20))
    shows(hosts(0, 20))
    reads(hosts(2, 20), 9, hosts(0, 1))
    t.equal(shows(hosts(0, 1), hosts(2, 20)), undefined, 'the one that is gone leaves')
    model.restarts()
    t.equal(shows(hosts(0, 20)), undefined, 'an older list was kept')
    reads(hosts(2, 20), 9, hosts(0, 1))
    t.match(shows(hosts(1, 20)), 'h0:9100 left, and 0 of the last 4 readings lacked it')
    const other = setUp()
    other.reads(hosts(0, 20))
    other.shows(hosts(0, 20))
    other.reads(hosts(1, 20), 9, hosts(0, 1))
    other.reads(hosts(1, 20), 2)
    t.equal(other.shows(hosts(1, 20)), undefined)
  },
)

t.test(
  'while no record is selected nothing joins and nothing leaves, nor afterwards before it is lacked',
  async (t) => {
    for (const [name, after, shown, wrong] of [
      ['meanwhile', undefined, hosts(1, 20), 'h0:9100 left, and 0 of the last 4 readings lacked it'],
      ['all of it', undefined, hosts(0, 0), '20 of 20|h0:9100 left'],
      ['what is selected no more', undefined, hosts(0, 21), 'h20:9100 is served at s'],
      ['before a reading', hosts(0, 20), hosts(1, 20), 'h0:9100 left'],
      ['after a reading', hosts(1, 20), hosts(1, 20), undefined],
    ] as const) {
      const { model, reads, shows } = setUp()
      reads(hosts(0, 20))
      shows(hosts(0, 20))
      model.selects('none')
      reads(hosts(0, 21), 15)
      t.equal(shows(hosts(0, 20)), undefined, `${name}: all stay`)
      if (after !== undefined) {
        model.selects('all')
        reads(after)
      }
      if (wrong === undefined) t.equal(shows(shown), undefined, name)
      else t.match(shows(shown), new RegExp(wrong), name)
    }
  },
)

t.test('of a source that has another name nothing may be kept, and what is served stays', async (t) => {
  for (const [how, wrong] of [
    ['anew', undefined],
    ['as before', 'the list that was kept is not served'],
  ] as const) {
    const { model, reads, shows } = setUp()
    reads(hosts(0, 20))
    shows(hosts(0, 20))
    reads(hosts(0, 20))
    model.named('anew')
    t.equal(shows(hosts(0, 20)), undefined)
    model.named(how)
    model.restarts()
    t.equal(model.shows('no list'), wrong, how)
    reads(hosts(0, 20))
    t.match(shows(hosts(1, 20)), 'h0:9100 left', 'it is no proof')
  }
})

t.test('an operator lets leave what was held, and nothing more', async (t) => {
  const { model, reads, shows, targets } = setUp()
  reads(hosts(0, 20))
  shows(hosts(0, 20))
  reads(hosts(15, 20))
  model.accepts(new Set(targets(hosts(0, 15)).keys()))
  t.equal(shows(hosts(15, 20)), undefined, 'at once')
  t.match(shows(hosts(16, 20)), 'h15:9100 left')
  reads(hosts(0, 20))
  t.equal(shows(hosts(0, 20)), undefined, 'they are back')
  t.match(shows(hosts(15, 20)), 'left', 'the word counts once')
})
