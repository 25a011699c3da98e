import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { compileTemplate } from '../../src/mapping/template.ts'
import type { Json } from '../../src/model/record.ts'
import { parseJson } from '../../src/pipeline/parse-json.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { runPipeline } from '../helpers/pipeline.ts'
import { holds } from '../helpers/property.ts'

t.test(
  'a whole number beyond 2^53 is the text of its digits; anything else is what it always was',
  async (t) => {
    const rows: [text: string, value: Json][] = [
      ['9007199254740991', 9007199254740991],
      ['9007199254740992', '9007199254740992'],
      ['-9007199254740993', '-9007199254740993'],
      ['{"id":1152921504606846977}', { id: '1152921504606846977' }],
      ['[ 1234567890123456789 , 1234567890123456787\n]', ['1234567890123456789', '1234567890123456787']],
      ['{"a":[1,{"b":12345678901234567890}]}', { a: [1, { b: '12345678901234567890' }] }],
      ['{"12345678901234567890":"12345678901234567890"}', { '12345678901234567890': '12345678901234567890' }],
      ['["a, 12345678901234567890, b"]', ['a, 12345678901234567890, b']],
      [
        '["\\\\",12345678901234567890,"\\"", "\\\\\\" ,12345678901234567890,"]',
        ['\\', '12345678901234567890', '"', '\\" ,12345678901234567890,'],
      ],
      ['[1.12345678901234567890]', [1.1234567890123457]],
      ['[12345678901234567890.5]', [12345678901234567000]],
      ['[12345678901234567890e2, 1e0000000000000000001]', [Number('12345678901234567890e2'), 10]],
      ['1000000000000000', 1000000000000000],
    ]
    for (const [text, value] of rows) t.same(parseJson(text), value, text)
    for (const text of [
      '[01234567890123456789]',
      '{12345678901234567890:1}',
      '[1 12345678901234567890]',
      '-',
      '',
    ])
      t.throws(() => parseJson(text), { name: 'SyntaxError' }, text)
  },
)

t.test('wherever a long number stands, it is found', async (t) => {
  const write = (value: unknown): string => {
    if (typeof value === 'bigint') return String(value)
    if (Array.isArray(value)) return `[${value.map(write).join(', ')}]`
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    const fields = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)} : ${write(item)}`)
    return `{${fields.join()}}`
  }
  const asRead = (value: unknown): unknown => {
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    if (Array.isArray(value)) return value.map(asRead)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asRead(item)]))
  }
  const text = fc.oneof(fc.string(), fc.stringMatching(/^["\\ ,:[\]]{0,4}[1-9]\d{14,20}["\\ ,\]]{0,4}$/))
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }),
      text,
      fc.constantFrom(null, true, 0.5),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.dictionary(
        text.filter((key) => key !== '__proto__'),
        tie('tree'),
        { maxKeys: 4 },
      ),
    ),
  }))
  holds(
    t,
    'any value with long numbers and texts that look like them',
    fc.property(tree as fc.Arbitrary<unknown>, (value) =>
      isDeepStrictEqual(parseJson(write(value)), asRead(value)),
    ),
    { numRuns: 2_000 },
  )
})

t.test('ids that differ in their last digit are other labels, keys and addresses', async (t) => {
  const targets = [{ address: compileTemplate('{id}:9100'), labels: [] }]
  const labels = [['id', compileTemplate('{id}')]] as const
  const mapping = { source: 's', targets, labels, metaLabels: true, defaultPort: 1 }
  for (const [name, count] of [
    ['whole', 1],
    ['in parts', 5_000],
  ] as const) {
    const list = Array.from(
      { length: count },
      (_, index) => `{"id":${1152921504606846425n + 2n * BigInt(index)},"x":"${'y'.repeat(60)}"}`,
    )
    const bytes = Buffer.from(`[${list.join(',')}]`)
    const plan = compilePlan({
      records: undefined,
      filter: 'id != `1152921504606846427`',
      mapping,
      relabelConfigs: [],
    })
    const { groups, keys, report } = runPipeline(
      [{ name: 'the answer', format: { kind: 'json' }, bytes }],
      plan,
    )
    t.equal(groups.length, count === 1 ? 1 : count - 1, name)
    t.equal(new Set(keys).size, groups.length)
    t.same(report.rejected, new Map())
    t.match(groups[0], {
      targets: ['1152921504606846425:9100'],
      labels: [['__meta_inventory_id', '1152921504606846425'], [], [], ['id', '1152921504606846425']],
    })
  }
})

t.test('an expression finds long numbers by all of their digits, and others as numbers', async (t) => {
  const select = (filter: string) => {
    const mapping = { source: 's', targets: [], labels: [], metaLabels: false, defaultPort: 1 }
    const bytes = Buffer.from('[{"host":"a","n":1152921504606846425},{"host":"b","n":1000000000000000}]')
    const plan = compilePlan({ records: undefined, filter, mapping, relabelConfigs: [] })
    const { groups } = runPipeline([{ name: 'the answer', format: { kind: 'json' }, bytes }], plan)
    return groups.flatMap(({ targets }) => targets)
  }
  t.same(select('n == `1152921504606846425`'), ['a:1'])
  t.same(select('n == `1152921504606846427`'), [])
  t.same(select('n == `1000000000000000`'), ['b:1'])
  t.same(select('to_number(n) > `1000000000000000`'), ['a:1'])
})
