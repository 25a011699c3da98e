import { compile, TreeInterpreter } from '@jmespath-community/jmespath'
import t from 'tap'
import type { Json } from '../../src/model/record.ts'
import { createSelect, RECORDS, unlessFailed } from '../../src/pipeline/select.ts'

t.test('a list, and an object with exactly one list in it, are recognised', async (t) => {
  const selectFrom = createSelect(undefined)
  const select = (document: Json) => selectFrom(document, 'the answer')
  t.same(select(['a', 'b']), ['a', 'b'])
  t.same(select([]), [])
  t.same(select({ targets: ['a:1'] }), ['a:1'])
  t.same(select({ targets: ['a:1'], labels: { x: 'y' } }), [{ targets: ['a:1'], labels: { x: 'y' } }])
  t.same(select({ count: 1, next: null, errors: [], meta: { has_more: false }, results: [{ host: 'a' }] }), [
    { host: 'a' },
  ])
})

t.test('anything else is refused with the two lines to write', async (t) => {
  const selectFrom = createSelect(undefined)
  const select = (document: Json) => selectFrom(document, 'the answer')
  const rows: [what: string, document: Json, message: RegExp][] = [
    [
      'no list',
      { status: 'maintenance' },
      /an object with no list in it \(its keys: "status"\); check that it is the inventory\. The records may be .*: "values\(@\)" /,
    ],
    [
      'two lists',
      { data: [], more: [] },
      /2 lists in it \(its keys: "data", "more"\), so which .* records: "data" and/,
    ],
    [
      'a list below',
      { data: { items: [{}], errors: [] }, next: '/page?2' },
      /no list in it \(its keys: "data", "next"\); below it there is data\.items\. Say which .* records: "data\.items" and/,
    ],
    [
      'several, deeper',
      { 'a-b': { c: { d: [], e: [] } }, f: { g: { h: { i: [] } }, failed: ['x'] } },
      /below it there is "a-b"\.c\.d, "a-b"\.c\.e\. .* records: "\\"a-b\\"\.c\.d" and/,
    ],
    [
      'a list in each of many records',
      Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`host-${index}`, { tags: [] }])),
      /no list in it .*; check that it is the inventory\. The records may be .*: "values\(@\)" /,
    ],
    ['a list of nothing but errors, of which there are none', { errors: [] }, /no list in it/],
    ['only what failed', { items: null, failed: ['shard-3'] }, /a list that seems to hold no records in it/],
    ['only alerts', { alerts: ['x'] }, /a list that seems to hold no records in it \(its keys: "alerts"\)/],
    ['only notices, two of them', { notices: [{ host: 'a' }], Failures: ['x'] }, /2 lists in it/],
    ['what failed, of which there is none', { failed: [], items: null }, /no list in it/],
    ['what failed beside others', { failed: ['shard-3'], items: ['a'] }, /2 lists in it/],
    ['an empty object', {}, /its keys: none/],
    ['null', null, /the answer is null/],
    ['a text', 'maintenance', /the answer is a string/],
    ['a number', 5, /the answer is a number/],
  ]
  for (const [what, document, message] of rows) {
    t.throws(() => select(document), { reason: 'shape', message }, what)
    t.throws(
      () => select(document),
      { message: /two lines such as: records: ".+" and targets: \["\{hostname\}/ },
      what,
    )
  }
})

t.test('a JMESPath expression selects the records', async (t) => {
  const expression = compile("items[?status == 'active']")
  const selectFrom = createSelect((document) => TreeInterpreter.search(expression, document as never) as Json)
  const select = (document: Json) => selectFrom(document, 'the answer')
  t.same(
    select({
      items: [
        { status: 'active', id: 1 },
        { status: 'gone', id: 2 },
      ],
      other: [],
    }),
    [{ status: 'active', id: 1 }],
  )
  t.throws(() => select({ records: [] }), {
    reason: 'shape',
    message: /gave null, not a list.*the keys records/,
  })
  t.throws(() => select([]), { reason: 'shape', message: /the answer \(a list\)/ })
  const rows: [expression: string, document: Json, message: string][] = [
    [
      'data.itms',
      { data: { items: [], total: 0 } },
      'data in page 1 has no itms; did you mean items? (its keys: items, total)',
    ],
    ['hosts[?up]', { data: {} }, 'page 1 has no hosts (its keys: data)'],
    ['data || items', { list: [] }, 'check it against page 1 (an object with the keys list)'],
    ['a.b.c', { a: { b: [1] } }, 'a.b in page 1 is a list, without the key c'],
    ['a.b', { a: { b: 5 } }, 'check it against page 1 (an object with the keys a)'],
    ['keys(a)', { b: 1 }, 'check it against page 1 (an object with the keys b)'],
  ]
  for (const [expression, document, message] of rows) {
    const selectBy = createSelect(() => null, { ...RECORDS, expression })
    t.throws(() => selectBy(document, 'page 1'), {
      message: `the records expression "${expression}" gave null, not a list; ${message}`,
    })
  }
  t.throws(() => createSelect(() => ({}))({}, 'the answer'), { message: /gave an object, not a list/ })
})

t.test('a document that says itself that it failed is refused', async (t) => {
  const select = unlessFailed(
    createSelect((document) => (document as { data: Json }).data),
    (document) => (document as { errors?: Json }).errors ?? null,
  )
  for (const errors of [undefined, null, false, 0, '', [], {}]) {
    t.same(select({ data: ['a'], ...(errors !== undefined && { errors }) }, 'page 1'), ['a'])
  }
  for (const errors of [[{ message: 'no' }], 'maintenance', true, 1, { code: 5 }]) {
    t.throws(() => select({ data: ['a'], errors }, 'page 1'), {
      reason: 'refused',
      message: /^page 1 says that it failed: fail_if gave /,
    })
  }
})

t.test('15: an answer that tells of an error is no inventory, whatever list is in it', async (t) => {
  const select = createSelect(undefined)
  for (const document of [
    { error: 'timeout', results: [] },
    { errors: ['timeout'] },
    { error: { code: 5 }, x: ['a'] },
  ]) {
    t.throws(() => select(document, 'the answer'), { reason: 'refused', message: /says that it failed/ })
  }
})

t.test('an empty list beside a text that may say why is no empty inventory', async (t) => {
  const select = createSelect(undefined)
  for (const [key, text] of [
    ['message', 'upstream timeout'],
    ['detail', 'Not all shards answered.'],
    ['Reason', 'maintenance'],
  ] as const) {
    t.throws(() => select({ items: [], [key]: text }, 'the answer'), {
      reason: 'refused',
      message: new RegExp(
        `^the answer has no records, and a text in ${key} \\(${text}\\), which may say why; .*records`,
      ),
    })
    t.same(select({ items: ['a'], [key]: text }, 'the answer'), ['a'], 'with records it says something else')
    const configured = createSelect((document) => (document as { items: Json }).items)
    t.same(configured({ items: [], [key]: text }, 'the answer'), [], 'with records configured it is one')
    const asked = createSelect(undefined, { ...RECORDS, hasFailIf: true })
    t.same(asked({ items: [], [key]: text }, 'the answer'), [], 'with fail_if configured too')
  }
  for (const message of ['', 'OK', 'success', ' Done. ', null, 5, {}]) {
    t.same(select({ items: [], message }, 'the answer'), [], JSON.stringify(message))
  }
})

t.test('lists that hold no records stand beside those that do', async (t) => {
  const select = createSelect(undefined)
  for (const around of [
    { warnings: ['slow'] },
    { messages: ['hello'], errors: [] },
    { failed: [], alerts: [], notices: [] },
  ]) {
    t.same(select({ ...around, items: ['a'] }, 'the answer'), ['a'], JSON.stringify(around))
  }
})
