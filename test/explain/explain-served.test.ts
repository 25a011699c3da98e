import t from 'tap'
import {
  explainServed as explainAll,
  type RemovedSource,
  type ServedSource,
  withinBudget,
} from '../../src/explain/explain-served.ts'
import { explainableOf } from '../../src/explain/find-records.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { type LastRead, MAX_KEPT_BYTES } from '../../src/refresh/compute.ts'
import { freeze } from '../../src/snapshot/freeze.ts'
import { type HeldTargets, INITIAL_STATUS, type SourceStatus } from '../../src/snapshot/store.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { heldTargets } from '../helpers/held.ts'
import { type InventorySetup, keptOf, planOptions, servedOf } from '../helpers/inventory-of.ts'

/** As the server does it: what is too much is left out. */
function explainServed(
  query: string,
  sources: readonly ServedSource[],
  removed: readonly RemovedSource[] = [],
) {
  const { quick, gaps } = withinBudget({ sources, removed })
  return explainAll(query, quick, gaps)
}

const NOON = { wallMs: Date.UTC(2026, 0, 1, 12), monotonicMs: 0 }

interface Situation {
  /** What was read last; undefined: nothing yet. */
  readonly read?: unknown
  /** What the served list was made of; undefined: nothing is served. */
  readonly served?: unknown
  readonly status?: Partial<SourceStatus>
  readonly setup?: InventorySetup
  readonly lastRead?: LastRead
}

async function sourceIn(situation: Situation): Promise<ServedSource> {
  const options = planOptions(situation.setup ?? {})
  const plan = compilePlan(options)
  const { read, served } = situation
  return {
    ...explainableOf(options, plan),
    lastRead:
      situation.lastRead ?? (read === undefined ? undefined : keptOf([jsonDocument(read)], NOON.wallMs)),
    state: {
      name: 'sensors',
      required: true,
      maxStalenessMs: Number.POSITIVE_INFINITY,
      holdMs: 0,
      fileErrors: {},
      snapshot: served === undefined ? undefined : await servedOf(served, plan, NOON.wallMs),
      status: { ...INITIAL_STATUS, lastSuccess: NOON, ...situation.status },
    },
  }
}

const explain = async (situation: Situation, query: string) =>
  explainServed(query, [await sourceIn(situation)])

const held = { absent: 1, held: [heldTargets()] }
const untilAccepted = heldTargets({
  reason: 'configuration',
  why: 'the configuration of the source changed since the inventory had them',
  until: undefined,
})
const failure = { reason: 'timeout', message: 'no whole answer within 10s', at: NOON }
const labels = { site: '{site|}' }

t.test('verdicts on what is served, held back, gone or unknown', async (t) => {
  const rows: [name: string, situation: Situation, query: string, verdict: string][] = [
    ['served', { read: ['a', 'b'], served: ['a', 'b'] }, 'a', 'served as a:9100'],
    [
      'the same address twice, with labels that differ',
      {
        setup: { labels },
        read: [
          { host: 'a', site: 'x' },
          { host: 'a', site: 'y' },
        ],
        served: [
          { host: 'a', site: 'x' },
          { host: 'a', site: 'y' },
        ],
      },
      'site=x',
      'served as a:9100; record 1 (from 0) of the answer makes the same target too, with site="y"',
    ],
    [
      'about to be served, whatever is held',
      { read: ['new'], served: ['a', 'b'], status: held },
      'new',
      'in the inventory, but not served yet',
    ],
    [
      'about to be served with the labels of another site',
      {
        setup: { labels },
        read: [{ host: 'a', site: 'y' }],
        served: [{ host: 'a', site: 'x' }, 'b'],
        status: held,
      },
      'a',
      'served as a:9100 with older labels: not served yet',
    ],
    [
      'gone, but held',
      { read: ['a'], served: ['a', 'b'], status: held },
      'b',
      'no longer in the inventory, but still served: held until 2026-01-01T00:15:00.000Z: too many of the targets would leave within an hour',
    ],
    [
      'gone, but held until an operator accepts it, or for another reason',
      { read: ['a'], served: ['a', 'b'], status: { absent: 2, held: [untilAccepted, heldTargets()] } },
      'b',
      `no longer in the inventory, but still served: held until it is accepted (digest ${'d'.repeat(64)}): the configuration of the source changed since the inventory had them; or held until 2026-01-01T00:15:00.000Z: too many of the targets would leave within an hour`,
    ],
    [
      'gone, and not confirmed yet',
      { read: ['a'], served: ['a', 'b'], status: { absent: 1 } },
      'b',
      'no longer in the inventory, but still served: it leaves only if the next reading lacks it too',
    ],
    [
      'gone, between reading and serving',
      { read: ['a'], served: ['a', 'b'] },
      'b:9100',
      'no longer in the inventory, but still served: the next reading is about to be served',
    ],
    [
      'read, but not served',
      { read: ['a', 'b'], served: ['a'] },
      'b',
      'in the inventory, but not served yet',
    ],
    [
      'neither read nor served, under a longer name',
      { read: ['a.example', 'b.example'], served: ['a.example', 'b.example'] },
      'A:9100',
      'not in the inventory: no record of sensors contains "a:9100" (2 searched); did you mean a.example?',
    ],
    [
      'neither read nor served, under a shorter name',
      { read: ['a'], served: ['a'] },
      'a.example',
      'not in the inventory: no record of sensors contains "a.example" (1 searched); did you mean a?',
    ],
    [
      'misspelt: the nearest first',
      { read: ['x'], served: ['sensor-0x0', 'sensor-001', 'sensor-1234', 'other'] },
      'host=sensor-0001',
      'not in the inventory: no record of sensors has "sensor-0001" in the field host (1 searched); no searchable field is named host; did you mean sensor-001, sensor-0x0?',
    ],
    [
      'neither read nor served',
      { read: ['a'], served: ['a'] },
      'b',
      'not in the inventory: no record of sensors contains "b" (1 searched)',
    ],
    [
      'an empty inventory',
      { read: [], served: [] },
      'b',
      'not in the inventory: no record of sensors contains "b" (0 searched)',
    ],
    [
      'failing',
      { read: ['a'], served: ['a'], status: { failure } },
      'a',
      'served as a:9100 (as of 2026-01-01T12:00:00.000Z; unknown since then: sensors has been failing since 2026-01-01T12:00:00.000Z, timeout: no whole answer within 10s)',
    ],
    [
      'failing, and not found',
      { read: ['a'], served: ['a'], status: { failure } },
      'b',
      'unknown: sensors has been failing since 2026-01-01T12:00:00.000Z, timeout: no whole answer within 10s; as of 2026-01-01T12:00:00.000Z not in the inventory: no record of sensors contains "b" (1 searched)',
    ],
    [
      'failing for hours',
      {
        read: ['a'],
        served: ['a'],
        status: { failure, failingSince: { wallMs: NOON.wallMs - 7_200_000, monotonicMs: 0 } },
      },
      'b',
      'unknown: sensors has been failing since 2026-01-01T10:00:00.000Z, timeout: no whole answer within 10s; as of 2026-01-01T12:00:00.000Z not in the inventory: no record of sensors contains "b" (1 searched)',
    ],
    ['never read', {}, 'a', 'not found; sensors has not been read yet'],
    [
      'never read, and failing',
      { status: { failure: { reason: 'connect', message: 'GET http://u:c4n4ry@h/: refused', at: NOON } } },
      'a',
      'not found; sensors has not been read yet: connect: GET http://<secret>@h/: refused',
    ],
    [
      'restored',
      { served: [{ host: 'a', site: 'x' }], setup: { labels } },
      'x',
      'served as a:9100 (as of 2026-01-01T12:00:00.000Z: the inventory has not been read since the start); sensors has not been read since the start',
    ],
    [
      'restored, and not found',
      { served: ['a'], status: { failure } },
      'b',
      'not found; sensors has not been read since the start: timeout: no whole answer within 10s',
    ],
    [
      'not selected, and failing',
      { read: { region: 'north', items: ['a'] }, served: ['a'], status: { failure } },
      'north',
      'not selected: it is not in the list of records (as of 2026-01-01T12:00:00.000Z; unknown since then: sensors has been failing since 2026-01-01T12:00:00.000Z, timeout: no whole answer within 10s)',
    ],
  ]
  for (const [name, situation, query, verdict] of rows) {
    t.equal((await explain(situation, query)).verdict, verdict, name)
  }
})

t.test('a hundred devices behind one address are told apart by their parameters', async (t) => {
  const setup = { labels: { __param_target: '{device}' } }
  const device = (name: string) => ({ host: 'exporter', device: name })
  const situation = { setup, read: [device('a')], served: [device('a'), device('b')], status: held }
  t.equal((await explain(situation, 'device=a')).verdict, 'served as exporter:9100')
  const gone = await explain(situation, '__param_target=b')
  t.match(gone, { matches: 1, verdict: /^no longer in the inventory/ })
  t.same(gone.explanations[0], {
    source: 'sensors',
    position: null,
    record: null,
    targets: [
      {
        address: 'exporter:9100',
        labels: { __meta_rollcall_source: 'sensors', __param_target: 'b' },
        steps: [],
        final: {
          address: 'exporter:9100',
          labels: { __meta_rollcall_source: 'sensors', __param_target: 'b' },
        },
        rejection: null,
        served: true,
        verdict: gone.verdict,
      },
    ],
    dropped_labels: [],
    verdict: gone.verdict,
  })
})

t.test('an inventory that is too large is not kept, but the served list is searched', async (t) => {
  const large = { ...jsonDocument([]), bytes: Buffer.alloc(MAX_KEPT_BYTES) }
  t.ok(keptOf([large], 0).documents)
  const lastRead = keptOf([large, jsonDocument('x')], NOON.wallMs)
  t.equal(lastRead.documents, undefined)
  const gap =
    'the inventory of sensors is too large to keep: larger than 16MB, or all inventories together are larger than 64MB; ask with: rollcall explain'
  const situation = { lastRead, served: ['a'] }
  t.equal((await explain(situation, 'a')).verdict, `served as a:9100; ${gap}`)
  t.equal((await explain(situation, 'b')).verdict, `not found; ${gap}`)
})

t.test('a served list that is too large is not searched', async (t) => {
  const source = await sourceIn({ read: ['a'], served: ['a'] })
  const snapshot = {
    ...(await freeze(Buffer.from('[]'), { groups: 0, targets: 0 }, 0)),
    body: Buffer.alloc(MAX_KEPT_BYTES + 1),
  }
  const state = { ...source.state, snapshot }
  t.equal(
    explainServed('a', [{ ...source, state }]).verdict,
    'in the inventory; the served list is too large to be searched for it; the served list of sensors is larger than 16MB and was not searched',
  )
})

t.test('what is together too large is searched one source at a time', async (t) => {
  const first = await sourceIn({ read: ['a'], served: ['a'] })
  const padded = { ...jsonDocument(['b']), bytes: Buffer.from(`["b"]${' '.repeat(MAX_KEPT_BYTES - 10)}`) }
  const other = await sourceIn({ served: ['b'], lastRead: keptOf([padded], NOON.wallMs) })
  const second = { ...other, source: 'large', state: { ...other.state, name: 'large' } }
  const gap = 'large was not searched, so that other requests are not held up; ask with source=large'
  t.equal(explainServed('a', [first, second]).verdict, `served as a:9100; ${gap}`)
  t.equal(
    explainServed('b', [first, second]).verdict,
    `not found: no record of sensors contains "b" (1 searched); ${gap}`,
  )
  t.match(explainServed('b', [second]).verdict, 'b:9100')
})

t.test('a target of a removed source is served for a reason, until something happens', async (t) => {
  const body = Buffer.from('[{"targets":["gone:1"],"labels":{"token":"c4n4ry","site":"x"}}]')
  const removedAs = (held: HeldTargets | undefined) => [{ source: 'old', body, held }]
  const digest = 'd'.repeat(64)
  const rows: [name: string, held: HeldTargets | undefined, verdict: RegExp][] = [
    ['before it is looked at', undefined, /about to check/],
    [
      'while the others have not been read',
      heldTargets({ reason: 'replaced', why: 'WHY', until: undefined }),
      new RegExp(`until every source .* has been read, .*digest ${digest}.*: WHY$`),
    ],
    [
      'when too many would leave',
      heldTargets({ reason: 'removed', why: 'WHY', until: undefined }),
      new RegExp(`held until it is accepted \\(digest ${digest}\\): WHY$`),
    ],
  ]
  const configured = [await sourceIn({ read: ['a'], served: ['a'] })]
  for (const [name, held, verdict] of rows) {
    const answer = explainServed('gone', configured, removedAs(held))
    t.match(answer, { matches: 1, explanations: [{ source: 'old', position: null, record: null }], verdict })
    t.match(answer.verdict, /^served as gone:1, although its source is not configured any more: /, name)
    t.notMatch(JSON.stringify(answer), 'c4n4ry')
  }
  t.match(explainServed('site=x', configured, removedAs(undefined)), { matches: 1 })
  t.match(explainServed('gonne', configured, removedAs(undefined)).verdict, /did you mean gone\?/)
  const padded = { source: 'old', body: Buffer.concat([body, Buffer.alloc(MAX_KEPT_BYTES)]), held: undefined }
  t.match(
    explainServed('gone', configured, [padded]).verdict,
    /^not found: no record of .*; the targets of old, .*not searched/,
  )
})

t.test('of several sources the best matches are shown, in the order of the sources', async (t) => {
  const a = await sourceIn({ read: ['x1', 'x'], served: ['x1', 'x'] })
  const b = await sourceIn({ read: ['x11'], served: ['x11'] })
  const c = await sourceIn({})
  t.match(explainServed('x', [b, a]), { matches: 1, verdict: 'served as x:9100' })
  t.match(explainServed('x1', [b, a]), { matches: 1 })
  const names = ['a', 'b', 'c', 'd']
  const many = names.map((source) => ({ ...a, source, state: { ...a.state, name: source } }))
  t.match(explainServed('y', many.slice(1)).verdict, /: no record of b, c, d contains "y" \(6 searched\)/)
  t.match(explainServed('y', many).verdict, /: no record of 4 sources contains "y" \(8 searched\)/)
  const some = explainServed('1:91', [b, a, c])
  t.equal(some.matches, 2)
  t.equal(
    some.verdict,
    'no exact match; 2 records contain "1:91"; the first: served as x11:9100; sensors has not been read yet',
  )
})

t.test('labels of the served list that are secrets are neither shown nor found', async (t) => {
  const setup = { labels: { token: '{t}', note: 'with {t}' } }
  const situation = { setup, served: [{ host: 'a', t: 'c4n4ry' }] }
  const answer = await explain(situation, 'a')
  t.match(answer.explanations[0]?.targets[0]?.labels, { token: '<secret>', note: 'with <secret>' })
  t.notMatch(JSON.stringify(answer), 'c4n4ry')
  t.equal((await explain(situation, 'c4n4ry')).matches, 0)
})

t.test('what another replica reads says whom to ask', async (t) => {
  const source = { ...(await sourceIn({ served: [{ host: 'a' }] })), reader: 'pod-2' }
  const { verdict, explanations } = explainServed('a', [source])
  t.match(verdict, /sensors is read by the replica pod-2: .*ask it/)
  t.match(explanations, [
    { verdict: /^served as a.* \(as of 2026-01-01T12:00:00\.000Z: the replica pod-2 read it\)$/ },
  ])
})
