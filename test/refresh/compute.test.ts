import assert from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createThreads, type Threads } from '../../src/base/threads.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { type Document, JSON_FORMAT } from '../../src/model/document.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { build } from '../../src/refresh/build.ts'
import { createCompute } from '../../src/refresh/compute.ts'
import { buildInThread, weighInThread } from '../../src/refresh/worker.ts'
import { DEFAULT_GUARD, type Weighed } from '../../src/snapshot/guard.ts'
import { weigh } from '../../src/snapshot/weigh.ts'
import { manualClock } from '../helpers/clock.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { names } from '../helpers/refreshing.ts'
import { until } from '../helpers/until.ts'

const NEVER = new AbortController().signal

const OPTIONS: PlanOptions = {
  records: 'items',
  mapping: {
    source: 'sensors',
    targets: [{ address: compileTemplate('{name}:{port|9100}'), labels: [] }],
    labels: [['site', compileTemplate('{site}')]],
    metaLabels: false,
    defaultPort: 9100,
  },
  relabelConfigs: [{ source_labels: ['site'], regex: 'a|(b)', target_label: 'b', replacement: 'is $1' }],
}

function computing(t: Test, options = OPTIONS, threads: Threads = createThreads()) {
  t.teardown(() => threads.close())
  const clock = manualClock()
  const plan = { options, plan: compilePlan(options), guard: DEFAULT_GUARD }
  return { compute: createCompute(plan, { threads, clock }), clock }
}

/** An inventory that is too large to be worked on inline. */
const large = (count = 20_000) => [
  jsonDocument({ items: names(count).map((name, index) => ({ name, site: `site ${index % 7}` })) }),
]

t.test('a large inventory is built in a thread, to the same bytes and report', async (t) => {
  const { compute } = computing(t)
  const documents = large()
  const built = await compute.build(documents, false, NEVER)
  t.ok(built.body.buffer instanceof SharedArrayBuffer, 'it was not built here')
  t.same({ ...built, body: built.body.toString() }, asText(build(documents, compilePlan(OPTIONS))))
  t.ok(documents[0]?.bytes.byteLength, 'the documents are still here')
})

t.test('many small pages are as much work as a large one', async (t) => {
  const { compute } = computing(t)
  const pages = Array.from({ length: 20 }, () => large(2_000)[0] as Document)
  t.ok((await compute.build(pages, false, NEVER)).body.buffer instanceof SharedArrayBuffer)
})

t.test('documents that nobody needs any more are handed over, not copied', async (t) => {
  const { compute } = computing(t)
  const bytes = Buffer.from(Uint8Array.from(large()[0]?.bytes ?? []).buffer)
  const built = await compute.build([{ bytes, format: JSON_FORMAT, name: 'x' }], true, NEVER)
  t.equal(built.counts.targets, 20_000)
  t.equal(bytes.byteLength, 0)
})

t.test('what is a part of other memory is copied, not handed over', async (t) => {
  const { compute } = computing(t)
  const whole = Buffer.concat([Buffer.from('[]'), large()[0]?.bytes ?? Buffer.alloc(0)])
  const document = { bytes: whole.subarray(2), format: JSON_FORMAT, name: 'x' }
  t.equal((await compute.build([document], true, NEVER)).counts.targets, 20_000)
  t.equal(whole.toString('utf8', 0, 2), '[]')
})

t.test('a defect in a thread stays one', async (t) => {
  const threads = createThreads()
  t.teardown(() => threads.close())
  const options = { ...OPTIONS, mapping: undefined } as unknown as PlanOptions
  const plan = { options, plan: compilePlan(OPTIONS), guard: DEFAULT_GUARD }
  const compute = createCompute(plan, { threads, clock: manualClock() })
  await t.rejects(compute.build(large(), false, NEVER), { name: 'RefreshError', reason: 'internal' })
  t.match(buildInThread({ documents: large(), options }), { failed: { reason: 'internal' } })
})

const asText = <Built extends { body: Buffer }>(built: Built) => ({ ...built, body: built.body.toString() })

t.test('the same input gives the same in the thread as here', async (t) => {
  const record = fc.record(
    {
      name: fc.constantFrom('a', 'b', 'c', 'not a host', '::1'),
      site: fc.constantFrom('a', 'b', '', 7, null),
    },
    { requiredKeys: [] },
  )
  const property = fc.property(fc.array(record), fc.array(record), (one, other) => {
    const documents = [jsonDocument({ items: one }), jsonDocument({ items: other })]
    // What goes into a thread and comes out of it is cloned.
    const answer = structuredClone(buildInThread(structuredClone({ documents, options: OPTIONS })))
    try {
      const { body, ...rest } = build(documents, compilePlan(OPTIONS))
      assert.ok(!('failed' in answer))
      assert.deepEqual(
        { ...answer, body: Buffer.from(answer.body).toString() },
        { ...rest, body: body.toString() },
      )
    } catch (error) {
      assert.ok('failed' in answer, String(error))
      assert.equal(answer.failed.message, (error as Error).message)
    }
  })
  fc.assert(property)
  t.pass('for any records')
})

t.test('an inventory that is none fails in the thread as it does here', async (t) => {
  const { compute } = computing(t)
  const documents = [jsonDocument({ nothing: 'x'.repeat(2 ** 20) })]
  await t.rejects(compute.build(documents, false, NEVER), {
    name: 'RefreshError',
    reason: 'shape',
    message: /the records expression gave null/,
  })
})

/** With the lines of a held drop as text: bytes that came from a thread are no Buffer any more. */
const plain = (weighed: Weighed) => ({
  ...weighed,
  held: weighed.held && { ...weighed.held, lines: Buffer.from(weighed.held.lines).toString() },
})

t.test('lists are weighed in a thread when they are large, with the same result', async (t) => {
  const { compute } = computing(t)
  const [served, offered] = [build(large(), compilePlan(OPTIONS)), build(large(9_000), compilePlan(OPTIONS))]
  const lists = { served: served.body, offered: offered.body, before: undefined }
  const weighed = await compute.weigh(lists, NEVER)
  t.match(weighed, { added: 0, removed: 11_000, isDrop: true, held: { seen: 1, missing: 11_000 } })
  t.same(plain(weighed), plain(weigh(served.body, offered.body, undefined, DEFAULT_GUARD)))
  t.same(plain(weighInThread({ ...lists, options: DEFAULT_GUARD })), plain(weighed))
  const again = await compute.weigh({ ...lists, before: weighed.held }, NEVER)
  t.match(again, { held: { seen: 2, missing: 11_000 } })
})

t.test(
  '40: a thread that runs out of memory fails the refresh with a reason, and the next one works',
  async (t) => {
    const threads = createThreads(48)
    // With such an expression all records are there at once.
    const { compute } = computing(t, { ...OPTIONS, records: 'items[]' }, threads)
    await t.rejects(compute.build(large(400_000), false, NEVER), {
      name: 'RefreshError',
      reason: 'out_of_memory',
      message: 'computing the list: it needs more than 48 MiB of memory, the limit of a thread',
    })
    t.equal((await compute.build(large(), false, NEVER)).counts.targets, 20_000)
  },
)

t.test('40: a thread that hangs is ended, and the next one works', async (t) => {
  // An expression that sorts a list in every one of its records takes hours.
  const endless = '{items: items[*].{name: name, all: $.items[*].sort_by($.items, &name)}}.items'
  const { compute, clock } = computing(t, { ...OPTIONS, records: endless })
  const hanging = compute.build(large(), false, NEVER)
  await until('it has a thread', () => clock.pending().length === 1)
  clock.advance(120_000)
  await t.rejects(hanging, {
    name: 'RefreshError',
    reason: 'timeout',
    message: 'the computing of the list took longer than 120 s',
  })
  t.same(clock.pending(), [])
})

t.test('40: the wait for a thread that others keep busy is not counted', async (t) => {
  const threads = createThreads(undefined, 1)
  const { compute, clock } = computing(t, OPTIONS, threads)
  const module = new URL('../helpers/thread-jobs.js', import.meta.url).href
  const begun = new SharedArrayBuffer(4)
  const stop = new AbortController()
  const other = threads.run({ module, name: 'spin' }, begun, { signal: stop.signal })
  await until('the other is at work', () => Atomics.load(new Int32Array(begun), 0) === 1)
  const building = compute.build(large(), false, NEVER)
  const gone = new AbortController()
  const givenUp = compute.build(large(), false, gone.signal)
  clock.advance(120_000)
  gone.abort(new Error('stopping'))
  await t.rejects(givenUp, { message: 'stopping' })
  stop.abort(new Error('long enough'))
  await t.rejects(other, { message: 'long enough' })
  t.equal((await building).counts.targets, 20_000)
  t.same(clock.pending(), [])
})

t.test('a stop ends the work of a thread', async (t) => {
  const { compute } = computing(t)
  const stop = new AbortController()
  const building = compute.build(large(400_000), false, stop.signal)
  stop.abort(new Error('stopping'))
  await t.rejects(building, { message: 'stopping' })
})
