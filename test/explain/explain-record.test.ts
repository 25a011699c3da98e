import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { RefreshError } from '../../src/base/errors.ts'
import { explainRecord } from '../../src/explain/explain-record.ts'
import type { Inventory } from '../../src/explain/find-records.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { MAX_MATCHES } from '../../src/model/explanation.ts'
import { sortedLabels } from '../../src/model/labels.ts'
import type { Json } from '../../src/model/record.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { explainIn, type InventorySetup, inventoryOf, planOptions } from '../helpers/inventory-of.ts'
import { packed } from '../helpers/packed.ts'
import { runPipeline } from '../helpers/pipeline.ts'
import { holds } from '../helpers/property.ts'
import { createRandom } from '../helpers/random.ts'
import { randomRule } from '../helpers/random-relabel.ts'

const RECORDS = [
  { hostname: '10.0.0.1', port: 9200, site: 'Berlin', rack: { row: 7, unit: 'A1' }, tags: ['edge', 'blue'] },
  { hostname: '10.0.0.11', site: 'test-7', ok: true },
  { hostname: '::1', site: 'Paris', password: 'c4n4ry', note: 'log in with c4n4ry' },
  'sensor_1',
  'sensor_10',
]
const SETUP: InventorySetup = {
  labels: { place: '{site|}' },
  rules: [
    { source_labels: ['__address__'], regex: 'sensor_(.+)', target_label: '__address__', replacement: 's$1' },
  ],
}

/** Which records answer a question. */
function foundBy(query: string): (number | null | undefined)[] {
  return explainIn(inventoryOf([RECORDS], SETUP), query).explanations.map(({ position }) => position?.index)
}

t.test(
  'records are found by any value, by address and by field; an equal value beats a part of one',
  async (t) => {
    const rows: [query: string, records: number[]][] = [
      ['10.0.0.1', [0]],
      ['10.0.0.1:9200', [0]],
      ['10.0.0.11:9100', [1]],
      ['10.0.0.1:9100', []],
      ['10.0.0', [0, 1]],
      ['BERLIN', [0]],
      ['  berlin ', [0]],
      ['blue', [0]],
      ['7', [0]],
      ['true', [1]],
      ['::1', [2]],
      ['[::1]:9100', [2]],
      ['sensor_1', [3]],
      ['sensor_', [3, 4]],
      ['s1:9100', [3]],
      ['s10', [4]],
      ['site=berlin', [0]],
      ['site=BER', [0]],
      ['rack.row=7', [0]],
      ['row=7', [0]],
      ['row = 7', [0]],
      ['tags=edge', [0]],
      ['place=paris', [2]],
      ['__address__=10.0.0.1:9200', [0]],
      ['ow=7', []],
      ['hostname=Berlin', []],
      ['site=', []],
      ['=Berlin', []],
      ['place', []],
      ['nothing', []],
      ['hostname', []],
    ]
    for (const [query, records] of rows) t.same(foundBy(query), records, query)
  },
)

t.test('a text with an equals sign in it is found as it is, when there is no such field', async (t) => {
  const inventory = inventoryOf([
    [
      { host: 'a', id: 'x=1' },
      { host: 'b', id: 'x=12' },
      { host: 'c', x: '2' },
    ],
  ])
  const indexes = (query: string) =>
    explainIn(inventory, query).explanations.map(({ position }) => position?.index)
  t.same(indexes('x=1'), [0])
  t.same(indexes('x=2'), [2])
  t.same(indexes('=12'), [1])
})

t.test('what is secret is not found, so that nobody can guess it', async (t) => {
  for (const query of [
    'c4n4ry',
    'c4n',
    'password=c4n4ry',
    'note=log in with c4n4ry',
    'C4N4RY',
    '<secret>',
    'secret',
  ]) {
    t.match(
      explainIn(inventoryOf([RECORDS], SETUP), query),
      { matches: 0, verdict: 'not in the inventory' },
      query,
    )
  }
  t.same(foundBy('log in with'), [2], 'the rest of the text is')
  const labelled = inventoryOf([[{ host: 'a', serial: 'c4n4ry' }]], {
    labels: { token: '{serial}', x: 'is {serial}' },
  })
  for (const query of ['c4n4ry', 'token=c4n4ry', 'x=is c4n4ry', 'serial=c4n4ry']) {
    t.equal(explainIn(labelled, query).matches, 0, query)
  }
})

t.test('what is not found says what was searched, and which field or name may be meant', async (t) => {
  const inventory = inventoryOf([[{ host: 'a', site: 'z', store: { name: 'x' }, token: 'c4n4ry' }]], SETUP)
  const rows: [query: string, hint: string][] = [
    ['Nothing', ' contains "nothing" (1 searched)'],
    ['name=y', ' has "y" in the field name (1 searched)'],
    ['store.name=y', ' has "y" in the field store.name (1 searched)'],
    ['place=y', ' has "y" in the field place (1 searched)'],
    ['hst=y', ' has "y" in the field hst (1 searched); no searchable field is named hst; did you mean host?'],
    ['colour=y', ' has "y" in the field colour (1 searched); no searchable field is named colour'],
    ['token=y', ' has "y" in the field token (1 searched); no searchable field is named token'],
  ]
  for (const [query, hint] of rows)
    t.equal(explainIn(inventory, query).verdict, `not in the inventory: no record of sensors${hint}`)
})

t.test('a record is told step by step', async (t) => {
  const inventory = inventoryOf(
    [['x'], [{ host: 'a', site: 'Berlin', token: 'c4n4ry', note: 'c4n4ry', 'x-y': 1, 'x.y': 2 }]],
    {
      metaLabels: true,
      labels: { site: '{site}', copied: '{token}' },
      rules: [
        { source_labels: ['site'], target_label: 'place' },
        { source_labels: ['site'], regex: 'Paris', target_label: 'place', replacement: 'x' },
        { source_labels: ['copied'], target_label: 'note' },
        { regex: '__meta_.*|site|copied', action: 'labeldrop' },
        {
          source_labels: ['__address__'],
          regex: '(.*):.*',
          target_label: '__address__',
          replacement: '$1:1',
        },
      ],
    },
  )
  const source = { __meta_rollcall_source: 'sensors' }
  const answer = explainIn(inventory, 'berlin')
  t.same(answer, {
    query: 'berlin',
    matches: 1,
    verdict: 'would be served as a:1',
    explanations: [
      {
        source: 'sensors',
        position: { document: 'page 2', index: 0 },
        record: { host: 'a', site: 'Berlin', token: '<secret>', note: '<secret>', 'x-y': 1, 'x.y': 2 },
        targets: [
          {
            address: 'a:9100',
            labels: {
              __meta_inventory_host: 'a',
              __meta_inventory_note: '<secret>',
              __meta_inventory_site: 'Berlin',
              __meta_inventory_x_y: '1',
              ...source,
              copied: '<secret>',
              site: 'Berlin',
            },
            steps: [
              {
                rule: 1,
                action: 'replace',
                result: 'changed',
                changes: [{ label: 'place', before: null, after: 'Berlin' }],
              },
              { rule: 2, action: 'replace', result: 'unchanged', changes: [] },
              {
                rule: 3,
                action: 'replace',
                result: 'changed',
                changes: [{ label: 'note', before: null, after: '<secret>' }],
              },
              {
                rule: 4,
                action: 'labeldrop',
                result: 'changed',
                changes: [
                  { label: '__meta_inventory_host', before: 'a', after: null },
                  { label: '__meta_inventory_note', before: '<secret>', after: null },
                  { label: '__meta_inventory_site', before: 'Berlin', after: null },
                  { label: '__meta_inventory_x_y', before: '1', after: null },
                  { label: '__meta_rollcall_source', before: 'sensors', after: null },
                  { label: 'copied', before: '<secret>', after: null },
                  { label: 'site', before: 'Berlin', after: null },
                ],
              },
              {
                rule: 5,
                action: 'replace',
                result: 'changed',
                changes: [{ label: '__address__', before: 'a:9100', after: 'a:1' }],
              },
            ],
            final: { address: 'a:1', labels: { ...source, note: '<secret>', place: 'Berlin' } },
            rejection: null,
            served: true,
            verdict: 'would be served as a:1',
          },
        ],
        dropped_labels: ['secret', 'collision'],
        verdict: 'would be served as a:1',
      },
    ],
  })
})

t.test('verdicts: which rule dropped it, and what that rule saw', async (t) => {
  const labels = { site: '{site|}', env: '{env|}', token: '{token|}' }
  const record = { host: 'a', site: 'test-7', env: 'test-7', token: 'c4n4ry' }
  const rows: [rule: RelabelConfig, why: string][] = [
    [
      { source_labels: ['site'], regex: 'test-.*', action: 'Drop' },
      'action drop, regex "test-.*" on site="test-7"',
    ],
    [
      { source_labels: ['site', 'none'], regex: 'prod', action: 'keep' },
      'action keep, regex "prod" on site="test-7", none=""',
    ],
    [{ regex: 'x', action: 'keep' }, 'action keep, regex "x" on no label'],
    [
      { source_labels: ['site'], target_label: 'env', action: 'dropequal' },
      'action dropequal, site="test-7" is env="test-7"',
    ],
    [
      { source_labels: ['site'], target_label: 'none', action: 'keepequal' },
      'action keepequal, site="test-7" is not none=""',
    ],
    [
      { source_labels: ['token'], regex: 'c4n4ry|c4', action: 'drop' },
      'action drop, regex "<secret>|c4" on token="<secret>"',
    ],
  ]
  for (const [rule, why] of rows) {
    const rules = [
      { target_label: 'x', replacement: 'y' },
      rule,
      { target_label: 'never', replacement: 'reached' },
    ]
    const { verdict, explanations } = explainIn(inventoryOf([[record]], { labels, rules }), 'host=a')
    t.equal(verdict, `dropped by rule 2 (${why})`)
    t.match(explanations[0]?.targets, [
      { final: null, steps: [{ rule: 1 }, { rule: 2, result: 'dropped', changes: [] }] },
    ])
    t.equal(explanations[0]?.targets[0]?.steps.length, 2)
  }
})

t.test('verdicts: quarantined, in part or by what the rules made', async (t) => {
  const twice = inventoryOf([[{ a: 'a', password: 'c4n4ry-70000', p: 'c4n4ry-70000\n' }]], {
    targets: ['{a}:1', '{p}', '{none}'],
  })
  const half = explainIn(twice, 'a=a')
  t.equal(
    half.verdict,
    '(1) quarantined: missing_field: none is absent, null or empty; (2) would be served as a:1; (3) quarantined: invalid_host: the address "<secret>\\n" has a control character',
  )
  t.match(half.explanations[0]?.targets, [
    { address: null, labels: {}, final: null, rejection: { reason: 'missing_field' } },
    { address: 'a:1', rejection: null },
    { address: '<secret>\n', final: null, rejection: { reason: 'invalid_host', detail: /"<secret>/ } },
  ])
  const spoilt = inventoryOf([['a', 'b']], {
    rules: [
      { source_labels: ['__address__'], regex: 'a:.*', target_label: '__address__', replacement: 'no port' },
    ],
  })
  const { verdict, explanations } = explainIn(spoilt, 'a')
  t.equal(verdict, 'quarantined: invalid_host: the rules made the address "no port", which is not host:port')
  t.match(explanations[0]?.targets, [
    {
      address: 'a:9100',
      final: null,
      steps: [{ rule: 1, result: 'changed' }],
      rejection: { reason: 'invalid_host' },
    },
  ])
  const same = inventoryOf([[{ a: 'a' }]], { targets: ['{a}:1', '{a}:1'] })
  t.equal(explainIn(same, 'a').verdict, 'would be served as a:1', 'said once')
  const none = { ...inventoryOf([['a']]) }
  const map = () => ({ targets: [], rejections: [], droppedLabels: [], unreadable: [], lacking: 0 })
  t.equal(explainIn({ ...none, plan: { ...none.plan, map } }, 'a').verdict, 'makes no target')
})

t.test('verdicts: left out by the filter, or with nothing for an optional target or a list', async (t) => {
  const optional = { address: compileTemplate('{ip}:1'), labels: [], optional: true } as const
  const inventory = (change: object) => {
    const options = planOptions({})
    const changed = { ...options, ...change, mapping: { ...options.mapping, targets: [optional] } }
    const records = [
      { name: 'a', ip: '10.0.0.1', up: true },
      { name: 'b', up: true },
      { name: 'c' },
      { name: 'd', up: null },
    ]
    return { ...inventoryOf([records]), plan: compilePlan(changed), filter: changed.filter }
  }
  t.equal(explainIn(inventory({}), 'a').verdict, 'would be served as 10.0.0.1:1')
  t.equal(
    explainIn(inventory({}), 'b').verdict,
    'makes no target: it has no field of an optional target, or no item for for_each',
  )
  t.equal(explainIn(inventory({ filter: 'up' }), 'c').verdict, 'not selected: the filter leaves it out: up')
  t.match(
    explainIn(inventory({ filter: 'abs(up) == `1`' }), 'd').verdict,
    /^quarantined: filter_failed: the filter expression "abs\(up\) == `1`" fails on the record: Invalid type/,
  )
})

t.test('a long expression is quoted in part, on one line and without secrets', async (t) => {
  const filter = `site == "x" ||\n  url == 'https://me:c4n4ry@h/' || ${'a'.repeat(400)}`
  const { verdict } = explainIn(
    {
      ...inventoryOf([[{ name: 'c' }]]),
      plan: compilePlan({ ...planOptions({}), filter: '`false`' }),
      filter,
    },
    'c',
  )
  t.match(verdict, /leaves it out: site == .* \|\| url == .*a…$/)
  t.notMatch(verdict, /c4n4ry|\n/)
  t.ok(verdict.length < 400)
})

t.test('of a target group the filter sees the whole, as in a refresh', async (t) => {
  const records = [
    { targets: ['a:1', 'b:1'], labels: {} },
    { targets: ['c:1'], labels: {} },
    { targets: ['d:1'], labels: null },
  ]
  const filter = 'length(targets) == `2` || length(labels) > `0`'
  const plan = compilePlan({ ...planOptions({}), filter })
  const filtered = { ...inventoryOf([records]), plan, filter }
  t.match(explainIn(filtered, 'a:1'), {
    verdict: 'would be served as a:1',
    explanations: [{ record: { targets: ['a:1'] } }],
  })
  t.equal(explainIn(filtered, 'c:1').verdict, `not selected: the filter leaves it out: ${filter}`)
  t.match(explainIn(filtered, 'd:1').verdict, /^quarantined: filter_failed/)
})

t.test('an address is explained as it is written, and found by the host in it', async (t) => {
  const targets = ['https://shop.example:8443/health', '10.0.0.9/24', 'redis://user:c4n4ry@cache1:6379']
  const written = inventoryOf([[{ targets }]])
  t.equal(explainIn(written, 'shop.example').verdict, `would be served as ${targets[0]}`)
  t.equal(explainIn(written, '10.0.0.9').verdict, 'would be served as 10.0.0.9/24')
  t.equal(explainIn(written, 'cache1').verdict, 'would be served as redis://<secret>@cache1:6379')
  t.equal(explainIn(written, 'https').explanations.length, 1)
})

t.test('what is in the answer but not in its list of records is shown where it stands', async (t) => {
  const answer = {
    version: 'v7',
    login: { password: 'c4n4ry', about: { note: 'c4n4ry note' } },
    lists: [['loose']],
    items: [
      { host: 'a', on: true },
      { host: 'old', on: false, nested: { serial: 'SN1', note: 'with t0p-token' }, token: 't0p-token' },
      { host: 'old2', on: false, nested: { note: 'with nothing' } },
    ],
  }
  const chosen = inventoryOf([answer], { records: 'items[?on]' })
  const rows: [query: string, matches: number, record: Json][] = [
    [
      'old',
      1,
      { host: 'old', on: false, nested: { serial: 'SN1', note: 'with <secret>' }, token: '<secret>' },
    ],
    ['serial=sn1', 1, { serial: 'SN1', note: 'with <secret>' }],
    ['with', 2, { serial: 'SN1', note: 'with <secret>' }],
    ['note', 1, { note: '<secret> note' }],
  ]
  for (const [query, matches, record] of rows) {
    const found = explainIn(chosen, query)
    t.equal(found.matches, matches, query)
    t.match(found.verdict, /not selected: the records expression leaves it out: items\[\?on\]$/)
    t.same(found.explanations[0]?.record, record)
    t.match(found.explanations[0], { position: { document: 'page 1', index: null }, targets: [] })
  }
  for (const query of ['c4n4ry', 'password=c4n4ry', 'with t0p-token']) {
    const found = explainIn(chosen, query)
    t.equal(JSON.stringify(found.explanations).includes(query.slice(-6)), false, query)
  }
  t.equal(explainIn(chosen, 'c4n4ry').matches, 0)
  const whole = explainIn(chosen, 'v7')
  t.match(whole.explanations[0]?.record, { version: 'v7', login: { password: '<secret>' } })
  t.notMatch(JSON.stringify(whole), /c4n4ry|t0p/)
  t.equal(explainIn(chosen, 'loose').matches, 1)
  const listed = inventoryOf([{ region: 'north', items: ['a'] }])
  t.equal(explainIn(listed, 'north').verdict, 'not selected: it is not in the list of records')
  let deep: Json = { serial: 'far down' }
  for (let level = 0; level < 1_000; level++) deep = { deeper: deep }
  t.equal(explainIn(inventoryOf([{ items: ['a'], deep }]), 'far down').matches, 0, 'only so deep')
  t.equal(explainIn(inventoryOf([[{ host: 'a', deep }]]), 'far down').matches, 0)
})

t.test('ten matches are shown, and a thousand counted', async (t) => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `sensor_${index}`)
  const some = explainIn(inventoryOf([names(12)]), 'sensor')
  t.equal(some.matches, 12)
  t.equal(some.explanations.length, 10)
  t.match(
    some.verdict,
    /^no exact match; 12 records contain "sensor", of which 10 are shown; the first: would be served as sensor_0:9100$/,
  )
  t.match(
    explainIn(inventoryOf([['ab', 'ac']]), 'a').verdict,
    /^no exact match; 2 records contain "a"; the first: would/,
  )
  t.match(
    explainIn(inventoryOf([['ab', 'c']]), 'a').verdict,
    /^no exact match; 1 record contains "a": would be/,
  )
  const sites = inventoryOf([
    [
      { host: 'a', site: 'x1' },
      { host: 'b', site: 'x' },
      { host: 'c', site: 'x' },
    ],
  ])
  t.match(explainIn(sites, 'site=1').verdict, /^no exact match; 1 record contains "1": would/)
  t.match(explainIn(sites, 'site=x').verdict, /^2 matches; the first: would/)
  const many = explainIn(inventoryOf([[...names(1_500), 'sensor']]), 'sensor')
  t.equal(many.matches, 1, 'one that is equal is found all the same')
  const uncounted = explainIn(inventoryOf([names(1_500)]), 'sensor')
  t.equal(uncounted.matches, MAX_MATCHES)
  t.match(uncounted.verdict, /^no exact match; at least 1000 records contain "sensor", of which 10 are shown/)
})

t.test('what is explained is what the pipeline makes, whatever the rules', async (t) => {
  const host = fc.constantFrom('a', 'b.example', '10.0.0.1', 'bad host', '', 'x/y')
  const scalar = fc.oneof(fc.string({ maxLength: 4 }), fc.integer(), fc.boolean(), fc.constant(null))
  const fields = fc.dictionary(fc.stringMatching(/^[ab_.]{1,3}$/), scalar)
  const record = fc.oneof(
    host,
    scalar,
    fields,
    fc.tuple(host, fields).map(([name, others]) => ({ ...others, host: name, env: 'ab' })),
    fc.record({ targets: fc.array(host, { maxLength: 3 }), labels: fields }),
  )
  const seeds = fc.array(fc.nat(), { minLength: 1, maxLength: 4 })
  holds(
    t,
    'the same targets, drops and rejects',
    fc.property(fc.array(record, { maxLength: 8 }), seeds, (records, numbers) => {
      const rules = numbers.map((seed) => randomRule(createRandom(seed), 3))
      const inventory = inventoryOf([records], { metaLabels: true, rules })
      const explained = records.flatMap(
        (one, index) => explainRecord(one as Json, { document: '', index }, inventory).targets,
      )
      const kept = explained.flatMap(({ final }) => final ?? [])
      const targets = kept.map(({ address, labels }) => ({
        address,
        labels: sortedLabels(new Map(Object.entries(labels))),
      }))
      const dropped = explained.filter(({ steps }) => steps.at(-1)?.result === 'dropped')
      const rejected = explained.filter(({ rejection }) => rejection !== null)
      return isDeepStrictEqual(
        { groups: packed(targets), dropped: dropped.length, rejected: rejected.length },
        outcomeOf(inventory, rejected.length),
      )
    }),
    { numRuns: 500 },
  )
})

/** What the pipeline makes of an inventory; one that is all rejects has no groups. */
function outcomeOf(inventory: Inventory, allRejected: number) {
  try {
    const { groups, report } = runPipeline(inventory.documents, inventory.plan)
    const rejected = [...report.rejected.values()].reduce((sum, count) => sum + count, 0)
    return { groups, dropped: report.dropped, rejected }
  } catch (error) {
    if (!(error instanceof RefreshError) || error.reason !== 'all_rejected') throw error
    return { groups: [], dropped: 0, rejected: allRejected }
  }
}

t.test('of a target group only the targets that were asked for are told, however many it has', async (t) => {
  const targets = Array.from({ length: 100_000 }, (_, index) => `host-${index}:9100`)
  const answer = explainIn(
    inventoryOf([[{ targets, labels: { site: 'x', password: 'hunter2' } }]]),
    'host-77777',
  )
  t.equal(answer.matches, 1)
  t.match(answer.explanations, [
    { position: { document: 'page 1', index: 0 }, record: { targets: ['host-77777:9100'] } },
  ])
  t.equal(answer.verdict, 'would be served as host-77777:9100')
  t.notMatch(JSON.stringify(answer), 'hunter2')
})
