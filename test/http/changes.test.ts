import t from 'tap'
import type { EventQuery, TargetEvent } from '../../src/model/history.ts'
import { readHalf } from '../helpers/app.ts'

const EVENT: TargetEvent = {
  id: 7,
  atMs: Date.UTC(2025, 11, 31),
  source: 'sensors',
  kind: 'left',
  address: 'a:1',
  place: { __scheme__: 'https' },
  why: 'the last reading lacked it',
}

/** A history that notes what it is asked. */
function asked(next?: number) {
  const queries: EventQuery[] = []
  const history = {
    find: async (query: EventQuery) => {
      queries.push(query)
      return { events: [EVENT], next }
    },
  }
  return { queries, history }
}

t.test('with target or since the events of targets are told', async (t) => {
  const { queries, history } = asked(7)
  const { app, clock } = await readHalf(t, { history })
  const answer = await app.inject('/api/v1/changes?target=a&source=sensors&limit=5&before=9')
  t.equal(answer.headers['cache-control'], 'no-store')
  t.same(answer.json(), {
    events: [
      {
        id: 7,
        source: 'sensors',
        at: '2025-12-31T00:00:00.000Z',
        kind: 'left',
        address: 'a:1',
        place: { __scheme__: 'https' },
        why: 'the last reading lacked it',
      },
    ],
    next: 7,
  })
  t.match(queries, [{ target: 'a', source: 'sensors', limit: 5, before: 9 }])
  t.match((await app.inject('/api/v1/changes?since=3d')).json(), { next: 7 })
  t.match(queries[1], { sinceMs: clock.now() - 3 * 86_400_000, limit: 100 })
  await app.inject(`/api/v1/changes?since=${encodeURIComponent('2026-01-02T15:04:05.5+01:00')}`)
  t.match(queries[2], { sinceMs: Date.UTC(2026, 0, 2, 14, 4, 5, 500) })
  t.match((await app.inject('/api/v1/changes')).json(), { changes: [], next: null })
  t.equal(queries.length, 3, 'without either the lists that changed are told')
})

t.test('the last page has no next', async (t) => {
  const { app } = await readHalf(t, { history: asked().history })
  t.equal((await app.inject('/api/v1/changes?target=a')).json().next, null)
})

t.test('46: what is no target or time is 400, and names the parameter', async (t) => {
  const { app } = await readHalf(t, { history: asked().history })
  for (const [name, query] of [
    ['target', 'target='],
    ['target', 'target=a&target=b'],
    ['target', `target=${'x'.repeat(257)}`],
    ['since', 'since=yesterday'],
    ['since', 'since=2026-13-01T00:00:00Z'],
    ['since', 'since='],
  ] as const) {
    const answer = await app.inject(`/api/v1/changes?${query}`)
    t.equal(answer.statusCode, 400, query)
    t.match(answer.json(), { error: { code: 'bad_request', message: new RegExp(`^${name} is `) } })
  }
})

t.test('without a history there are no events to ask for', async (t) => {
  const { app } = await readHalf(t)
  t.match((await app.inject('/api/v1/changes?target=a')).json(), { error: { code: 'bad_request' } })
  t.notOk('history' in (await app.inject('/health')).json())
})

t.test(
  '/health tells what the history takes and whether it is written, and of a reload that failed',
  async (t) => {
    const { app } = await readHalf(t, {
      historyStatus: { bytes: 12, path: '/data/history', error: 'ENOSPC' },
      reloadFailure: { atMs: Date.UTC(2026, 0, 1), message: 'sources[0].url: is empty' },
    })
    t.match((await app.inject('/health')).json(), {
      config: { reload_failure: { at: '2026-01-01T00:00:00.000Z', error: 'sources[0].url: is empty' } },
      history: { bytes: 12, path: '/data/history', error: 'ENOSPC' },
    })
    const plain = await readHalf(t, {
      historyStatus: { bytes: 0, path: undefined, error: undefined },
    })
    t.match((await plain.app.inject('/health')).json(), {
      config: { reload_failure: null },
      history: { bytes: 0, path: null, error: null },
    })
  },
)
