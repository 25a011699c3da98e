import fc from 'fast-check'
import t from 'tap'
import type { Json } from '../../src/model/record.ts'
import {
  createPartReader,
  findLongList,
  JsonSyntaxError,
  LongItemError,
  NotInPartsError,
} from '../../src/pipeline/json-parts.ts'
import { parseJson } from '../../src/pipeline/parse-json.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { runPipeline } from '../helpers/pipeline.ts'
import { holds } from '../helpers/property.ts'

/** How a text arrives, and is cut. */
interface Cuts {
  /** The bytes in which the long list is searched. */
  readonly headBytes?: number
  readonly pieceBytes?: number
  readonly partBytes?: number
}

/** What reading in parts gives; undefined when there is no long list. @throws JsonSyntaxError */
function readInParts(text: string | Buffer, cuts: Cuts = {}) {
  const bytes = Buffer.from(text)
  const { headBytes = bytes.length / 2, pieceBytes = bytes.length, partBytes = 50 } = cuts
  const found = findLongList(bytes.subarray(0, headBytes))
  if (found === undefined) return undefined
  const parts: (readonly Json[])[] = []
  const reader = createPartReader(found, (items) => parts.push(items), partBytes)
  // Each piece comes in the same memory.
  const memory = Buffer.alloc(pieceBytes)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes)
    memory.set(piece)
    reader.add(memory.subarray(0, piece.length))
  }
  const { document, list } = reader.end()
  return { items: parts.flat(1), document, list, count: parts.length }
}

/** The document with these items in the place of its long list. */
function unframed({ document, list, items }: NonNullable<ReturnType<typeof readInParts>>): unknown {
  const replace = (value: Json): Json => {
    if (value === list) return items
    if (Array.isArray(value)) return value.map(replace)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, one]) => [key, replace(one)] as const)
    return Object.fromEntries(entries)
  }
  return replace(document)
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
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

const cuts = fc.record({
  headBytes: fc.integer({ min: 1, max: 400 }),
  pieceBytes: fc.integer({ min: 1, max: 200 }),
  partBytes: fc.nat(100),
})

t.test('what is read in parts is what it is as a whole', (t) => {
  let inParts = 0
  holds(
    t,
    'for any document, however it is written, arrives and is cut',
    fc.property(document, spaces, cuts, (value, space, cuts) => {
      const written = JSON.stringify(value, null, space)
      const read = readInParts(written, cuts)
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
  let refused = 0
  holds(
    t,
    'wherever something is missing or too much',
    fc.property(document, fc.nat(), fc.nat(3), scrap, cuts, (value, at, gone, scrap, cuts) => {
      const written = JSON.stringify(value)
      const from = at % written.length
      // As bytes: half a character is none.
      const changed = Buffer.from(written.slice(0, from) + scrap + written.slice(from + gone)).toString()
      const expected = parsed(changed)
      try {
        const read = readInParts(changed, cuts)
        if (read === undefined) return true
        spoilt += 1
        return JSON.stringify(unframed(read)) === JSON.stringify(expected)
      } catch (error) {
        if (!(error instanceof JsonSyntaxError)) throw error
        refused += 1
        return expected === undefined && error.fault.at <= Buffer.byteLength(changed)
      }
    }),
    { numRuns: 5_000 },
  )
  t.ok(spoilt > 20, `some are JSON all the same: ${spoilt}`)
  t.ok(refused > 500, `many are refused: ${refused}`)
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
    const read = readInParts(written)
    t.ok(Number(read?.count) > 5, written.slice(0, 20))
    t.equal(read?.items.length, 100)
  }
  t.match(readInParts('[1,2,3,4,5]', { partBytes: 1 }), { items: [1, 2, 3, 4, 5], count: 5 }, 'numbers too')
  t.match(readInParts('\ufeff[1,2,3]'), { items: [1, 2, 3] }, 'after a byte order mark')
  t.equal(readInParts('[]', { headBytes: 2 }), undefined, 'a short list')
  t.equal(readInParts('{"a":1}'), undefined, 'no list')
  t.equal(readInParts('a,b\n[1],2\n'), undefined, 'no JSON')
  const twice = `{"a":["${'x'.repeat(100)}","y"],"a":[1]}`
  t.match(readInParts(twice), { document: { a: [1] }, list: undefined }, 'a key that comes again')
  t.match(findLongList(Buffer.from('{"a":{"l\\u0069nks": [1,2')), { key: 'links', start: 21 })
  t.equal(findLongList(Buffer.from('[[1],2'))?.key, undefined)
  t.equal(findLongList(Buffer.from('[1,2', 'utf16le')), undefined, 'UTF-16')
  const first = 'a'.repeat(500)
  t.match(
    readInParts(`["${first}","b"]`, { headBytes: 10 }),
    { items: [first, 'b'] },
    'a very long first item',
  )
})

function faultIn(text: string | Buffer): unknown {
  try {
    return readInParts(text, { headBytes: 100, partBytes: 10_000 })
  } catch (error) {
    return (error as Partial<JsonSyntaxError>).fault ?? error
  }
}

t.test('a fault is told with its place', async (t) => {
  const items = Array.from({ length: 20 }, (_, index) => `{"host":"a${index}"}`).join()
  const at = items.indexOf('{"host":"a15"')
  const faults: [text: string | Buffer, at: number, what: RegExp][] = [
    [`[${items.replace('"a15"', "'a15'")}]`, 1 + at + 8, /single quotes/],
    [`[${items.replace('"a15"', 'None')}]`, 1 + at + 8, /None/],
    [`[${items},]`, items.length + 1, /comma/],
    [`[${items}`, items.length + 1, /./],
    [`{"a":[${items}],"b":x}`, items.length + 12, /without quotes/],
    [`{"a":[${items}],"b":1`, items.length + 13, /./],
    [`{a:[${items}]}`, 1, /without quotes/],
    [`[${items}}`, items.length + 1, /./],
    [Buffer.from(`[${items}]`.replace('a15', 'ä'), 'latin1'), 1, /UTF-8/],
    [Buffer.from(`{"a":[${items}],"b":"ä"}`, 'latin1'), items.length + 6, /UTF-8/],
    [Buffer.from(`{"b":"ä","a":[${items}]}`, 'latin1'), 0, /UTF-8/],
    [`["münchen",${items.replace('"a15"', 'None')}]`, 12 + at + 8, /None/],
    [`\ufeff{"ä":[${items}],"b":x}`, items.length + 16, /without quotes/],
    [`\ufeff{"ä":[${items}],"ö":x}`, items.length + 17, /without quotes/],
    [`{"ä":1,b:[${items}]}`, 8, /without quotes/],
  ]
  for (const [text, at, what] of faults) {
    t.match(faultIn(text), { at, what }, String(text).slice(-30))
  }
})

t.test('an item or an end that is too long is not held', async (t) => {
  const long = 'x'.repeat(18 * 2 ** 20)
  const cuts = { headBytes: 20, pieceBytes: 2 ** 20 }
  t.throws(() => readInParts(`["a","b","${long}","c"]`, cuts), LongItemError)
  t.throws(
    () => readInParts(`["a","b","c"d",${JSON.stringify([long])}]`, cuts),
    JsonSyntaxError,
    'a quote too much',
  )
  t.throws(
    () => readInParts(`{"a":[1,2,3],"b":"${long}"}`, { headBytes: 8, pieceBytes: 2 ** 20, partBytes: 1 }),
    NotInPartsError,
  )
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

t.test('another long list does no harm', async (t) => {
  const numbers = Array.from({ length: 500_000 }, (_, index) => index)
  const value = { data: { items: long.map(({ host }) => host) }, numbers }
  const read = readInParts(JSON.stringify(value), { headBytes: 1_000 })
  t.match(read, { document: { data: { items: ['h0'] }, numbers: [0, 1, 2] } })
  t.ok(Array.isArray(read?.list))
  t.equal(read?.items.length, long.length)
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
