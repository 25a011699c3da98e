import t from 'tap'
import { encodeGroups } from '../../src/model/list.ts'
import { freeze } from '../../src/snapshot/freeze.ts'
import { INITIAL_STATUS } from '../../src/snapshot/store.ts'
import { readHalf } from '../helpers/app.ts'

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

t.test('54: the one page that there is, is the same whatever the data and the request say', async (t) => {
  const { app } = await hostile(t)
  const { app: harmless } = await readHalf(t)
  const page = await app.inject(`/?q=${QUOTED}`)
  t.match(page.headers['content-type'], 'text/html')
  t.notMatch(page.payload, /script/i)
  t.equal(page.payload, (await harmless.inject('/')).payload)
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
