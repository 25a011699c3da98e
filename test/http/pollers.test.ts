import t from 'tap'
import { createPollers, type Poller } from '../../src/http/pollers.ts'
import { readHalf } from '../helpers/app.ts'
import { manualClock } from '../helpers/clock.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { ask, DAVE, webServer, written } from '../helpers/web.ts'

const PROMETHEUS = { 'user-agent': 'Prometheus/3.9.1' }

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
    { address: '127.0.0.1', user_agent: '', path: '/targets?shard=0/2', source: null, polls: 1, status: 200 },
    { user_agent: 'curl/8', path: '/targets/sensors/', source: 'sensors', polls: 1, status: 200, digest },
    { user_agent: 'Prometheus/3.9.1', path: '/targets', source: null, polls: 2, status: 304 },
  ])
  t.match(found[2], {
    interval_seconds: 30,
    digest: half.store.combined().snapshot?.digest,
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
      ['/targets', 503, /\/ready/],
      ['/targets/sensors', 400, /wrong/],
      ['/sd/prometheus', 404, /there are \/targets and \/targets\/other, \/targets\/sensors$/],
      ['/target', 404, /^\/target is no list/],
      ['/targets/typo', 404, /^\/targets\/typo is no list/],
    ],
  )
  t.notMatch(JSON.stringify(found), /secret/)
  t.equal((await pollers(half, '?source=other')).length, 4, 'without who asks for another source')
  const { polls } = (await half.app.inject({ url: '/health' })).json()
  t.match(polls, { last: null, pollers: 0, in_vain: Array(5).fill(String) })
  t.match(polls.in_vain[4], /^127\.0\.0\.1 \(Prometheus\/3\.9\.1\), 404: \/targets\/typo is no list/)
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
  half.state.explanation = {
    explanations: [
      { source: 'sensors', position: null, record: null, targets: [], dropped_labels: [], verdict: '' },
    ],
  }
  const polls = async () => (await half.app.inject({ url: '/api/v1/explain?q=a' })).json().polls as string[]
  t.match(await polls(), [/^nobody has fetched \/targets or \/targets\/sensors/])
  await ask(half.port, '/targets/sensors', { headers: PROMETHEUS })
  half.clock.advance(3_000)
  await ask(half.port, '/targets?shard=1/2', { headers: PROMETHEUS })
  await ask(half.port, '/targets/typo', { headers: PROMETHEUS })
  half.clock.advance(2_000)
  t.match(await polls(), [
    /^127\.0\.0\.1 \(Prometheus\/3\.9\.1\) fetched \/targets\?shard=1\/2 2s ago and has a part/,
    /^127\.0\.0\.1 \(Prometheus\/3\.9\.1\) fetched \/targets\/sensors 5s ago and has the list that is served now/,
    /asked 2s ago and got 404: \/targets\/typo is no list/,
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

t.test('so many are remembered; one address pushes out none of another', async (t) => {
  const { store, metrics } = await readHalf(t)
  const clock = manualClock()
  const all = createPollers({ clock, store, metrics })
  const answered = (address: string, userAgent: string) =>
    all.answered({ address, userAgent, url: '/targets' }, 200, 'd')
  answered('10.0.0.1', 'Prometheus/3.9.1')
  for (let turn = 0; turn < 1_000; turn++) answered('10.6.6.6', `flood-${turn}`)
  t.equal(all.list().length, 256)
  t.match(all.list().at(-1), { address: '10.0.0.1', userAgent: 'Prometheus/3.9.1' } satisfies Partial<Poller>)
  t.equal(all.list()[0]?.userAgent, 'flood-999')
})
