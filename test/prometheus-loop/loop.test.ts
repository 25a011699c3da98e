import type { Test } from 'tap'
import t from 'tap'
import { createMetrics } from '../../src/base/metrics.ts'
import { createThreads } from '../../src/base/threads.ts'
import type { TargetGroup } from '../../src/model/target-group.ts'
import { startLoop } from '../../src/prometheus/loop.ts'
import type { Polled } from '../../src/prometheus/match.ts'
import type { PrometheusServer } from '../../src/prometheus/resolve.ts'
import { freeze } from '../../src/snapshot/freeze.ts'
import { createStore } from '../../src/snapshot/store.ts'
import { DEFAULT_HTTP_CLIENT } from '../../src/sources/http/requester.ts'
import { manualClock } from '../helpers/clock.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { recordingLog } from '../helpers/log.ts'
import { prometheusApi } from '../helpers/prometheus-api.ts'
import { until } from '../helpers/until.ts'

const INTERVAL_MS = 60_000

/** A loop over real servers on a clock of the test's own. */
async function looping(
  t: Test,
  servers: readonly (Partial<PrometheusServer> & Pick<PrometheusServer, 'url'>)[],
) {
  const clock = manualClock()
  const metrics = createMetrics('1.2.3')
  const store = createStore()
  const threads = createThreads()
  const { log, lines } = recordingLog('info')
  const polled: Polled[] = []
  const loop = startLoop(
    {
      servers: servers.map((server, index) => ({
        name: `p${index}`,
        shownUrl: server.url.href,
        intervalMs: INTERVAL_MS,
        timeoutMs: 10_000,
        client: DEFAULT_HTTP_CLIENT,
        ...server,
      })),
      fingerprint: '',
    },
    {
      ...{ clock, metrics, store, threads, log, random: () => 0.5, userAgent: 'Rollcall/test' },
      externalUrl: undefined,
      polled: () => polled,
    },
  )
  t.teardown(async () => {
    await loop.close()
    await threads.close()
  })
  const serve = async (source: string, groups: readonly TargetGroup[]) => {
    if (store.get(source) === undefined)
      store.add(source, { required: true, maxStalenessMs: Infinity, holdMs: 1 })
    const targets = groups.reduce((sum, group) => sum + group.targets.length, 0)
    const snapshot = await freeze(encodeGroups(groups), { groups: groups.length, targets }, clock.now())
    store.publish(source, snapshot)
    return snapshot
  }
  /** Lets a server be asked, and waits for what it says. */
  const ask = async (index = 0) => {
    const before = loop.servers()[index]
    await until('a timer is set', () => clock.pending().length >= servers.length)
    clock.advance(Math.max(...clock.pending()))
    return until('it was asked', () => {
      const now = loop.servers()[index]
      const isOver = now?.lastSuccessMs !== before?.lastSuccessMs || now?.failure !== before?.failure
      return isOver && clock.pending().length >= servers.length && now
    })
  }
  const scraped = async () => {
    const { values } = await metrics.startScrapes().targets.get()
    return Object.fromEntries(values.map(({ labels, value }) => [labels.state, value]))
  }
  return { loop, clock, store, lines, polled, serve, ask, scraped, metrics }
}

const SENSORS = { __meta_rollcall_source: 'sensors' }
const group = (targets: readonly string[], labels: Readonly<Record<string, string>> = {}): TargetGroup => ({
  targets,
  labels: Object.entries({ ...SENSORS, ...labels }).sort(([a], [b]) => (a < b ? -1 : 1)),
})

t.test('each served target has a state, with the reason', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask, scraped, clock } = await looping(t, [{ url }])
  state.yaml = `
scrape_configs:
- job_name: node
  http_sd_configs: [{ url: "http://rollcall/targets" }]
  relabel_configs:
  - { source_labels: [__address__], regex: drop.*, action: drop }
`
  await serve('sensors', [
    group(['up:1', 'down:1', 'new:1', 'drop:1', 'lost:1']),
    group(['up:1'], { __scheme__: 'https' }),
  ])
  state.active = [
    { address: 'up:1', lastScrape: '2026-01-01T00:00:00.123456789+01:00' },
    {
      address: 'up:1',
      health: 'down',
      lastError: 'x509: password=hunter22',
      labels: { __scheme__: 'https' },
    },
    { address: 'down:1', health: 'down', lastError: 'connection refused' },
    { address: 'new:1', health: 'unknown' },
    { address: 'other:1', source: 'others' },
    { address: 'lost:1', url: 'http://another/sd' },
  ]
  state.dropped = [{ address: 'drop:1' }]
  const server = await ask()
  t.match(server, { server: 'p0', failure: undefined, pools: ['node'], lastSuccessMs: clock.now() })
  const counts = { up: 1, down: 2, pending: 1, dropped: 1, unknown: 1 }
  t.same(server?.counts, counts)
  t.same(await scraped(), counts)
  const of = (address: string, labels: object = {}) =>
    loop.of('sensors', address, { ...SENSORS, ...labels })[0]
  const up = { server: 'p0', state: 'up', pool: 'node', why: undefined, sinceMs: clock.now() }
  t.match(of('up:1'), { ...up, lastScrapeMs: Date.UTC(2025, 11, 31, 23, 0, 0, 123) })
  t.match(of('up:1', { __scheme__: 'https' }), { state: 'down', why: /^x509: password=(?!hunter22)/ })
  t.match(of('down:1'), { state: 'down', why: 'connection refused' })
  t.match(of('new:1'), { state: 'pending', lastScrapeMs: undefined })
  t.match(of('drop:1'), { state: 'dropped', why: 'dropped by rule 1 (drop on __address__) of pool node' })
  t.match(of('lost:1'), {
    state: 'unknown',
    pool: undefined,
    why: /no client has polled \/targets since Rollcall started/,
  })
  t.same(
    state.requests.map((request) => request.url),
    ['/api/v1/status/config', '/api/v1/targets?state=any&scrapePool=node'],
  )
  t.equal(state.requests[1]?.headers['accept-encoding'], 'identity')

  const sinceMs = clock.now()
  state.active = [{ address: 'up:1' }, { address: 'down:1' }]
  await ask()
  t.equal(of('up:1')?.sinceMs, sinceMs)
  t.equal(of('down:1')?.sinceMs, clock.now())
})

t.test('why a target is unknown is told', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask, polled, clock } = await looping(t, [{ url }])
  const snapshot = await serve('sensors', [group(['a:1', 'a:2'])])
  const job = (name: string, path: string) =>
    `{ job_name: ${name}, http_sd_configs: [{ url: "http://rollcall${path}" }] }`
  const why = async (...jobs: string[]) => {
    state.yaml = `scrape_configs: [${jobs.join(', ')}]`
    await ask()
    return loop.of('sensors', 'a:1', SENSORS)[0]?.why
  }
  t.equal(await why(), 'none of its jobs discovers through Rollcall')
  t.match(await why(job('x', '/targets/other')), /^pool x asks only for \/targets\/other$/)
  t.match(await why(job('x', '/targets?label.site=a')), /^pool x asks for another view/)
  const shards = [await why(job('x', '/targets?shard=0/2')), await why(job('x', '/targets?shard=1/2'))]
  t.equal(shards.filter((text) => text?.includes('another shard')).length, 1)
  t.match(
    await why(job('x', '/targets/other'), job('y', '/targets/sensors?label.site=a')),
    /^pool y asks for another view .*; the target has no site$/,
    'a pool that asks for its source is named alone',
  )
  t.match(await why(job('x', '/targets')), /no client has polled \/targets since Rollcall started/)
  state.counts = { x: 3, others: 5 }
  t.match(
    await why(job('x', '/targets')),
    /pool x may have dropped it: 3 of its dropped targets are not shown/,
  )
  state.counts = undefined
  const { digest } = snapshot
  polled.push({ url: '/targets', digest: 'older', atMs: clock.now() })
  t.match(await why(job('x', '/targets')), /no client has polled \/targets since the list last changed/)
  polled.push({ url: '/targets', digest, atMs: clock.now() + 1 })
  t.match(await why(job('x', '/targets')), /\/targets was polled, but it does not show the target/)
  polled.push({ url: '/targets/sensors', digest, atMs: clock.now() + INTERVAL_MS })
  t.match(await why(job('x', '/targets/sensors')), /\/targets\/sensors was polled only just before/)
})

/** What vmagent 1.136 answers of a target that it has not scraped yet, and of one that it has. */
const OF_VMAGENT = (discoveredLabels: object) => ({
  status: 'success',
  data: {
    activeTargets: [
      {
        discoveredLabels,
        labels: { instance: 'new:1', job: 'node' },
        scrapePool: 'node',
        scrapeUrl: 'http://new:1/metrics',
        lastError: '',
        lastScrape: '1970-01-01T00:00:00Z',
        lastScrapeDuration: 0,
        lastSamplesScraped: 0,
        health: 'down',
      },
    ],
    droppedTargets: [],
  },
})

t.test('what vmagent has not scraped yet is pending, although it says down', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask } = await looping(t, [{ url }])
  await serve('sensors', [group(['new:1'])])
  const discovered = {
    __address__: 'new:1',
    __meta_rollcall_source: 'sensors',
    __meta_url: 'http://rollcall/targets',
    __metrics_path__: '/metrics',
    __scheme__: 'http',
    __scrape_interval__: '1h0m0s',
    __scrape_timeout__: '1s',
    job: 'node',
  }
  state.handle = (request, response) =>
    request.url?.includes('/targets')
      ? response.end(JSON.stringify(OF_VMAGENT(discovered)))
      : response.writeHead(404).end()
  t.match((await ask())?.counts, { pending: 1, down: 0 })
  t.match(loop.of('sensors', 'new:1', SENSORS)[0], { state: 'pending', lastScrapeMs: undefined })
})

t.test('a vmagent that forgot the labels of its targets is told how to keep them', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask, scraped } = await looping(t, [{ url }])
  await serve('sensors', [group(['new:1'])])
  const config = { status: 'success', data: { yaml: String(state.yaml) } }
  const targets = JSON.stringify(OF_VMAGENT({}))
  state.handle = (request, response) =>
    void response.end(request.url?.includes('/targets') ? targets : JSON.stringify(config))
  const advice =
    /: the targets of pool node lack their .*; start vmagent with -promscrape.dropOriginalLabels=false$/
  t.match((await ask())?.failure, advice)
  t.match(loop.of('sensors', 'new:1', SENSORS), [{ state: 'unknown', why: advice }])
  t.same(await scraped(), {}, 'nothing is counted')
  config.data.yaml = config.data.yaml.replace('job_name: node', 'job_name: other')
  t.equal((await ask())?.failure, undefined, 'but not of jobs that do not discover through Rollcall')
  state.handle = (request, response) =>
    void (request.url?.includes('/targets') ? response.end(targets) : response.writeHead(404).end())
  t.match((await ask())?.failure, advice, 'also one that does not tell its configuration')
})

t.test('a target that the rules of its pool drop is told so, also where it is not shown', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask } = await looping(t, [{ url }])
  state.yaml = `
scrape_configs:
- job_name: other
  http_sd_configs: [{ url: "http://rollcall/targets/others" }]
  relabel_configs: [{ action: drop }]
- job_name: node
  http_sd_configs: [{ url: "http://rollcall/targets" }]
  relabel_configs: [{ source_labels: [site], regex: lab, action: drop }]
`
  await serve('sensors', [group(['a:1'], { site: 'lab' }), group(['b:1'])])
  await ask()
  t.match(loop.of('sensors', 'a:1', { ...SENSORS, site: 'lab' })[0], {
    state: 'unknown',
    why: 'rule 1 (drop on site) of pool node drops it, although it is not among the dropped targets that are shown',
  })
  t.match(loop.of('sensors', 'b:1', SENSORS)[0], { state: 'unknown', why: /^no client has polled/ })
})

t.test('of several servers and pools the best counts', async (t) => {
  const [first, second] = [await prometheusApi(t), await prometheusApi(t)]
  const { loop, serve, ask, scraped } = await looping(t, [{ url: first.url }, { url: second.url }])
  await serve('sensors', [group(['a:1', 'b:1'])])
  first.state.yaml = `scrape_configs: [${['node', 'other'].map((name) => `{ job_name: ${name}, http_sd_configs: [{ url: "http://rollcall/targets" }] }`).join(', ')}]`
  first.state.active = [{ address: 'a:1', pool: 'other' }]
  first.state.dropped = [{ address: 'a:1' }]
  second.state.active = [{ address: 'b:1', health: 'down', lastError: 'no' }]
  t.same(loop.of('sensors', 'a:1', SENSORS), [], 'nothing is known before they were asked')
  await ask(0)
  await until('both were asked', () =>
    loop.servers().every(({ lastSuccessMs }) => lastSuccessMs !== undefined),
  )
  t.match(loop.of('sensors', 'a:1', SENSORS), [
    { state: 'up', pool: 'other' },
    { server: 'p1', state: 'unknown' },
  ])
  await until('it is counted', async () => (await scraped()).down === 1)
  t.same(await scraped(), { up: 1, down: 1, pending: 0, dropped: 0, unknown: 0 })
})

t.test('a server that fails keeps what it said, and its failure is told once', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask, lines, metrics } = await looping(t, [{ url, timeoutMs: 500 }])
  await serve('sensors', [group(['a:1'])])
  state.active = [{ address: 'a:1' }]
  const good = await ask()
  const up = async () => (await metrics.startScrapes().up.get()).values[0]?.value
  t.equal(await up(), 1)
  const answers: [body: string, status: number, failure: RegExp][] = [
    ['{"status":"error","error":"too busy"}', 503, /HTTP 503 \(too busy\).*the server's own log/],
    ['{"status":"error","error":"too busy now"}', 200, /not a list of targets: too busy now/],
    ['[]', 200, /not a list of targets/],
    ['{"status":"success","data":{"activeTargets":[{"discove', 200, /incomplete/],
    ['null', 200, /not a list of targets/],
    ['', 401, /HTTP 401; check the credentials that the server expects/],
  ]
  for (const [body, status, failure] of answers) {
    state.handle = (_request, response) => response.writeHead(status).end(body)
    const told = (await ask())?.failure
    t.match(told, failure)
    t.notMatch(told, 'inventory', 'the words of the HTTP client are about inventories')
    t.equal(await up(), 0)
    t.match(loop.of('sensors', 'a:1', SENSORS), [{ state: 'up', failure }])
    t.match(loop.servers()[0], { lastSuccessMs: good?.lastSuccessMs, counts: { up: 1 } })
  }
  t.equal(lines.filter(({ msg }) => /cannot be queried/.test(String(msg))).length, 1)
  state.handle = undefined
  state.active = [{ address: 'a:1', health: 'down' }]
  t.equal((await ask())?.failure, undefined)
  t.match(loop.of('sensors', 'a:1', SENSORS), [{ state: 'down', why: undefined }])
  t.equal(lines.filter(({ msg }) => /answers again/.test(String(msg))).length, 1)
})

t.test('hostile and foreign answers say nothing and harm nothing', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask } = await looping(t, [{ url }])
  await serve('sensors', [group(['a:1'])])
  const labels = { __address__: 'a:1', __meta_url: 'http://rollcall/targets', ...SENSORS }
  const activeTargets = [
    {},
    { discoveredLabels: null },
    { discoveredLabels: { ...labels, x: 1 } },
    { discoveredLabels: { ...labels, __meta_url: 'nonsense' }, scrapePool: 'node' },
    {
      discoveredLabels: { ...labels, __address__: '__proto__' },
      scrapePool: 'node',
      lastScrape: 7,
      health: 'fine',
    },
    { discoveredLabels: { ...labels, __meta_rollcall_source: '__proto__' }, scrapePool: 'node' },
  ]
  const config = JSON.stringify({ status: 'success', data: { yaml: state.yaml } })
  state.handle = ({ url }, response) =>
    response.end(
      url?.includes('config')
        ? config
        : JSON.stringify({ status: 'success', data: { activeTargets, other: [{}] } }),
    )
  t.match(await ask(), { failure: undefined, counts: { up: 0, unknown: 1 } })
  t.match(loop.of('sensors', '__proto__', SENSORS), [{ state: 'pending' }])
})

t.test('a server without the parameter scrapePool is asked once for all pools', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask } = await looping(t, [{ url }])
  await serve('sensors', [group(['a:1', 'b:1', 'c:1'])])
  const names = ['one', 'two']
  state.yaml = `scrape_configs: [${names.map((name) => `{ job_name: ${name}, http_sd_configs: [{ url: "http://rollcall/targets" }] }`).join(', ')}]`
  state.knowsPools = false
  state.active = [
    { address: 'a:1', pool: 'one' },
    { address: 'b:1', pool: 'two' },
  ]
  state.dropped = [{ address: 'c:1', pool: 'two' }]
  t.match(await ask(), { pools: names, counts: { up: 2, dropped: 1 } })
  t.equal(state.requests.length, 2)
  t.match(loop.of('sensors', 'c:1', SENSORS), [{ pool: 'two' }])
})

t.test(
  'a server that does not tell its configuration, or not all, is known by the URLs of its targets',
  async (t) => {
    const { url, state, answer } = await prometheusApi(t)
    const { loop, serve, ask } = await looping(t, [{ url: new URL('/prometheus/', url) }])
    await serve('sensors', [group(['a:1', 'b:1', 'c:1'])])
    state.active = [
      { address: 'a:1', pool: 'one' },
      { address: 'b:1', pool: 'two', url: 'http://another/sd' },
    ]
    state.dropped = [{ address: 'c:1', pool: 'one' }]
    const configs: [status: number, body: string][] = [
      [404, 'not found'],
      [403, '{}'],
      [200, 'no JSON'],
      [200, '{"data":{}}'],
      [200, JSON.stringify({ data: { yaml: 'scrape_config_files: [more.yml]' } })],
    ]
    for (const [status, body] of configs) {
      state.handle = (request, response) => {
        if (request.url?.endsWith('/status/config')) response.writeHead(status).end(body)
        else answer(request, response)
      }
      t.match(await ask(), { pools: ['one'], counts: { up: 1, dropped: 1, unknown: 1 } }, body)
      t.match(loop.of('sensors', 'c:1', SENSORS), [{ why: /pool one; which one is unknown/ }])
    }
    state.handle = (_request, response) => response.writeHead(500).destroy()
    t.match((await ask())?.failure, /status\/config/)
    t.ok(state.requests.every((request) => request.url?.startsWith('/prometheus/api/v1/')))
  },
)

t.test('a server that hangs is given up, and a loop that ends waits for nothing', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, clock } = await looping(t, [{ url, intervalMs: undefined }])
  state.handle = () => {}
  await until('a timer is set', () => clock.pending().length === 1)
  clock.advance(5_000)
  await until('it is asked', () => state.requests.length === 1)
  clock.advance(10_000)
  const failed = await until('it failed', () => loop.servers()[0]?.failure)
  t.match(failed, /no complete answer to status\/config within 10s/)
  // Ten seconds are a fiftieth of 500.
  await until('it is asked again', () => clock.pending().length === 1)
  t.same(clock.pending(), [500_000])
  clock.advance(500_000)
  await until('it is asked again', () => state.requests.length === 2)
  await loop.close()
  t.same(clock.pending(), [])
})

t.test('targets of removed sources count, and a large configuration is read in a thread', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { store, serve, ask } = await looping(t, [{ url }])
  const snapshot = await serve('sensors', [group(['a:1', 'b:1'])])
  store.remove('sensors')
  store.setRemoved({ snapshots: [snapshot], lastSuccessMs: [0], held: [] })
  store.add('empty', { required: true, maxStalenessMs: Number.POSITIVE_INFINITY, holdMs: 1 })
  const others = Array.from({ length: 1_000 }, (_, index) => `- { job_name: other-${index} }`)
  const ours = '- { job_name: node, http_sd_configs: [{ url: "http://rollcall/targets" }] }'
  state.yaml = ['scrape_configs:', ...others, ours].join('\n')
  state.active = [{ address: 'a:1' }]
  t.match(await ask(), { failure: undefined, pools: ['node'], counts: { up: 1, unknown: 1 } })
  state.yaml += '\n- ['
  t.match((await ask())?.failure, /configuration of the server is not valid YAML/)
})

t.test('a loop that ends asks no server that waits for another', async (t) => {
  const [first, second] = [await prometheusApi(t), await prometheusApi(t)]
  const { loop, clock } = await looping(t, [{ url: first.url }, { url: second.url }])
  for (const { state } of [first, second]) state.handle = () => {}
  clock.advance(5_000)
  await until('one is asked', () => first.state.requests.length === 1)
  await loop.close()
  t.equal(second.state.requests.length, 0)
  t.same(clock.pending(), [])
})

t.test('of a server that has never answered the failure is told', async (t) => {
  const { url, state } = await prometheusApi(t)
  const { loop, serve, ask } = await looping(t, [{ url, timeoutMs: 500 }])
  await serve('sensors', [group(['a:1'])])
  t.same(loop.of('sensors', 'a:1', SENSORS), [], 'it was not asked yet')
  state.handle = (_request, response) => response.writeHead(401).end()
  await ask()
  t.match(loop.of('sensors', 'a:1', SENSORS), [
    { state: 'unknown', why: /^it cannot be queried: .*HTTP 401/, notes: [] },
  ])
})
