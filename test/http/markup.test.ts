import t from 'tap'
import { freeze } from '../../src/snapshot/freeze.ts'
import { INITIAL_STATUS } from '../../src/snapshot/store.ts'
import { readHalf } from '../helpers/app.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'

const SCRIPT = '<script>alert(1)</script>'
const QUOTED = encodeURIComponent(SCRIPT)

/** A server all of whose data is markup. */
async function hostile(t: Parameters<typeof readHalf>[0]) {
  const half = await readHalf(t, { enableLifecycle: true })
  const { store, clock, state } = half
  const body = encodeGroups([{ targets: ['a:1'], labels: [['site', SCRIPT]] }])
  store.publish('sensors', await freeze(body, { groups: 1, targets: 1 }, clock.now()))
  const at = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
  store.setStatus('sensors', {
    ...INITIAL_STATUS,
    lastSuccess: at,
    samples: [{ index: 0, reason: 'invalid_host', detail: SCRIPT }],
    failure: { reason: 'parse', message: SCRIPT, at },
  })
  state.explanation = { verdict: SCRIPT }
  state.reloadError = new Error(SCRIPT)
  return half
}

t.test('54: <script> in data or in a request is never sent as a page', async (t) => {
  const { app } = await hostile(t)
  const rows: [method: 'GET' | 'POST', url: string, showsIt: boolean][] = [
    ['GET', '/targets', true],
    ['GET', '/targets/sensors', true],
    ['GET', '/health', true],
    ['GET', `/api/v1/explain?q=${QUOTED}`, true],
    ['POST', '/-/reload', true],
    ['GET', `/targets?${QUOTED}=1`, true],
    ['GET', `/api/v1/explain?q=a&${QUOTED}=1`, true],
    ['GET', '/ready', false],
    ['GET', '/-/healthy', false],
    ['GET', '/metrics', false],
    ['GET', `/${QUOTED}`, false],
    ['GET', `/metrics/${QUOTED}`, false],
    ['POST', `/-/refresh?source=${QUOTED}`, false],
    ['GET', `/targets/${QUOTED}`, false],
    ['GET', '/%zz<script>', false],
  ]
  for (const [method, url, showsIt] of rows) {
    const answer = await app.inject({ method, url })
    t.match(answer.headers['content-type'], /^(application\/json|text\/plain); /, url)
    t.equal(answer.headers['x-content-type-options'], 'nosniff', url)
    if (showsIt) t.match(answer.payload, '<script>', url)
  }
  const { headers } = await app.inject('/targets')
  const known = await app.inject({ url: '/targets', headers: { 'if-none-match': String(headers.etag) } })
  t.equal(known.statusCode, 304)
  t.equal(known.headers['x-content-type-options'], 'nosniff')
})

t.test('54: on pages data are text: nothing of them is markup, and nothing runs', async (t) => {
  const { app, store, state } = await hostile(t)
  state.explanation = {
    verdict: SCRIPT,
    matches: 1,
    explanations: [
      {
        source: 'sensors',
        position: { document: SCRIPT, index: 0 },
        record: { name: SCRIPT },
        targets: [],
        dropped_labels: [SCRIPT],
        verdict: SCRIPT,
      },
    ],
  }
  store.noteChange({
    source: 'sensors',
    atMs: 0,
    targets: 1,
    added: 1,
    removed: 0,
    samples: { added: [SCRIPT], removed: [] },
  })
  await app.inject({ url: `/targets/x?${QUOTED}`, headers: { 'user-agent': SCRIPT } })
  const rows: [url: string, status: number][] = [
    [`/?notice=${QUOTED}`, 200],
    ['/', 200],
    ['/ui/targets', 200],
    [`/ui/targets?q=${QUOTED}`, 200],
    [`/ui/targets?label.site=${QUOTED}`, 200],
    [`/ui/targets?source=${QUOTED}`, 400],
    [`/ui/explain?q=${QUOTED}`, 200],
    ['/ui/changes', 200],
    ['/ui/pollers', 200],
  ]
  for (const [url, status] of rows) {
    const { statusCode, headers, payload } = await app.inject(url)
    t.equal(statusCode, status, url)
    t.equal(headers['x-content-type-options'], 'nosniff', url)
    t.notOk(/<script/i.test(payload), url)
    t.match(headers['content-type'], 'text/html', url)
    t.match(headers['content-security-policy'], "default-src 'none'", url)
    t.equal(headers['cache-control'], 'no-store', url)
  }
  t.ok((await app.inject('/ui/targets')).payload.includes('site=&quot;&lt;script>'))
})

t.test('53: health is harmless to the terminal of whoever uses curl', async (t) => {
  const { app, store } = await readHalf(t)
  const message = 'line\nbreak \u001b[31m \u009b2J \u202e'
  const at = { wallMs: 0, monotonicMs: 0 }
  store.setStatus('sensors', { ...INITIAL_STATUS, failure: { reason: 'parse', message, at } })
  const answer = await app.inject('/health')
  t.equal(answer.json().sources.sensors.failure.message, message)
  t.notMatch(answer.payload.replaceAll('\n', ''), /\p{Cc}|\u202e/u)
})
