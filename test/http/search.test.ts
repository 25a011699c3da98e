import t from 'tap'
import type { Scrapes } from '../../src/model/scrape.ts'
import { freeze } from '../../src/snapshot/freeze.ts'
import { readHalf } from '../helpers/app.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'

async function served(t: Parameters<typeof readHalf>[0], options: Parameters<typeof readHalf>[1] = {}) {
  const half = await readHalf(t, { sources: ['sensors', 'others'], ...options })
  const { store, clock } = half
  for (const source of ['sensors', 'others']) {
    const labels = [
      ['__meta_rollcall_source', source],
      ['password', 'hunter2-hunter2'],
    ] as const
    const body = encodeGroups([{ targets: [`${source}-1:1`, `${source}-2:1`], labels }])
    store.publish(source, await freeze(body, { groups: 1, targets: 2 }, clock.now()))
  }
  return half
}

t.test('GET /api/v1/targets finds served targets, page by page, secrets masked', async (t) => {
  const { app, store, clock } = await served(t)
  const ask = async (query: string) => (await app.inject(`/api/v1/targets${query}`)).json()
  const all = await ask('')
  t.match(all, { total: 4, offset: 0, next: null })
  t.same(all.targets[0], {
    source: 'others',
    address: 'others-1:1',
    labels: { __meta_rollcall_source: 'others', password: '<secret>' },
    scrapes: [],
  })
  t.match(await ask('?limit=3'), { total: 4, next: 3 })
  t.match(await ask('?limit=3&offset=3'), { total: 4, next: null, targets: [{ address: 'sensors-2:1' }] })
  t.match(await ask('?offset=9'), { total: 4, next: null, targets: [] })
  t.match(await ask('?source=sensors'), { total: 2 })
  t.match(await ask('?q=OTHERS-2'), { total: 1, targets: [{ address: 'others-2:1' }] })
  t.match(await ask('?label.__meta_rollcall_source=others'), { total: 2 })
  const removed = await freeze(
    encodeGroups([{ targets: ['gone:1'], labels: [] }]),
    { groups: 1, targets: 1 },
    clock.now(),
  )
  store.setRemoved({ snapshots: [removed], lastSuccessMs: [0], held: [] })
  t.match(await ask('?q=gone'), { total: 1, targets: [{ source: '', address: 'gone:1' }] })
  t.match(await ask('?q=gone&source=sensors'), { total: 0 })
  store.add('empty', { required: false, maxStalenessMs: 1, holdMs: 1 })
  t.match(await ask('?source=empty'), { total: 0, next: null })
})

t.test('what is wrong with a search is a 400 that names the parameter', async (t) => {
  const { app } = await served(t)
  for (const [query, message] of [
    ['limit=0', /^limit is "0"/],
    ['limit=1001', /from 1 to 1000/],
    ['offset=-1', /^offset is "-1"; write a whole number from 0 on/],
    ['q=a&q=b', /^q may be given once/],
    [`q=${'x'.repeat(257)}`, /256 characters/],
    ['shard=0/2', /shard is for \/targets only/],
    ['typo=1', /typo/],
  ] as const) {
    const answer = await app.inject(`/api/v1/targets?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { error: { code: 'bad_request', message } }, query)
  }
  t.equal((await app.inject('/api/v1/targets?source=nobody')).statusCode, 404)
})

t.test('what Prometheus makes of a target stands beside it', async (t) => {
  const scrapes: Scrapes = {
    servers: () => [],
    of: (source, address) => [
      {
        server: 'main',
        state: 'up',
        pool: source,
        why: undefined,
        notes: [],
        failure: undefined,
        lastScrapeMs: 0,
        sinceMs: address === 'sensors-1:1' ? 1_000 : undefined,
      },
    ],
  }
  const { app } = await served(t, { scrapes })
  const { targets } = (await app.inject('/api/v1/targets?source=sensors')).json()
  const scrape = {
    server: 'main',
    state: 'up',
    pool: 'sensors',
    why: null,
    notes: [],
    failure: null,
    last_scrape: '1970-01-01T00:00:00.000Z',
  }
  t.same(targets[0].scrapes, [{ ...scrape, since: '1970-01-01T00:00:01.000Z' }])
  t.same(targets[1].scrapes, [{ ...scrape, since: null }])
})

t.test('GET /api/v1/status shows what is in force', async (t) => {
  const { app, state } = await readHalf(t)
  state.configView = {
    settings: [{ name: '--log.level', value: 'warn', from: 'flag' }],
    configuration: undefined,
  }
  const { started, ...status } = (await app.inject('/api/v1/status')).json()
  t.same(status, {
    version: '1.2.3',
    node: process.version,
    reload_failure: null,
    ready: 'no list yet from sensors: not read yet',
    cluster: null,
    configuration: null,
    settings: [{ name: '--log.level', value: 'warn', from: 'flag' }],
  })
  t.ok(Date.parse(started) <= Date.parse('2026-01-01T00:00:00Z'))
})

t.test(
  'long values are cut, and an answer has no more than fits, with the rest on the next page',
  async (t) => {
    const { app, store, clock } = await readHalf(t)
    const groups = Array.from({ length: 700 }, (_, index) => ({
      targets: [`box-${index}:1`],
      labels: [['note', `${index}-${'x'.repeat(5_000)}`]] as const,
    }))
    store.publish('sensors', await freeze(encodeGroups(groups), { groups: 700, targets: 700 }, clock.now()))
    const { payload } = await app.inject('/api/v1/targets?limit=1000')
    const { targets, next, total } = JSON.parse(payload)
    t.equal(total, 700)
    t.equal(next, targets.length)
    t.ok(targets.length > 400 && targets.length < 700, String(targets.length))
    t.ok(payload.length < 1_000_000, String(payload.length))
    t.ok(targets[0].labels.note.length < 1_100)
    const rest = (await app.inject(`/api/v1/targets?limit=1000&offset=${next}`)).json()
    t.same([rest.targets.length, rest.next], [700 - next, null])
  },
)
