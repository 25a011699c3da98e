import fc from 'fast-check'
import t from 'tap'
import { splitJson } from '../../src/pipeline/json-parts.ts'
import { parseJson } from '../../src/pipeline/parse-json.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { runPipeline } from '../helpers/pipeline.ts'
import { holds } from '../helpers/property.ts'

/** What reading in parts gives; undefined when the text has to be read as a whole. */
function readInParts(text: string, partBytes: number) {
  try {
    const parts = splitJson(Buffer.from(text), partBytes)
    if (parts === undefined) return undefined
    const lists = [...parts.items()]
    const items = lists.flat(1)
    return { items, marker: parts.marker, frame: parts.frame(items.length), count: lists.length }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The document with these items in the place of the list that the marker tells. */
function unframed({ frame, marker, items }: NonNullable<ReturnType<typeof readInParts>>): unknown {
  const [found, ...others] = JSON.stringify(frame).split(/\["[0-9a-f-]{36}"(?:,null)*\]/)
  if (others.length !== 1 || !JSON.stringify(frame).includes(marker)) throw new Error('no marker, or several')
  // Not parseJson: a number such as 5.8e16 is written with all its digits by now.
  return JSON.parse(found + JSON.stringify(items) + others[0])
}

const spaces = fc.constantFrom(undefined, 1, '\t')
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('},{"host":"', '","', '[', ']}', '\\', '\\"', ',', '\u0000'),
)
const item = fc.record(
  { host: text, port: fc.nat(), tags: fc.array(text), inner: fc.array(fc.record({ host: text })) },
  { requiredKeys: ['host'] },
)
const list = fc.oneof(fc.array(item), fc.array(text), fc.array(fc.jsonValue()))
const document = fc.oneof(
  list,
  fc.record({ meta: fc.jsonValue(), items: list }),
  fc.record({ items: list, total: fc.nat(), next: text }),
)

t.test('what can be read in parts is what it is as a whole', (t) => {
  let inParts = 0
  holds(
    t,
    'for any document, however it is written and cut',
    fc.property(document, spaces, fc.nat(100), (value, space, partBytes) => {
      const written = JSON.stringify(value, null, space)
      const read = readInParts(written, partBytes)
      if (read === undefined) return true
      if (read.count > 1) inParts += 1
      return JSON.stringify(unframed(read)) === JSON.stringify(parseJson(written))
    }),
    { numRuns: 5_000 },
  )
  t.ok(inParts > 500, `many were read in several parts: ${inParts}`)
  t.end()
})

t.test('what is no JSON is never read in parts', (t) => {
  const scrap = fc.constantFrom(
    '',
    ',',
    '"',
    '[',
    ']',
    '{',
    '}',
    ']}',
    '\\',
    '1',
    ' ',
    '},{',
    'null,',
    '\u00a0',
  )
  let spoilt = 0
  holds(
    t,
    'wherever something is missing or too much',
    fc.property(document, fc.nat(), fc.nat(3), scrap, fc.nat(50), (value, at, gone, scrap, partBytes) => {
      const written = JSON.stringify(value)
      const from = at % written.length
      // As bytes: half a character is none.
      const changed = Buffer.from(written.slice(0, from) + scrap + written.slice(from + gone)).toString()
      const read = readInParts(changed, partBytes)
      if (read === undefined) return true
      spoilt += 1
      return JSON.stringify(unframed(read)) === JSON.stringify(parseJson(changed))
    }),
    { numRuns: 5_000 },
  )
  t.ok(spoilt > 20, `some are JSON all the same: ${spoilt}`)
  t.end()
})

t.test('the usual inventories are read in parts', async (t) => {
  const items = Array.from({ length: 100 }, (_, index) => ({
    host: `a${index}`,
    ifs: [{ ip: '::1' }, { ip: '::2' }],
  }))
  const names = items.map(({ host }) => host)
  const texts = [
    JSON.stringify(items),
    JSON.stringify(items, null, 2),
    JSON.stringify(names),
    ` ${JSON.stringify(names, null, '\t')}\n`,
    JSON.stringify({ total: 100, items, next: null }),
    JSON.stringify({ meta: { tags: ['a', 'b'] }, items }, null, 2),
    JSON.stringify({ items, errors: [], links: [{ rel: 'self' }], meta: { sort: ['host'] } }),
    JSON.stringify(items.map(({ host }) => ({ host, tags: ['a', '],"x":['] }))),
  ]
  for (const written of texts) {
    const read = readInParts(written, 50)
    t.ok(Number(read?.count) > 5, written.slice(0, 20))
    t.equal(read?.items.length, 100)
  }
  t.equal(readInParts('[1,2,3]', 1), undefined, 'numbers are read at once')
  t.equal(readInParts('[]', 1), undefined)
  t.equal(readInParts('{"a":1}', 1), undefined)
  t.equal(readInParts('[ ,{"a":1}]', 0), undefined, 'nothing before a comma')
  t.equal(readInParts('[[{"a":1}]]', 1), undefined, 'a list of one item')
  t.equal(readInParts(`["${'a'.repeat(5_000)}","b"]`, 1), undefined, 'a very long first item')
})

const mapping = { source: 's', targets: [], labels: [], metaLabels: false, defaultPort: 1 }
const long = Array.from({ length: 10_000 }, (_, index) => ({
  host: `h${index}`,
  site: `münchen-${index % 7}`,
}))

t.test('a long list gives the same result, in parts or as a whole', async (t) => {
  const texts: [text: string, records: string | undefined][] = [
    [JSON.stringify(long), undefined],
    [JSON.stringify([...long, 5, { host: 'no host' }]), undefined],
    [JSON.stringify({ total: 10_000, items: long }), undefined],
    [JSON.stringify({ total: 10_001, items: long }), undefined],
    [JSON.stringify({ data: { hosts: long }, other: [1] }), 'data.hosts'],
    [JSON.stringify({ data: { hosts: long }, other: [1] }), 'other'],
    [JSON.stringify({ other: ['x'], data: { hosts: long } }), 'other'],
    // As long as the list that is read in parts.
    [JSON.stringify({ a: long.map(() => '\u0000'), b: long }), 'a'],
    [JSON.stringify({ items: long, errors: [], sort: ['host'] }), 'items'],
    [JSON.stringify({ data: { hosts: long } }), "data.hosts[?site == 'münchen-1']"],
    [JSON.stringify({ a: long, b: [{ host: 'x' }] }), undefined],
    [JSON.stringify({ a: [{ host: 'x' }, { host: 'y' }], b: long }), 'b'],
    [JSON.stringify(long).slice(0, -1), undefined],
    // Which is written in Latin-1.
    [`${JSON.stringify(long)} `, undefined],
    [JSON.stringify(long).replace('h9999', 'h\n'), undefined],
    [JSON.stringify(Array.from({ length: 20_000 }, () => ({ host: 'no host' }))), undefined],
  ]
  for (const [text, records] of texts) {
    const plan = compilePlan({ records, mapping, relabelConfigs: [] })
    const bytes = Buffer.from(text, text.endsWith(' ') ? 'latin1' : 'utf8')
    const documents = [{ name: 'it', bytes, format: { kind: 'json' } as const }]
    const outcome = (selectsAll: boolean) => {
      try {
        const { groups, report } = runPipeline(documents, { ...plan, selectsAll })
        // What stands beside a list that is named is no part of it.
        const notSelected = plan.selectsAll === true ? 0 : report.notSelected
        return { body: encodeGroups(groups).toString(), report: { ...report, notSelected } }
      } catch (error) {
        return String(error)
      }
    }
    t.same(outcome(plan.selectsAll === true), outcome(false), `${text.slice(0, 30)} ${records}`)
  }
})

t.test('a defect in the mapping is none of the document', async (t) => {
  const plan = compilePlan({ records: undefined, mapping, relabelConfigs: [] })
  const map = () => {
    throw new TypeError('a defect')
  }
  const documents = [
    { name: 'it', bytes: Buffer.from(JSON.stringify(long)), format: { kind: 'json' } as const },
  ]
  t.throws(() => runPipeline(documents, { ...plan, map }), { message: 'a defect' })
})

t.test('an expression that looks into the records sees all of them', async (t) => {
  const selectsAll = (records: string | undefined, failIf?: string) =>
    compilePlan({ records, failIf, mapping, relabelConfigs: [] }).selectsAll
  t.equal(selectsAll(undefined), true)
  t.equal(selectsAll('a.b_2'), true)
  for (const records of ['[0]', 'a[*]', "a[?b != 'c']", 'a || b', 'a.*', '@', '"a"', 'reverse(a)']) {
    t.equal(selectsAll(records), false, records)
  }
  t.equal(selectsAll(undefined, 'errors'), false)
})

t.test('a list whose last item is long is read as a whole', async (t) => {
  const text = (long: number) => `[{"a":1},{"a":2},{"a":"${'x'.repeat(long)}"}]`
  t.ok(splitJson(Buffer.from(text(60_000)), 1))
  t.equal(splitJson(Buffer.from(text(70_000)), 1), undefined)
})
