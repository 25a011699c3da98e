import t, { type Test } from 'tap'
import { createSeed, SEED_TIMEOUT_MS } from '../../src/refresh/seed.ts'
import { readHalf } from '../helpers/app.ts'
import { manualClock } from '../helpers/clock.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { recordingLog } from '../helpers/log.ts'
import { addressesIn } from '../helpers/refreshing.ts'
import { until } from '../helpers/until.ts'

function seeded(t: Test, peer: URL) {
  const clock = manualClock()
  const { log, lines, messages } = recordingLog()
  const seed = createSeed(peer, { clock, log, userAgent: 'Rollcall/test' })
  t.teardown(() => seed.close())
  return { seed, clock, lines, messages }
}

t.test('the list of a peer is as if it had been kept, as old as it is there', async (t) => {
  const peer = await readHalf(t)
  await peer.publish('sensors', ['a:1', 'b:1'])
  peer.clock.advance(90_000)
  const url = new URL(await peer.app.listen({ host: '127.0.0.1', port: 0 }))
  const { seed, clock, lines } = seeded(t, url)
  const kept = await seed.load('sensors', clock.monotonic())
  t.same(addressesIn(kept?.roll.body), ['a:1', 'b:1'])
  t.equal(String(kept?.roll.body), (await peer.app.inject('/targets/sensors')).payload, 'byte for byte')
  t.match(kept, {
    changedAtMs: clock.now(),
    lastSuccessMs: clock.now() - 90_000,
    otherOrigin: undefined,
    roll: { groups: 1, absences: [], held: [], history: { left: [], sizes: [{ count: 2 }] } },
  })
  t.match(lines, [
    { msg: 'list taken from the peer', source: 'sensors', peer: `${url.href}targets/sensors`, targets: 2 },
  ])
})

t.test('labels are as they were, whatever their names are', async (t) => {
  const peer = await inventoryServer(t)
  const labels = { z: '1', 'a b': 'ü', 7: 'x', empty: '' }
  peer.handle((_request, response) => {
    const groups = [
      { targets: ['b:1', 'a:1'], labels },
      { targets: ['c:1'], labels: {} },
    ]
    response.writeHead(200, { 'x-rollcall-age-seconds': '0' }).end(JSON.stringify(groups))
  })
  const { seed } = seeded(t, new URL('/below/', peer.url))
  const kept = await seed.load('a b', 0)
  t.same(JSON.parse(String(kept?.roll.body)), [
    { targets: ['a:1', 'b:1'], labels: { 7: 'x', 'a b': 'ü', z: '1' } },
    { targets: ['c:1'], labels: {} },
  ])
  t.equal(peer.requests[0]?.url, '/below/targets/a%20b')
})

t.test('a user and password in the URL are sent, and told to nobody', async (t) => {
  const peer = await inventoryServer(t)
  peer.handle((request, response) => {
    response.writeHead(500).end(JSON.stringify({ message: request.headers.authorization }))
  })
  const url = new URL(peer.url)
  url.username = 'me'
  url.password = 'hunter2'
  const { seed, lines } = seeded(t, url)
  t.equal(await seed.load('sensors', 0), undefined)
  const sent = Buffer.from('me:hunter2').toString('base64')
  t.equal(peer.requests[0]?.headers.authorization, `Basic ${sent}`)
  t.match(lines, [{ msg: /^no list from the peer/ }])
  t.notMatch(JSON.stringify(lines), 'hunter2')
  t.notMatch(JSON.stringify(lines), sent)
})

t.test('what is no list of a Rollcall costs a warning', async (t) => {
  const group = (more: object) => [{ targets: ['a:1'], labels: {}, ...more }]
  const age = { 'x-rollcall-age-seconds': '1' }
  const rows: [
    what: string,
    error: RegExp,
    body: unknown,
    status?: number,
    headers?: Record<string, string>,
  ][] = [
    ['it has no list yet', /HTTP 503 \(no list yet\)/, { error: { message: 'no list yet' } }, 503],
    ['another server', /--storage\.seed-url/, group({}), 200, {}],
    [
      'another source',
      /of the source other/,
      [{ targets: ['a:1'], labels: { __meta_rollcall_source: 'other' } }],
    ],
    ['a part', /--storage\.seed-url/, group({}), 206],
    ['an empty list', /empty/, []],
    ['an object', /no list of target groups/, {}],
    ['a text', /no list of target groups/, ['a:1']],
    ['no targets', /no list of target groups/, group({ targets: 'a:1' })],
    ['a target that is no text', /no list of target groups/, group({ targets: [1] })],
    ['a target that is none', /no list of target groups/, group({ targets: ['a\t1'] })],
    ['no labels', /no list of target groups/, group({ labels: null })],
    ['a label without a name', /no list of target groups/, group({ labels: { '': 'x' } })],
    ['a label that is no text', /no list of target groups/, group({ labels: { a: 1 } })],
    ['a label that cannot be sent', /no list of target groups/, group({ labels: { a: '\u0001' } })],
  ]
  for (const old of ['old', '', 'Infinity', '1e300', '0x10', '100000000000000', '999999999999'])
    rows.push([`the age ${old}`, /--storage\.seed-url/, group({}), 200, { 'x-rollcall-age-seconds': old }])
  const peer = await inventoryServer(t)
  for (const [what, error, body, status = 200, headers = age] of rows) {
    peer.handle((_request, response) => response.writeHead(status, headers).end(JSON.stringify(body)))
    const { seed, lines } = seeded(t, peer.url)
    t.equal(await seed.load('sensors', 0), undefined, what)
    t.match(lines, [{ level: 40, source: 'sensors', error }], what)
  }
  peer.handle((_request, response) => response.writeHead(200, age).end('half ['))
  const half = seeded(t, peer.url)
  t.equal(await half.seed.load('sensors', 0), undefined)
  await peer.stop()
  const away = seeded(t, peer.url)
  t.equal(await away.seed.load('sensors', 0), undefined)
  t.match(away.lines, [{ error: /ECONNREFUSED/ }])
})

t.test('a list that is read for too long is not taken, though no timer can end that', async (t) => {
  const peer = await inventoryServer(t)
  const headers = { 'x-rollcall-age-seconds': '1.000' }
  peer.handle((_request, response) =>
    response.writeHead(200, headers).end('[{"targets":["a:1"],"labels":{}}]'),
  )
  const clock = manualClock()
  const { log, lines } = recordingLog()
  let readings = 0
  // The first time it is asked for is when the time begins.
  const monotonic = () => (readings++ === 0 ? 0 : SEED_TIMEOUT_MS)
  const seed = createSeed(peer.url, { clock: { ...clock, monotonic }, log, userAgent: 'Rollcall/test' })
  t.teardown(() => seed.close())
  t.equal(await seed.load('sensors', 0), undefined)
  t.match(lines, [{ level: 40, error: /took longer than 10 s/ }])
})

t.test('the lists of all sources together have ten seconds', async (t) => {
  const peer = await inventoryServer(t)
  peer.handle(() => {})
  const { seed, clock, lines } = seeded(t, peer.url)
  const loading = [seed.load('a', 0), seed.load('b', 0)]
  await until('it is asked', () => peer.requests.length > 0)
  t.same(clock.pending(), [10_000])
  clock.advance(SEED_TIMEOUT_MS - 1)
  t.same(lines, [])
  clock.advance(1)
  t.same(await Promise.all(loading), [undefined, undefined])
  t.match(lines, [{ error: /longer than 10 s/ }, { error: /longer than 10 s/ }])
})

t.test('closing a seed leaves no timer behind', async (t) => {
  const peer = await inventoryServer(t)
  const { seed, clock } = seeded(t, peer.url)
  await seed.close()
  t.same(clock.pending(), [])
})
