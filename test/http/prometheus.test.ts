import t from 'tap'
import type { ExplainedTarget, Explanation } from '../../src/model/explanation.ts'
import type { Scrape, ScrapeServer, Scrapes } from '../../src/model/scrape.ts'
import { readHalf } from '../helpers/app.ts'

const NOW = Date.UTC(2026, 0, 1)

const SERVER: ScrapeServer = {
  server: 'eu',
  url: 'http://prometheus:9090/',
  lastSuccessMs: NOW - 3_000,
  failure: 'GET http://prometheus:9090/: HTTP 503',
  pools: ['node'],
  counts: { up: 1, down: 2, pending: 0, dropped: 0, unknown: 3 },
}

const SHOWN = {
  server: 'eu',
  url: 'http://prometheus:9090/',
  last_success: '2025-12-31T23:59:57.000Z',
  failure: SERVER.failure,
  pools: ['node'],
  targets: SERVER.counts,
}

const scrape = (told: Partial<Scrape>): Scrape => ({
  ...{ server: 'eu', state: 'up', pool: 'node', why: undefined, lastScrapeMs: undefined, sinceMs: undefined },
  ...{ notes: [], failure: undefined },
  ...told,
})

const scrapesOf = (...all: Scrape[]): Scrapes => ({ servers: () => [SERVER], of: () => all })

function explained(
  verdict: string,
  served = true,
  final: ExplainedTarget['final'] = { address: 'a:1', labels: {} },
): Explanation {
  const target = { address: 'a:1', labels: {}, steps: [], final, rejection: null, served, verdict }
  return { source: 'sensors', position: null, record: null, targets: [target], dropped_labels: [], verdict }
}

t.test('the servers that are asked are on /health and /api/v1/prometheus', async (t) => {
  const { app } = await readHalf(t, { scrapes: scrapesOf() })
  t.same((await app.inject('/health')).json().prometheus, [SHOWN])
  const answer = await app.inject('/api/v1/prometheus')
  t.same(answer.json(), { servers: [SHOWN] })
  t.equal(answer.headers['cache-control'], 'no-store')
})

t.test('without servers /health says nothing of them, and there are none', async (t) => {
  const { app } = await readHalf(t)
  t.notOk('prometheus' in (await app.inject('/health')).json())
  t.same((await app.inject('/api/v1/prometheus')).json(), { servers: [] })
})

t.test('an explanation says what each server makes of a served target', async (t) => {
  const cases: [told: Partial<Scrape>, verdict: RegExp][] = [
    [{ lastScrapeMs: NOW - 3_000 }, /^served as a:1; up in Prometheus eu \(pool node, scraped 3s ago\)$/],
    [{}, /^served as a:1; up in Prometheus eu \(pool node\)$/],
    [
      { state: 'down', why: 'refused', sinceMs: NOW - 60_000 },
      /; down in Prometheus eu \(pool node, seen for 1m\): refused$/,
    ],
    [{ state: 'down' }, /; down in Prometheus eu \(pool node\): no error is given$/],
    [{ state: 'pending' }, /; not scraped yet in Prometheus eu \(pool node\)$/],
    [
      { state: 'dropped', why: 'dropped by rule 2 (keep) of pool node' },
      /; dropped by rule 2 \(keep\) of pool node in Prometheus eu$/,
    ],
    [{ state: 'unknown', pool: undefined, why: 'no job' }, /; unknown in Prometheus eu: no job$/],
    [
      { notes: ['rule 1 of pool node removes site'], failure: 'HTTP 401' },
      /; up in Prometheus eu \(pool node\); rule 1 of pool node removes site; since then it cannot be queried: HTTP 401$/,
    ],
  ]
  for (const [told, verdict] of cases) {
    const { app, state, publish } = await readHalf(t, { scrapes: scrapesOf(scrape(told)) })
    await publish('sensors', ['a:1'])
    state.explanation = { matches: 1, explanations: [explained('served as a:1')], verdict: 'served as a:1' }
    const answer = (await app.inject('/api/v1/explain?q=a')).json()
    t.match(answer.verdict, verdict)
    const [explanation] = answer.explanations
    t.equal(explanation.verdict, answer.verdict)
    const { state: shown = 'up', sinceMs } = told
    const since = sinceMs === undefined ? null : new Date(sinceMs).toISOString()
    t.match(explanation.targets[0].scrapes, [{ server: 'eu', state: shown, why: told.why ?? null, since }])
  }
})

t.test('what is not served is not looked for', async (t) => {
  const { app, state, publish } = await readHalf(t, { scrapes: scrapesOf(scrape({})) })
  await publish('sensors', ['a:1'])
  const verdicts = ['dropped by rule 1', 'in the inventory, but not served yet', 'still served as before']
  state.explanation = {
    matches: 4,
    explanations: [
      ...verdicts.map((verdict) => explained(verdict, false)),
      explained('served as a:1', true, null),
    ],
    verdict: '4 matches; the first: dropped by rule 1',
  }
  const answer = (await app.inject('/api/v1/explain?q=a')).json()
  t.equal(answer.verdict, '4 matches; the first: dropped by rule 1')
  for (const { targets } of answer.explanations) t.same(targets[0].scrapes, [])
  state.explanation = {}
  t.match((await app.inject('/api/v1/explain?q=a')).json(), {
    verdict: 'not in the inventory',
    explanations: [],
  })
})
