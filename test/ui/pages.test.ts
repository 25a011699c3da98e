import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { History } from '../../src/model/history.ts'
import type { Scrape, Scrapes } from '../../src/model/scrape.ts'
import { freeze } from '../../src/snapshot/freeze.ts'
import { type HeldTargets, INITIAL_STATUS } from '../../src/snapshot/store.ts'
import { agoText } from '../../src/ui/layout.tsx'
import { readHalf } from '../helpers/app.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { until } from '../helpers/until.ts'

const DIGEST = 'a'.repeat(64)

type Half = Awaited<ReturnType<typeof readHalf>>

/** Publishes targets of `sensors`, each with its number as label `rack`. */
async function publish({ store, clock }: Half, count: number, source = 'sensors') {
  const groups = Array.from({ length: count }, (_, index) => ({
    targets: [`${source}-${index}:9100`],
    labels: [
      ['__meta_rollcall_source', source],
      ['rack', `r${index}`],
    ] as const,
  }))
  store.publish(source, await freeze(encodeGroups(groups), { groups: count, targets: count }, clock.now()))
}

function held(half: Half): HeldTargets {
  const since = { wallMs: half.clock.now(), monotonicMs: half.clock.monotonic() }
  return {
    digest: DIGEST,
    reason: 'max_drop',
    why: '60 % would leave',
    targets: 3,
    samples: ['a:1'],
    since,
    until: undefined,
  }
}

/** The text of a page, with what was escaped as it was. */
function plain(html: string): string {
  return html.replace(
    /&(lt|amp|quot);/g,
    (_all, name) => ({ lt: '<', amp: '&', quot: '"' })[name as string] ?? '',
  )
}

/** Whether a text is in a page; it is not shown whole when it is not. */
function has(t: Test, html: string, text: string): void {
  t.ok(plain(html).includes(text), `it shows ${text}`)
}

function hasNot(t: Test, html: string, text: string): void {
  t.notOk(plain(html).includes(text), `it does not show ${text}`)
}

/** The links of a page, as addresses below the root. */
function linksOf(html: string, path: string): string[] {
  return [...html.matchAll(/(?:href|action)="([^"#]+)/g)]
    .map(([, link]) => new URL((link as string).replaceAll('&amp;', '&'), `http://a${path}`))
    .filter(({ host }) => host === 'a')
    .map(({ pathname, search }) => pathname + search)
}

const PATHS = [
  '/',
  '/ui/targets',
  '/ui/explain',
  '/ui/explain?q=sensors-1',
  '/ui/changes',
  '/ui/pollers',
  '/ui/status',
]

t.test('every page is there with no list at all, and its links lead somewhere', async (t) => {
  const half = await readHalf(t, { sources: ['sensors', 'others'] })
  const seen = new Set<string>()
  for (const path of PATHS) {
    const { statusCode, payload } = await half.app.inject(path)
    t.equal(statusCode, 200, path)
    t.match(payload, /^<!doctype html>\n<html lang="en">/, path)
    t.equal(payload.match(/aria-current="page"/g)?.length, 1, path)
    for (const link of linksOf(payload, path)) seen.add(link)
  }
  t.ok(seen.has('/ui/pollers') && seen.has('/'))
  for (const link of seen) t.not((await half.app.inject(link)).statusCode, 404, link)
})

t.test('Sources shows what each source last did, and what is held', async (t) => {
  const half = await readHalf(t, { enableLifecycle: true, sources: ['sensors', 'others'] })
  const { app, store, clock } = half
  await publish(half, 3)
  const at = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
  store.setStatus('sensors', {
    ...INITIAL_STATUS,
    lastSuccess: at,
    failure: { reason: 'auth', message: 'the inventory answered 401', at },
    failures: 2,
    records: 1_234,
    rejected: { invalid_port: 1 },
    samples: [{ index: 7, key: 'box-7', reason: 'invalid_port', detail: 'port 70000 is not 1 to 65535' }],
    absent: 3,
    held: [held(half)],
  })
  store.setFileError('sensors', 'storage', { path: '/data', error: 'ENOSPC' })
  store.setRemoved({ snapshots: [], lastSuccessMs: [], held: [{ ...held(half), digest: 'b'.repeat(64) }] })
  const html = (await app.inject('/')).payload
  for (const text of [
    '>failing<',
    'the inventory answered 401',
    '1,234',
    'ui/explain?q=box-7&source=sensors',
    'port 70000 is not 1 to 65535',
    '60 % would leave',
    'ENOSPC',
    `action="ui/accept?digest=${DIGEST}&source=sensors"`,
    `action="ui/accept?digest=${'b'.repeat(64)}"`,
    'Sources that are not configured any more',
  ])
    has(t, html, text)
  const one = (await app.inject('/?source=others')).payload
  hasNot(t, one, 'the inventory answered 401')
  hasNot(t, one, 'not configured any more')
})

t.test(
  'targets that have not been held yet are told, and without the lifecycle API there is no button',
  async (t) => {
    const half = await readHalf(t)
    half.store.setStatus('sensors', { ...INITIAL_STATUS, absent: 2, held: [held(half)] })
    const html = (await half.app.inject('/')).payload
    has(t, html, '--web.enable-lifecycle')
    hasNot(t, html, '<button type="submit">Accept')
    half.store.setStatus('sensors', {
      ...INITIAL_STATUS,
      absent: 2,
      samples: [{ index: 0, reason: 'no_host', detail: '' }],
      rejected: { no_host: 1 },
    })
    has(t, (await half.app.inject('/')).payload, '2 served targets were not in the last reading')
  },
)

t.test('of several URLs the one is told that was read, with more weight when it is a standby', async (t) => {
  const half = await readHalf(t)
  const show = async (isStandby: boolean) => {
    half.store.setStatus('sensors', { ...INITIAL_STATUS, way: { url: 'http://second/list', isStandby } })
    return (await half.app.inject('/')).payload
  }
  has(t, await show(false), '<bdi>http://second/list</bdi> gave the last list')
  has(t, await show(true), ', a standby: the URLs before it fail')
  t.same((await half.app.inject('/api/v1/sources')).json().sources[0].read_from, {
    url: 'http://second/list',
    standby: true,
  })
})

t.test('where there is nothing to show, the pages say so', async (t) => {
  const none = await readHalf(t, { sources: [] })
  has(t, (await none.app.inject('/')).payload, 'No source is configured')
  const half = await readHalf(t, { enableLifecycle: true })
  await publish(half, 1)
  half.store.setStatus('sensors', { ...INITIAL_STATUS, absent: 1, held: [{ ...held(half), targets: 1 }] })
  has(t, (await half.app.inject('/')).payload, 'Accept: let this target leave')
  const html = (await half.app.inject('/ui/status')).payload
  has(t, html, '<th scope="row">Ready</th><td><bdi>yes</bdi>')
  has(t, html, 'There is no configuration file')
  const { cluster } = (await half.app.inject('/api/v1/status')).json()
  t.equal(cluster, null)
})

t.test('the button lets held targets leave, and leads back', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  state.acceptAnswer = [{ source: 'sensors', result: 'changed', targets: 1 }]
  const post = (digest: string) =>
    app.inject({
      method: 'POST',
      url: `/ui/accept?digest=${digest}&source=sensors`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: '',
    })
  const { statusCode, headers } = await post(DIGEST)
  t.same([statusCode, headers.location], [303, '../?notice=accepted'])
  t.same(state.accepted, [[DIGEST, 'sensors']])
  t.match((await app.inject('/?notice=accepted')).payload, 'the held targets have left')
  state.acceptAnswer = undefined
  const refused = await post(DIGEST)
  t.equal(refused.statusCode, 409)
  t.match(refused.headers['content-type'], 'text/html')
  has(t, refused.payload, 'nothing was accepted')
})

t.test('a button on a page of another site does nothing', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  const headers = { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' }
  const { statusCode } = await app.inject({ method: 'POST', url: `/ui/accept?digest=${DIGEST}`, headers })
  t.equal(statusCode, 403)
  t.same(state.accepted, [])
})

t.test('Targets pages through them, and narrows by text, source and label', async (t) => {
  const half = await readHalf(t, { sources: ['sensors', 'others'] })
  const { app } = half
  await publish(half, 250)
  await publish(half, 2, 'others')
  const first = (await app.inject('/ui/targets')).payload
  has(t, first, '1 to 100 of 252 served targets')
  has(t, first, 'rel="next" href="../ui/targets?offset=100"')
  hasNot(t, first, 'rel="prev"')
  const last = (await app.inject('/ui/targets?offset=200')).payload
  has(t, last, '201 to 252 of 252')
  has(t, last, 'rel="prev" href="../ui/targets?offset=100"')
  has(t, (await app.inject('/ui/targets?q=others-1&source=')).payload, '1 to 1 of 1')
  has(t, (await app.inject('/ui/targets?source=others')).payload, '1 to 2 of 2')
  const labelled = (await app.inject('/ui/targets?label.rack=r7')).payload
  has(t, labelled, 'sensors-7:9100')
  has(t, labelled, 'name="label.rack" value="r7"')
  const none = (await app.inject('/ui/targets?q=nothing')).payload
  has(t, none, 'No served target matches')
  has(t, none, 'href="../ui/explain?q=nothing"')
  const wrong = await app.inject('/ui/targets?shard=0/2')
  t.equal(wrong.statusCode, 400)
  has(t, wrong.payload, 'shard is for /targets only')
})

t.test('where explanations are off, the search box finds targets', async (t) => {
  const half = await readHalf(t, { disableExplain: true })
  await publish(half, 1)
  const html = (await half.app.inject('/ui/targets')).payload
  has(t, html, 'action="../ui/targets"')
  hasNot(t, html, 'ui/explain')
  has(t, html, 'sensors-0:9100')
})

const SCRAPE: Scrape = {
  server: 'main',
  state: 'down',
  pool: 'sensors',
  why: 'connection refused',
  notes: [],
  failure: undefined,
  lastScrapeMs: 0,
  sinceMs: 0,
}

t.test(
  'what Prometheus makes of targets stands beside them, and its counts beside the sources',
  async (t) => {
    const counts = { up: 1, down: 2, pending: 0, dropped: 3, unknown: 4 }
    const server = {
      server: 'main',
      url: 'http://p:9090',
      lastSuccessMs: 0,
      failure: undefined,
      pools: ['sensors'],
      counts,
    }
    const scrapes: Scrapes = {
      servers: () => [server, { ...server, server: 'second', failure: 'connection refused by second' }],
      of: (_source, address) =>
        address === 'sensors-0:9100'
          ? [SCRAPE]
          : [{ ...SCRAPE, state: 'unknown', pool: undefined, why: undefined, lastScrapeMs: undefined }],
    }
    const half = await readHalf(t, { scrapes })
    await publish(half, 2)
    const html = (await half.app.inject('/ui/targets')).payload
    has(t, html, '>In Prometheus<')
    has(t, html, '>down<')
    has(t, html, 'connection refused')
    has(t, html, '>unknown<')
    const sources = (await half.app.inject('/')).payload
    has(t, sources, '1 up, 2 down, 7 not scraped')
    has(t, sources, 'connection refused by second')
  },
)

t.test('Explain shows each step, and what was asked', async (t) => {
  const { app, state } = await readHalf(t)
  const target = {
    address: 'a:9100',
    labels: { site: 'x', __meta_rollcall_source: 'sensors' },
    steps: [
      {
        rule: 1,
        action: 'replace',
        result: 'changed',
        changes: [{ label: 'site', before: null, after: 'y' }],
      },
      { rule: 2, action: 'keep', result: 'unchanged', changes: [] },
    ],
    final: { address: 'a:9101', labels: { site: 'y' } },
    rejection: null,
    served: true,
    verdict: 'served as a:9101',
  } as const
  const refused = {
    ...target,
    address: null,
    steps: [],
    final: null,
    rejection: { reason: 'invalid_port', detail: 'port 0' },
    served: false,
    verdict: 'quarantined: invalid_port',
  }
  state.explanation = {
    matches: 2,
    verdict: 'two matches',
    explanations: [
      {
        source: 'sensors',
        position: { document: 'the answer', index: 3 },
        record: { host: 'a' },
        targets: [target, refused],
        dropped_labels: ['bad-name: not a label name'],
        verdict: 'both of it',
      },
      {
        source: 'sensors',
        position: { document: 'the answer', index: null },
        record: null,
        targets: [],
        dropped_labels: [],
        verdict: 'outside of the list',
      },
      {
        source: 'sensors',
        position: null,
        record: null,
        targets: [],
        dropped_labels: [],
        verdict: 'as served',
      },
    ],
  }
  const html = (await app.inject('/ui/explain?q=a&source=sensors')).payload
  t.same(state.asked, [['a', 'sensors']])
  for (const text of [
    'two matches',
    'record 3 (from 0) of the answer',
    'site: (none) → "y"',
    'After the rules: <bdi>a:9101</bdi>',
    'served as a:9101',
    'Quarantined: invalid_port: <bdi>port 0</bdi>',
    'bad-name: not a label name',
    'in the answer',
    'in the served list',
    'point http_sd_configs at one of them',
  ])
    has(t, html, text)
  t.equal((await app.inject('/ui/explain?source=sensors')).statusCode, 400)
})

t.test('Changes shows what happened to targets, page by page, and a picture of it', async (t) => {
  const asked: unknown[] = []
  const history: History = {
    async find(query) {
      asked.push(query)
      const event = { id: 7, atMs: 0, source: 'sensors', kind: 'left', address: 'a:1' } as const
      const place = { __metrics_path__: '/x' }
      return {
        events: [
          { ...event, place, why: 'missing since noon' },
          { ...event, id: 6, address: '', place: {}, why: 'first list' },
        ],
        next: 6,
      }
    },
  }
  const { app, store, clock } = await readHalf(t, { history, sources: ['sensors', 'others'] })
  const note = (source: string, targets: number, added: number, removed: number) => {
    clock.advance(60_000)
    store.noteChange({
      source,
      atMs: clock.now(),
      targets,
      added,
      removed,
      samples: { added: [], removed: [] },
    })
  }
  note('sensors', 10, 2, 0)
  note('others', 5, 5, 0)
  note('sensors', 7, 0, 3)
  const html = (await app.inject('/ui/changes')).payload
  for (const text of [
    'a:1 __metrics_path__="/x"',
    'missing since noon',
    'first list',
    '12 targets now; 7 joined and 3 left since',
    'href="../ui/changes?before=6"',
  ])
    has(t, html, text)
  const narrowed = (await app.inject('/ui/changes?target=a&source=sensors&since=3d&before=6')).payload
  hasNot(t, narrowed, '<svg')
  has(t, narrowed, 'href="../ui/changes?source=sensors&target=a&since=3d&before=6"')
  t.match(asked, [
    { limit: 100, source: undefined, target: undefined },
    { limit: 100, source: 'sensors', target: 'a', before: 6, sinceMs: clock.now() - 3 * 86_400_000 },
  ])
  t.equal((await app.inject('/ui/changes?since=soon')).statusCode, 400)
  t.equal((await app.inject('/ui/changes?source=nobody&target=a')).statusCode, 404)
})

t.test('Changes says where there is nothing to show, and where no history is kept', async (t) => {
  const none = { find: async () => ({ events: [], next: undefined }) }
  const kept = await readHalf(t, { history: none, disableExplain: true })
  const html = (await kept.app.inject('/ui/changes')).payload
  has(t, html, 'The history has no events')
  hasNot(t, html, '<svg')
  const { app } = await readHalf(t)
  has(t, (await app.inject('/ui/changes')).payload, 'No history of targets is kept')
})

t.test('where explanations are off, Changes links to none', async (t) => {
  const event = {
    id: 1,
    atMs: 0,
    source: 'sensors',
    kind: 'joined',
    address: 'a:1',
    place: {},
    why: '',
  } as const
  const history = { find: async () => ({ events: [event], next: undefined }) }
  const { app } = await readHalf(t, { history, disableExplain: true })
  const html = (await app.inject('/ui/changes')).payload
  has(t, html, 'a:1')
  hasNot(t, html, 'ui/explain')
})

t.test('a reload that failed is told on every page', async (t) => {
  const reloadFailure = { atMs: 0, message: 'rollcall.yml:3:5: wrong' }
  const { app } = await readHalf(t, { reloadFailure })
  for (const path of PATHS) has(t, (await app.inject(path)).payload, 'rollcall.yml:3:5: wrong')
})

t.test('Pollers shows who asks, and which list each has', async (t) => {
  const half = await readHalf(t)
  const { app, clock } = half
  await publish(half, 2)
  const base = await app.listen({ port: 0, host: '127.0.0.1' })
  const poll = async (url: string) => {
    const response = await fetch(base + url, { headers: { 'user-agent': 'Prometheus/3.9.1' } })
    await response.arrayBuffer()
    const isKnown = async () => (await app.inject('/api/v1/pollers')).payload.includes(url)
    await until(`the poll of ${url} is known`, isKnown)
  }
  await poll('/targets/sensors')
  await poll('/targets/typo')
  await poll('/targets?label.rack=r0')
  clock.advance(30_000)
  await poll('/targets/sensors')
  has(t, (await app.inject('/ui/pollers')).payload, 'the current list')
  await publish(half, 3)
  const html = (await app.inject('/ui/pollers')).payload
  for (const text of [
    'an older list',
    'a part',
    'none',
    '/targets/typo is no list',
    '30 s',
    'Prometheus/3.9.1',
  ])
    has(t, html, text)
})

t.test('Status shows the configuration in force, and the replicas', async (t) => {
  const status = {
    replica: 'a',
    replicas: [
      { name: 'a', version: '1.2.3', leases: 1 },
      { name: 'b', version: '1.2.2', leases: 0 },
    ],
    failure: 'connection refused by the store',
  }
  const shared = {
    reader: 'b',
    isReader: false,
    generation: 4,
    newest: 5,
    isDetached: false,
    refused: 'its format is newer',
  }
  const cluster = { status: () => status, statusOf: () => shared, outdated: () => [] }
  const { app, state } = await readHalf(t, { cluster })
  state.draining = true
  state.configView = {
    settings: [{ name: '--config.file', value: 'rollcall.yml', from: 'flag' }],
    configuration: { file: 'rollcall.yml', yaml: 'sources:\n  - name: sensors\n' },
  }
  const html = (await app.inject('/ui/status')).payload
  for (const text of [
    'a (this one)',
    '1.2.2',
    'name: sensors',
    '--config.file',
    'The server is stopping',
    ', replica <bdi>a',
  ])
    has(t, html, text)
  has(t, html, 'The store of the cluster cannot be used: connection refused by the store')
  const sources = (await app.inject('/')).payload
  has(t, sources, 'Read by <bdi>b</bdi>')
  has(t, sources, 'its format is newer')
  const reader = { ...shared, isReader: true, newest: 4, refused: undefined }
  const own = await readHalf(t, { cluster: { ...cluster, statusOf: () => reader } })
  has(t, (await own.app.inject('/')).payload, 'This replica reads it; generation 4')
  const nobody = await readHalf(t, {
    cluster: { ...cluster, statusOf: () => ({ ...shared, reader: undefined }) },
  })
  has(t, (await nobody.app.inject('/')).payload, 'no replica')
})

t.test('a page with everything is small, and asks for nothing from elsewhere', async (t) => {
  const half = await readHalf(t)
  await publish(half, 500)
  const html = await half.app.inject('/ui/targets')
  const style = await half.app.inject('/ui/style.css')
  const icon = await half.app.inject('/ui/icon.svg')
  t.match(style.headers['content-type'], 'text/css')
  t.match(icon.headers['content-type'], 'image/svg+xml')
  const bytes = [html, style, icon].reduce((sum, { rawPayload }) => sum + rawPayload.length, 0)
  t.ok(bytes < 60_000, `${bytes} bytes`)
  t.notOk(/<(?:script|img|iframe)|\s(?:style|on\w+)=/i.test(html.payload))
  t.notMatch(style.payload, /url\(|@import/)
})

t.test('texts are shown without what would hide or reorder others, and cut', async (t) => {
  const half = await readHalf(t)
  const { app, store, clock } = half
  const at = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
  const message = `\u202egnp.exe ${'x'.repeat(2_000)}`
  store.setStatus('sensors', { ...INITIAL_STATUS, failure: { reason: 'parse', message, at } })
  const html = (await app.inject('/')).payload
  has(t, html, '<bdi>\\u202egnp.exe')
  has(t, html, 'x… (cut)')
  hasNot(t, html, '\u202e')
})

t.test('how long ago something was, in the two largest units at most', async (t) => {
  for (const [ms, text] of [
    [0, 'now'],
    [999, '1s ago'],
    [119_000, '1m59s ago'],
    [120_000, '2m ago'],
    [7_199_000, '1h59m ago'],
    [7_200_000, '2h ago'],
    [3 * 86_400_000 + 5_000_000, '3d ago'],
  ] as const)
    t.equal(agoText(ms), text)
})

t.test('the page about the API names every page', async (t) => {
  const page = readFileSync('docs/http-api.md', 'utf8')
  for (const path of ['`GET /`', '`/ui/targets`']) t.ok(page.includes(path), path)
})

t.test('who asks for one source is shown nothing of others', async (t) => {
  const server = {
    server: 'main',
    url: 'http://p:9090',
    lastSuccessMs: 0,
    failure: 'unseen-server',
    pools: [],
  }
  const counts = { up: 0, down: 0, pending: 0, dropped: 0, unknown: 0 }
  const scrapes: Scrapes = { servers: () => [{ ...server, counts }], of: () => [] }
  const reloadFailure = { atMs: 0, message: 'sources[4] unseen-reload' }
  const half = await readHalf(t, { sources: ['sensors', 'unseen'], scrapes, reloadFailure })
  await publish(half, 1)
  await publish(half, 1, 'unseen')
  const base = await half.app.listen({ port: 0, host: '127.0.0.1' })
  await (await fetch(`${base}/targets?label.__meta_rollcall_source=unseen`)).arrayBuffer()
  await until('the poll is known', async () =>
    (await half.app.inject('/api/v1/pollers')).payload.includes('unseen'),
  )
  for (const path of ['/', '/ui/targets', '/ui/explain', '/ui/changes', '/ui/pollers']) {
    const query = path === '/ui/explain' ? '?q=a&source=sensors' : '?source=sensors'
    hasNot(t, (await half.app.inject(path + query)).payload, 'unseen')
    has(t, (await half.app.inject(path)).payload, 'unseen')
  }
  for (const path of ['/api/v1/pollers?source=sensors', '/api/v1/explain?q=sensors-0&source=sensors'])
    t.notOk((await half.app.inject(path)).payload.includes('unseen'), path)
})
