import t from 'tap'
import { hashmod } from '../../src/model/hashmod.ts'
import { HOLD_MS, readHalf } from '../helpers/app.ts'
import { seriesValue } from '../helpers/exposition.ts'

const addresses = Array.from({ length: 12 }, (_, index) => `sensor-${index}:9100`)

t.test('a shard is the part of the list that Prometheus itself would keep', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', addresses)
  const seen: string[] = []
  for (const index of [0, 1, 2]) {
    const answer = await app.inject(`/targets?shard=${index}/3`)
    t.equal(answer.statusCode, 200)
    const targets = answer.json<{ targets: string[] }[]>().flatMap((group) => group.targets)
    for (const target of targets) t.equal(hashmod(target, 3), index)
    seen.push(...targets)
    const etag = String(answer.headers.etag)
    const again = await app.inject({
      url: `/targets/sensors?shard=${index}/3`,
      headers: { 'if-none-match': etag },
    })
    t.equal(again.statusCode, 304)
  }
  t.same(seen.sort(), [...addresses].sort())
})

t.test('a label narrows the list, and one that no target has is an error, not an empty list', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', addresses)
  const all = await app.inject('/targets?label.source=sensors')
  t.equal(all.json()[0].targets.length, 12)
  t.same((await app.inject('/targets?label.source=other')).json(), [])
  const unknown = await app.inject('/targets?label.sight=a')
  t.equal(unknown.statusCode, 404)
  t.same(unknown.json(), {
    error: {
      code: 'label_not_found',
      message: 'no target of this list has a label sight; check its spelling',
    },
  })
})

t.test('69: a view that had targets and has none is 503, until it is believed or accepted', async (t) => {
  const { app, publish, clock, views, lines } = await readHalf(t, { sources: ['a', 'b'] })
  await publish('a', ['a:1'])
  await publish('b', ['b:1'])
  const ask = (list = '') => app.inject(`/targets${list}?label.source=a`)
  t.equal((await ask()).json()[0].targets.length, 1)
  t.equal((await ask('/a')).statusCode, 200)
  // What was called a goes on as b.
  for (const [name, addresses] of [
    ['a', []],
    ['b', ['a:1', 'b:1']],
  ] as const)
    await publish(name, [...addresses])
  clock.advance(60_000)
  const emptied = await ask()
  t.equal(emptied.statusCode, 503)
  t.equal(emptied.headers['retry-after'], '60')
  t.match(emptied.json().error, { code: 'view_emptied', message: /\[\] is answered in 15m, or once it is/ })
  t.match(lines, [{ route: '/targets', code: 'view_emptied' }])
  t.equal((await app.inject('/targets')).statusCode, 200, 'the whole list is')
  clock.advance(HOLD_MS - 10_000)
  t.match(await ask(), { statusCode: 503, headers: { 'retry-after': '10' } })
  const [digest = ''] = /[0-9a-f]{64}/.exec((await ask()).json().error.message) ?? []
  t.ok(views.accept(digest))
  t.equal((await ask()).payload, '[]')
})

t.test('what is not understood is 400 and never the whole list', async (t) => {
  const { app, publish } = await readHalf(t)
  await publish('sensors', addresses)
  const rows: [query: string, message: RegExp][] = [
    ['shards=0/2', /^the parameter "shards" is not known here; there are shard=0\/2 and label.NAME=VALUE$/],
    ['shard=0', /^shard="0" is not i\/n with a whole number i from 0 to n - 1, and n from 1 to 1024$/],
    ['shard=2/2', /is not i\/n/],
    ['shard=0/0', /is not i\/n/],
    ['shard=-1/2', /is not i\/n/],
    ['shard=00/2', /is not i\/n/],
    ['shard=0/2000', /is not i\/n/],
    ['shard=0/99999', /is not i\/n/],
    ['shard=0/2&shard=1/2', /^the parameter "shard" is given more than once$/],
    ['label.site=a&label.site=b', /^the parameter "label.site" is given more than once$/],
    ['label.=a', /^"" is not a label name; write label.NAME=VALUE$/],
    ['label.site=', /^label.site needs a value of 1 to 1024 characters$/],
    [`label.site=${'x'.repeat(1_025)}`, /needs a value/],
    ['label.site=%00', /needs a value/],
    ['__proto__=1', /^the parameter "__proto__" is not known here/],
    [Array.from({ length: 9 }, (_, index) => `label.l${index}=a`).join('&'), /^9 labels are more than 8$/],
  ]
  for (const [query, message] of rows) {
    const answer = await app.inject(`/targets?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json().error, { code: 'bad_request', message }, query)
  }
})

t.test('50: more different filters at a time than can be made are shed', async (t) => {
  const { app, publish, metrics } = await readHalf(t)
  await publish('sensors', addresses)
  const flood = await Promise.all(
    Array.from({ length: 60 }, (_, index) => app.inject(`/targets?label.source=${index}`)),
  )
  const shed = flood.filter(({ statusCode }) => statusCode === 503)
  t.ok(shed.length > 0, `${shed.length} shed`)
  t.ok(shed.every(({ headers }) => headers['retry-after'] !== undefined))
  t.ok(flood.every(({ statusCode }) => statusCode === 200 || statusCode === 503))
  const counted = seriesValue(await metrics.registry.metrics(), 'rollcall_http_requests_shed_total', {})
  t.equal(counted, shed.length)
})

t.test('a defect while a part is made is 500', async (t) => {
  const { app, publish, views } = await readHalf(t)
  await publish('sensors', addresses)
  views.get = async () => {
    throw new TypeError('a defect')
  }
  t.equal((await app.inject('/targets?shard=0/2')).statusCode, 500)
})
