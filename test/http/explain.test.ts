import t from 'tap'
import { readHalf } from '../helpers/app.ts'

t.test('an explanation is JSON that no browser takes for a page and no cache keeps', async (t) => {
  const { app, state } = await readHalf(t)
  state.explanation = { verdict: '<script>alert(1)</script>\u001b[31m\u009b' }
  const answer = await app.inject('/api/v1/explain?q=%3Cb%3E&source=sensors')
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, {
    'content-type': 'application/json; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  })
  t.match(answer.json(), { query: '<b>', matches: 0, explanations: [], verdict: state.explanation.verdict })
  t.notMatch(answer.payload.replaceAll('\n', ''), /\p{Cc}/u, 'harmless to the terminal of whoever uses curl')
  await app.inject('/api/v1/explain?q=a+b')
  t.same(state.asked, [
    ['<b>', 'sensors'],
    ['a b', undefined],
  ])
})

t.test('5: HEAD is GET without the body, another method is 405', async (t) => {
  const { app } = await readHalf(t)
  const head = await app.inject({ method: 'HEAD', url: '/api/v1/explain?q=a' })
  t.equal(head.statusCode, 200)
  t.equal(head.payload, '')
  const post = await app.inject({ method: 'POST', url: '/api/v1/explain?q=a' })
  t.equal(post.statusCode, 405)
  t.equal(post.headers.allow, 'GET, HEAD')
})

t.test('wrong parameters are refused before anything is searched', async (t) => {
  const { app, state } = await readHalf(t)
  const rows: [query: string, status: number, message: RegExp][] = [
    ['', 400, /^the parameter q is missing; write \/api\/v1\/explain\?q=…$/],
    ['?q=', 400, /^the parameter q is empty; give a host/],
    ['?q=%20', 400, /^the parameter q is empty/],
    [`?q=${'x'.repeat(257)}`, 400, /^the parameter q is longer than 256 characters/],
    ['?q=a&q=b', 400, /^q and source may be given once each$/],
    ['?q=a&source=sensors&source=b', 400, /once each/],
    ['?q=a&format=json', 400, /^the parameter "format" is not known here; there are q and source$/],
    ['?q=a&source=', 400, /a source name has letters/],
    ['?q=a&source=a.b', 400, /a source name has letters/],
    ['?q=a&source=other', 404, /^there is no source other; there is sensors$/],
    ['?q=a&source=__proto__', 404, /there is no source/],
  ]
  for (const [query, status, message] of rows) {
    const answer = await app.inject(`/api/v1/explain${query}`)
    t.equal(answer.statusCode, status, query)
    t.match(answer.json().error.message, message, query)
  }
  t.same(state.asked, [])
  t.equal((await app.inject(`/api/v1/explain?q=${'x'.repeat(256)}`)).statusCode, 200)
})

t.test('48: explanations are shed while the event loop is saturated', async (t) => {
  const { app, state } = await readHalf(t)
  await app.ready()
  const block = (ms: number) => {
    const end = performance.now() + ms
    while (performance.now() < end);
  }
  let answer = await app.inject('/api/v1/explain?q=a')
  const asked = () => state.asked.length
  let before = asked()
  for (let round = 0; round < 10 && answer.statusCode === 200; round++) {
    block(1_300)
    await new Promise<void>((resolve) => void setTimeout(resolve, 5))
    before = asked()
    answer = await app.inject('/api/v1/explain?q=a')
  }
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { error: { code: 'overloaded' } })
  t.equal(asked(), before, 'nothing is searched')
})

const explanation = { source: 'sensors', position: null, record: null, targets: [], dropped_labels: [] }
const served = { matches: 1, verdict: 'served as a:1', explanations: [{ ...explanation, verdict: '' }] }

t.test('what keeps a served target from those who ask is told with it', async (t) => {
  const { app, state, store, publish, clock } = await readHalf(t, {
    sources: ['sensors', 'cameras'],
    maxStalenessMs: 1_000,
  })
  state.explanation = served
  const verdict = async (more = '') =>
    (await app.inject(`/api/v1/explain?q=a${more}`)).json().verdict as string
  await publish('sensors', ['a:1'])
  t.match(await verdict(), /^served as a:1; \/targets answers 503: no list yet from cameras: not read yet$/)
  t.equal(await verdict('&source=sensors'), 'served as a:1', 'who asks for one source learns of no other')
  await publish('cameras', ['b:1'])
  t.equal(await verdict(), 'served as a:1')
  store.setFileError('sensors', 'storage', { path: '/data', error: 'ENOSPC' })
  store.setFileError('sensors', 'file_sd', { path: undefined, error: 'EACCES' })
  t.match(await verdict(), /; storage \(\/data\) cannot be .*: ENOSPC; file_sd cannot be .*: EACCES$/)
  await clock.advance(1_001)
  t.match(await verdict(), /answers 503: sensors: its list is .* more than its max_staleness/)
  store.remove('sensors')
  t.equal(await verdict(), 'served as a:1', 'its source was removed meanwhile')
})

t.test('a replica that is behind the others says so', async (t) => {
  const shared = {
    reader: 'b',
    isReader: false,
    generation: 3,
    newest: 5,
    isDetached: false,
    refused: undefined as string | undefined,
  }
  const status = () => ({ replica: 'a', replicas: [], failure })
  let failure: string | undefined
  const cluster = { status, statusOf: () => shared, outdated: () => [] }
  const { app, state, publish } = await readHalf(t, { cluster })
  state.explanation = served
  await publish('sensors', ['a:1'])
  const verdict = async () => (await app.inject('/api/v1/explain?q=a')).json().verdict as string
  t.match(await verdict(), /serves generation 3 of sensors, and the newest is 5$/)
  shared.refused = 'its signature is wrong'
  t.match(await verdict(), /the newest is 5: its signature is wrong$/)
  Object.assign(shared, { newest: 3, isDetached: true })
  t.match(await verdict(), /the list of sensors has changed on this replica, and the others were not told$/)
  failure = 'connect ECONNREFUSED'
  t.match(await verdict(), /; this replica does not reach the store, .*: connect ECONNREFUSED$/)
})
