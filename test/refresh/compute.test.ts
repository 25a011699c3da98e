import assert from 'node:assert/strict'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createThreads, type Threads } from '../../src/base/threads.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { type Document, JSON_FORMAT } from '../../src/model/document.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { createCompute } from '../../src/refresh/compute.ts'
import { type Computed, compute, computeInThread, type Work } from '../../src/refresh/worker.ts'
import { absentIn, type Roll } from '../../src/roll/roll.ts'
import { manualClock } from '../helpers/clock.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { occasionAt } from '../helpers/occasion.ts'
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
  let jobs = 0
  const run: Threads['run'] = (...job) => {
    jobs++
    return threads.run(...job)
  }
  const { compute: computed } = createCompute(options, {
    threads: { ...threads, run },
    streams: threads,
    clock,
  })
  return { computed, clock, jobs: () => jobs }
}

/** A reading of these documents. */
const read = (documents: readonly Document[], roll?: Roll, nowMs = 0): Work => ({
  kind: 'read',
  documents,
  roll,
  occasion: occasionAt(nowMs),
  isAtRest: true,
})

const bodyOf = ({ called }: Computed) => called?.roll.body as Uint8Array
const targetsOf = ({ called }: Computed) => called?.roll.keys.length

/** With the list as text: bytes that came from a thread are no Buffer any more. */
const asText = ({ called, report }: Computed) => ({
  report,
  called: called && { ...called, roll: { ...called.roll, body: Buffer.from(called.roll.body).toString() } },
})

/** An inventory that is too large to be worked on inline. */
const large = (count = 20_000) => [
  jsonDocument({ items: names(count).map((name, index) => ({ name, site: `site ${index % 7}` })) }),
]

t.test('a large inventory is built in a thread, to the same bytes and report', async (t) => {
  const { computed, jobs } = computing(t)
  const documents = large()
  const built = await computed(read(documents), NEVER)
  t.equal(jobs(), 1)
  t.ok(bodyOf(built).buffer instanceof SharedArrayBuffer, 'the list is not copied into the next thread')
  t.same(asText(built), asText(compute(read(documents), compilePlan(OPTIONS))))
  t.ok(documents[0]?.bytes.byteLength, 'the documents are still here')
})

t.test('many small pages are as much work as a large one', async (t) => {
  const { computed, jobs } = computing(t)
  await computed(read(large(2_000)), NEVER)
  t.equal(jobs(), 0)
  const pages = Array.from({ length: 20 }, () => large(2_000)[0] as Document)
  await computed(read(pages), NEVER)
  t.equal(jobs(), 1)
})

t.test('a thread lets go of the documents before it makes the list', async (t) => {
  const bytes = Uint8Array.from(large()[0]?.bytes as Uint8Array)
  const pages = [bytes.subarray(0), new Uint8Array(new SharedArrayBuffer(2)).fill(32)]
  const documents = pages.map((page) => ({ bytes: page, format: JSON_FORMAT, name: 'x' }))
  const fails = computeInThread({ work: read(documents), options: OPTIONS })
  t.match(fails, { failed: { reason: 'parse' } })
  t.ok(bytes.byteLength > 0, 'they could not be read')
  pages[1]?.set(Buffer.from('[]'))
  const roll = { ...OPTIONS, records: undefined }
  t.match(computeInThread({ work: read(documents), options: roll }), { called: { joined: 20_000 } })
  t.same([bytes.byteLength, pages[1]?.byteLength], [0, 2], 'what others share is theirs')
})

t.test('documents that nobody needs any more are handed over, not copied', async (t) => {
  const { computed } = computing(t)
  const bytes = Buffer.from(Uint8Array.from(large()[0]?.bytes ?? []).buffer)
  const built = await computed(read([{ bytes, format: JSON_FORMAT, name: 'x' }]), NEVER, true)
  t.equal(targetsOf(built), 20_000)
  t.equal(bytes.byteLength, 0)
})

t.test('what is a part of other memory is copied, not handed over', async (t) => {
  const { computed } = computing(t)
  const whole = Buffer.concat([Buffer.from('[]'), large()[0]?.bytes ?? Buffer.alloc(0)])
  const document = { bytes: whole.subarray(2), format: JSON_FORMAT, name: 'x' }
  t.equal(targetsOf(await computed(read([document]), NEVER, true)), 20_000)
  t.equal(whole.toString('utf8', 0, 2), '[]')
})

t.test('a thread keeps nothing of a large job', async (t) => {
  const items = Buffer.from(large()[0]?.bytes as Uint8Array)
  const bytes = Buffer.alloc(64 * 2 ** 20, ' ')
  items.copy(bytes)
  const memory = new WeakRef(bytes.buffer)
  const documents = [{ bytes, format: JSON_FORMAT, name: 'x' }]
  t.match(computeInThread({ work: read(documents), options: OPTIONS }), { called: { joined: 20_000 } })
  t.equal(memory.deref()?.byteLength, 0)
})

t.test('a defect in a thread stays one', async (t) => {
  const options = { ...OPTIONS, mapping: undefined } as unknown as PlanOptions
  t.match(computeInThread({ work: read(large()), options }), { failed: { reason: 'internal' } })
})

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
    const answer = structuredClone(
      computeInThread(structuredClone({ work: read(documents), options: OPTIONS })),
    )
    try {
      const here = compute(read(documents), compilePlan(OPTIONS))
      assert.ok(!('failed' in answer))
      assert.deepEqual(asText(answer), asText(here))
    } catch (error) {
      assert.ok('failed' in answer, String(error))
      assert.equal(answer.failed.message, (error as Error).message)
    }
  })
  fc.assert(property)
  t.pass('for any records')
})

t.test('an inventory that is none fails in the thread as it does here', async (t) => {
  const { computed } = computing(t)
  const documents = [jsonDocument({ nothing: 'x'.repeat(2 ** 20) })]
  await t.rejects(computed(read(documents), NEVER), {
    name: 'RefreshError',
    reason: 'shape',
    message: /the records expression "items" gave null/,
  })
})

t.test('readings of a large list are compared in a thread, with the same result', async (t) => {
  const { computed } = computing(t)
  const first = await computed(read(large(40_000)), NEVER)
  const roll = first.called?.roll as Roll
  const work = read(large(18_000), roll, 60_000)
  const second = await computed(work, NEVER)
  t.match(second, { called: { joined: 0, left: 0, isChanged: false } })
  t.equal(second.called?.roll.body, roll.body, 'the same list is the same bytes')
  t.equal(absentIn(second.called?.roll as Roll), 22_000)
  t.same(asText(second), asText(compute(work, compilePlan(OPTIONS))))
  const again: Work = { kind: 'again', roll: second.called?.roll as Roll, occasion: occasionAt(120_000) }
  const third = await computed(again, NEVER)
  t.match(third.called?.roll.absences, [{ readings: 3 - 1 }])
  t.match(third.called?.roll.held, [{ reason: 'too_many', targets: 22_000 }])
  const digest = third.called?.roll.held[0]?.digest as string
  const accept: Work = { kind: 'accept', roll: third.called?.roll as Roll, digest, nowMs: 130_000 }
  t.equal(targetsOf(await computed(accept, NEVER)), 18_000)
  const other = { ...accept, digest: 'other' }
  t.same(await computed(other, NEVER), { called: undefined, report: undefined })
  t.same(computeInThread({ work: other, options: OPTIONS }), { called: undefined, report: undefined })
  t.match(computeInThread({ work: again, options: OPTIONS }), { called: { isChanged: false } })
})

t.test('while nobody is absent a large list is not looked at again', async (t) => {
  const { computed } = computing(t)
  const { called } = await computed(read(large()), NEVER)
  const again: Work = { kind: 'again', roll: called?.roll as Roll, occasion: occasionAt(60_000) }
  const [here] = await Promise.all([computed(again, NEVER)])
  t.equal(here.called?.roll.body, called?.roll.body)
  t.equal(here.called?.roll.keys, called?.roll.keys, 'nothing of it has travelled')
})

t.test(
  '40: a thread that runs out of memory fails the refresh with a reason, and the next one works',
  async (t) => {
    const threads = createThreads(48)
    // With such an expression all records are there at once.
    const { computed } = computing(t, { ...OPTIONS, records: 'items[]' }, threads)
    await t.rejects(computed(read(large(400_000)), NEVER), {
      name: 'RefreshError',
      reason: 'out_of_memory',
      message: 'computing the list: it needs more than 48 MiB of memory, the limit of a thread',
    })
    t.equal(targetsOf(await computed(read(large()), NEVER)), 20_000)
  },
)

t.test('40: a thread that hangs is ended, and the next one works', async (t) => {
  // An expression that sorts a list in every one of its records takes hours.
  const endless = '{items: items[*].{name: name, all: $.items[*].sort_by($.items, &name)}}.items'
  const { computed, clock } = computing(t, { ...OPTIONS, records: endless })
  const hanging = computed(read(large()), NEVER)
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
  const { computed, clock } = computing(t, OPTIONS, threads)
  const module = new URL('../helpers/thread-jobs.js', import.meta.url).href
  const begun = new SharedArrayBuffer(4)
  const stop = new AbortController()
  const other = threads.run({ module, name: 'spin' }, begun, { signal: stop.signal })
  await until('the other is at work', () => Atomics.load(new Int32Array(begun), 0) === 1)
  const building = computed(read(large()), NEVER)
  const gone = new AbortController()
  const givenUp = computed(read(large()), gone.signal)
  clock.advance(120_000)
  gone.abort(new Error('stopping'))
  await t.rejects(givenUp, { message: 'stopping' })
  stop.abort(new Error('long enough'))
  await t.rejects(other, { message: 'long enough' })
  t.equal(targetsOf(await building), 20_000)
  t.same(clock.pending(), [])
})

t.test('a stop ends the work of a thread', async (t) => {
  const { computed } = computing(t)
  const stop = new AbortController()
  const building = computed(read(large(400_000)), stop.signal)
  stop.abort(new Error('stopping'))
  await t.rejects(building, { message: 'stopping' })
})
