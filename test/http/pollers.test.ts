import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import t from 'tap'
import { MASK } from '../../src/base/secret.ts'
import { createPollers } from '../../src/http/pollers.ts'
import { hashmod } from '../../src/model/hashmod.ts'
import { readHalf } from '../helpers/app.ts'
import { authority } from '../helpers/certificates.ts'
import { manualClock } from '../helpers/clock.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { until } from '../helpers/until.ts'
import { ask, DAVE, webServer, written } from '../helpers/web.ts'

const PROMETHEUS = { 'user-agent': 'Prometheus/3.9.1' }

const EXPLAINED = {
  explanations: [
    { source: 'sensors', position: null, record: null, targets: [], dropped_labels: [], verdict: '' },
  ],
}

type Half = Awaited<ReturnType<typeof webServer>>
type Shown = { address: string; user_agent: string; path: string; fault: string | null } & Record<
  string,
  unknown
>

const pollers = async ({ app }: Pick<Half, 'app'>, query = ''): Promise<Shown[]> =>
  (await app.inject({ url: `/api/v1/pollers${query}` })).json().pollers

t.test('who polls is known by address, user agent and what it asks for', async (t) => {
  const half = await webServer(t, undefined)
  const { port, clock } = half
  const digest = half.store.get('sensors')?.snapshot?.digest
  const etag = (await ask(port, '/targets', { headers: PROMETHEUS })).headers.etag as string
  clock.advance(30_000)
  await ask(port, '/targets', { headers: { ...PROMETHEUS, 'if-none-match': etag } })
  clock.advance(1_000)
  await ask(port, '/targets/sensors/', { headers: { 'user-agent': 'curl/8' } })
  clock.advance(1_000)
  await ask(port, '/targets?shard=0/2')
  const found = await pollers(half)
  t.match(found, [
    {
      address: '127.0.0.1',
      user_agent: '',
      path: '/targets?shard=0/2',
      polls: 1,
      status: 200,
      fetched: { source: null },
    },
    {
      user_agent: 'curl/8',
      path: '/targets/sensors/',
      polls: 1,
      status: 200,
      fetched: { source: 'sensors', digest },
    },
    { user_agent: 'Prometheus/3.9.1', path: '/targets', polls: 2, status: 304 },
  ])
  t.match(found[2], {
    interval_seconds: 30,
    fetched: {
      source: null,
      digest: half.store.combined().snapshot?.digest,
      at: new Date(clock.now() - 2_000).toISOString(),
    },
    first: new Date(clock.now() - 32_000).toISOString(),
    last: new Date(clock.now() - 2_000).toISOString(),
    fault: null,
  })
  t.equal(found[1]?.interval_seconds, null)
  const metrics = (await half.app.inject({ url: '/metrics' })).body
  for (const [path, ms] of [
    ['/targets', 0],
    ['/targets/sensors', 1_000],
  ] as const)
    t.equal(
      seriesValue(metrics, 'rollcall_last_poll_timestamp_seconds', { path }),
      (clock.now() - ms) / 1000,
      path,
    )
  t.match((await half.app.inject({ url: '/health' })).json().polls, { pollers: 3, in_vain: [] })
})

t.test('who asks in vain is told with what there is', async (t) => {
  const half = await webServer(t, undefined, { sources: ['sensors', 'other'] })
  await ask(half.port, '/targets/typo', { headers: PROMETHEUS })
  await ask(half.port, '/target')
  await ask(half.port, '/sd/prometheus', { headers: PROMETHEUS })
  await ask(half.port, '/favicon.ico')
  await ask(half.port, '/targets/sensors?token=secret')
  await ask(half.port, '/targets')
  await ask(half.port, '/targets', { method: 'HEAD' })
  const found = await pollers(half)
  t.match(
    found.map(({ path, status, fault }) => [path, status, fault]),
    [
      ['/targets', 503, /no list to send.*curl/],
      ['/targets/sensors?…', 400, /cannot be answered.*curl/],
      ['/sd/prometheus', 404, /there are \/targets and \/targets\/other, \/targets\/sensors$/],
      ['/target', 404, /^\/target is no list/],
      ['/targets/typo', 404, /^\/targets\/typo is no list/],
    ],
  )
  t.notMatch(JSON.stringify(found), /secret/)
  t.same(await pollers(half, '?source=other'), [], 'who has fetched it')
  const { polls } = (await half.app.inject({ url: '/health' })).json()
  t.match(polls, { last: null, pollers: 0, in_vain: Array(5).fill(String) })
  t.match(polls.in_vain[4], /^127\.0\.0\.1 \(Prometheus\/3\.9\.1\) got 404: \/targets\/typo is no list/)
})

t.test('who asks for a label that no target has is another than who asks for all', async (t) => {
  const half = await webServer(t, undefined)
  await ask(half.port, '/targets', { headers: PROMETHEUS })
  await ask(half.port, '/targets?label.none=x', { headers: PROMETHEUS })
  t.match(
    (await pollers(half)).map(({ path, status, fault }) => [path, status, fault]),
    [
      ['/targets?…', 404, /no target has the label/],
      ['/targets', 200, null],
    ],
  )
})

t.test('who is refused is told', async (t) => {
  const file = written(t.testdir(), `basic_auth_users: { dave: ${DAVE} }\n`)
  const half = await webServer(t, file)
  await ask(half.port, '/targets', { headers: PROMETHEUS })
  const { body } = await ask(half.port, '/api/v1/pollers', { auth: 'dave:dave123' })
  t.match(JSON.parse(body).pollers, [{ path: '/targets', status: 401, fault: /rollcall_http_refused_total/ }])
})

t.test('an explanation says who has fetched the list', async (t) => {
  const half = await webServer(t, undefined)
  half.state.explanation = EXPLAINED
  const polls = async () => (await half.app.inject({ url: '/api/v1/explain?q=a' })).json().polls as string[]
  t.match(await polls(), [/^nobody who is remembered has fetched \/targets or \/targets\/sensors/])
  await ask(half.port, '/targets/sensors', { headers: PROMETHEUS })
  half.clock.advance(3_000)
  await ask(half.port, '/targets?shard=1/2', { headers: PROMETHEUS })
  await ask(half.port, '/targets/typo', { headers: PROMETHEUS })
  half.clock.advance(2_000)
  t.match(await polls(), [
    /^127\.0\.0\.1 \(Prometheus\/3\.9\.1\) fetched \/targets\?shard=1\/2 2s ago and has a part/,
    /^127\.0\.0\.1 \(Prometheus\/3\.9\.1\) fetched \/targets\/sensors 5s ago and has the list that is served now/,
    /\(Prometheus\/3\.9\.1\) got 404: \/targets\/typo is no list/,
  ])
  await half.publish('sensors', ['10.0.0.2:9100'])
  t.match((await polls())[1], /5s ago and has an older list$/)
  await ask(half.port, '/targets/sensors', { headers: PROMETHEUS })
  await half.publish('sensors', ['10.0.0.3:9100'])
  t.match((await polls())[0], /1s ago and has an older list; it asks every 5s$/)
})

t.test('a source that is gone has no last poll', async (t) => {
  const half = await webServer(t, undefined)
  await ask(half.port, '/targets/sensors')
  await half.metrics.removeSource('sensors')
  const metrics = (await half.app.inject({ url: '/metrics' })).body
  t.equal(
    seriesValue(metrics, 'rollcall_last_poll_timestamp_seconds', { path: '/targets/sensors' }),
    undefined,
  )
})

t.test('whoever got a list and then does not is told as both', async (t) => {
  const half = await webServer(t, undefined, { maxStalenessMs: 10_000 })
  half.state.explanation = EXPLAINED
  await ask(half.port, '/targets?shard=0/2', { headers: PROMETHEUS })
  half.clock.advance(20_000)
  await ask(half.port, '/targets?shard=0/2', { headers: PROMETHEUS })
  const { polls } = (await half.app.inject('/api/v1/explain?q=a')).json()
  t.match(polls, [
    /fetched \/targets\?shard=0\/2 20s ago and has a part of the list.*, and gets 503 now$/,
    /got 503/,
  ])
  t.equal((await pollers(half)).length, 1, 'it is one')
})

t.test('a list that was not read whole is not fetched', async (t) => {
  const half = await webServer(t, undefined)
  await half.publish(
    'sensors',
    Array.from({ length: 300_000 }, (_, index) => `sensor-${index}.a-rather-long-domain.example:9100`),
  )
  const socket = connect(half.port, '127.0.0.1')
  socket.write('GET /targets HTTP/1.1\r\nhost: localhost\r\nuser-agent: half\r\n\r\n')
  await once(socket, 'data')
  socket.resetAndDestroy()
  const found = await until('it is remembered', async () => {
    const all = await pollers(half)
    return all.length > 0 && all
  })
  t.match(found, [{ user_agent: 'half', fetched: null }])
})

t.test('over HTTP/2 too', async (t) => {
  const folder = t.testdir()
  const pair = authority(folder).sign('one', 'DNS:localhost,IP:127.0.0.1')
  const file = written(
    folder,
    `tls_server_config: { cert_file: ${pair.certFile}, key_file: ${pair.keyFile} }\n`,
  )
  const half = await webServer(t, file)
  const session = connectHttp2(`https://127.0.0.1:${half.port}`, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/targets/sensors', 'user-agent': 'two' })
  stream.resume()
  await once(stream, 'close')
  const found = await until('it is remembered', async () => {
    const all = await pollers(half)
    return all.length > 0 && all
  })
  t.match(found, [{ user_agent: 'two', fetched: { source: 'sensors' } }])
})

t.test('what strangers write is not shown, nor told to who may ask for one source only', async (t) => {
  const half = await webServer(t, undefined, { sources: ['sensors', 'secretproject'] })
  await half.publish('secretproject', ['b:1'])
  half.state.explanation = EXPLAINED
  await ask(half.port, 'http://bob:pa55w0rd@x/targets/sensors', { headers: PROMETHEUS })
  await ask(half.port, '/targets/secretproject', { headers: PROMETHEUS })
  await ask(half.port, '/targetz/1')
  await ask(half.port, '/target')
  const all = await pollers(half)
  t.notMatch(JSON.stringify(all), /pa55w0rd/)
  t.match(all.at(-1), { path: '/targets/sensors', fetched: { source: 'sensors' } })
  t.match(await pollers(half, '?source=sensors'), [{ path: '/targets/sensors' }])
  await ask(half.port, '/targets')
  t.match(await pollers(half, '?source=secretproject'), [
    { path: '/targets' },
    { path: '/targets/secretproject' },
  ])
  t.equal((await pollers(half, '?source=sensors')).length, 2)
  const { polls } = (await half.app.inject('/api/v1/explain?q=a&source=sensors')).json()
  t.equal(polls.length, 2)
  t.notMatch(JSON.stringify(polls), /secretproject/)
})

t.test('who asks no more is forgotten, and who got a list later than who did not', async (t) => {
  const { metrics } = await readHalf(t)
  const clock = manualClock()
  const all = createPollers({ clock, metrics })
  const answered = (address: string, userAgent: string, status = 200) =>
    all.answered(
      { address, userAgent, url: '/targets', poller: undefined },
      status,
      status === 200 ? { source: undefined, digest: 'd' } : undefined,
    )
  answered('10.0.0.1', 'Prometheus/3.9.1')
  for (let turn = 0; turn < 1_000; turn++) answered('10.0.0.1', `stranger-${turn}`, 401)
  for (let turn = 0; turn < 1_000; turn++) answered(`10.1.0.${turn}`, 'stranger', 401)
  t.equal(all.list().length, 256)
  t.match(all.list().at(-1), { userAgent: 'Prometheus/3.9.1' })
  for (let turn = 0; turn < 1_000; turn++) answered('10.6.6.6', `flood-${turn}`)
  t.equal(all.list().length, 256)
  t.match(all.list().at(-1), { address: '10.0.0.1', userAgent: 'Prometheus/3.9.1' })
  t.equal(all.list()[0]?.userAgent, 'flood-999')
  clock.advance(3_600_000)
  answered('10.0.0.1', 'Prometheus/3.9.1')
  clock.advance(1)
  t.equal(all.list().length, 1)
  clock.advance(3 * 3_600_000 - 1)
  t.equal(all.list().length, 1, 'it asks every hour')
  clock.advance(1)
  t.equal(all.list().length, 0)
})

t.test('whether a target is in the part that is asked for is computed', async (t) => {
  const half = await webServer(t, undefined)
  const target = (address: string, labels = {}) => ({
    ...{ address, labels, steps: [], rejection: null, verdict: '' },
    final: { address, labels },
  })
  const dropped = { ...target('c:1'), final: null }
  const polls = async (...targets: object[]) => {
    const explanation = { ...EXPLAINED.explanations[0], targets }
    half.state.explanation = { ...EXPLAINED, explanations: [explanation] } as never
    return (await half.app.inject('/api/v1/explain?q=a')).json().polls as string[]
  }
  const index = hashmod('10.0.0.1:9100', 2)
  await ask(half.port, `/targets?shard=${index}/2`, { headers: PROMETHEUS })
  t.match(
    (await polls(target('10.0.0.1:9100'), dropped))[0],
    /has a part of the list, with the target in it$/,
  )
  t.match((await polls(dropped))[0], /a part of the list; see whether/)
  const other = ['a:1', 'b:1', 'c:1', 'd:1'].find((address) => hashmod(address, 2) !== index) as string
  t.match(
    (await polls(target(other)))[0],
    `without it: it asks for another shard (/targets?shard=${index}/2); the target is in ${1 - index}/2`,
  )
  t.match((await polls(target(other), target('10.0.0.1:9100')))[0], /without 1 of the 2 targets: /)
})

t.test('a view by a label that is masked is not judged', async (t) => {
  const half = await webServer(t, undefined)
  await ask(half.port, '/targets?label.source=sensors', { headers: PROMETHEUS })
  const labels = { source: MASK }
  const final = { address: 'a:1', labels }
  const target = { address: 'a:1', labels, steps: [], rejection: null, verdict: '', final }
  const explanation = { ...EXPLAINED.explanations[0], targets: [target] }
  half.state.explanation = { ...EXPLAINED, explanations: [explanation] } as never
  const { polls } = (await half.app.inject('/api/v1/explain?q=a')).json()
  t.match(polls[0], /a part of the list; see whether/)
})
