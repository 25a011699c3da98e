import { createHash } from 'node:crypto'
import { getEventListeners, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MessageChannel } from 'node:worker_threads'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createThreads, type Threads } from '../../src/base/threads.ts'
import { JSON_FORMAT } from '../../src/model/document.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { createIntake } from '../../src/refresh/intake.ts'
import { type Request, streamInThread } from '../../src/refresh/worker.ts'
import { createFleet } from '../../src/roll/fleet.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'
import type { DocumentStream } from '../../src/sources/source.ts'
import { occasionAt } from '../helpers/occasion.ts'
import { holdsAsync } from '../helpers/property.ts'
import { disturbed, names, refreshing } from '../helpers/refreshing.ts'
import { until } from '../helpers/until.ts'

/** The largest body in memory: more than the first bytes, which show whether a body can be mapped while it arrives. */
const MAX_IN_MEMORY = 100_000
const COUNT = 20_000

const records = (count = COUNT) => names(count).map((host, index) => ({ host, site: `münchen ${index % 7}` }))

/** A runner that maps large bodies while they arrive, and how many it has begun. */
async function streaming(t: Test, options: Parameters<typeof refreshing>[1] = {}) {
  const threads = createThreads(undefined, 2)
  const jobs: string[] = []
  let running = 0
  const run: Threads['run'] = async (job, ...how) => {
    jobs.push(job.name)
    running++
    try {
      return await threads.run(job, ...how)
    } finally {
      running--
    }
  }
  const rig = await refreshing(t, {
    labels: { site: '{site}' },
    threads: { ...threads, run },
    maxInMemoryBytes: MAX_IN_MEMORY,
    ...options,
  })
  const streamed = () => jobs.filter((name) => name === 'streamInThread').length
  return { ...rig, streamed, isIdle: () => until('no thread is busy', () => running === 0) }
}

/** The list that is served when all bodies are read into memory. */
async function inMemory(t: Test, value: unknown, options: Parameters<typeof refreshing>[1] = {}) {
  const { inventory, refresh, served } = await refreshing(t, { labels: { site: '{site}' }, ...options })
  inventory.json(value)
  await refresh()
  return served()?.body.toString()
}

const OPTIONS: PlanOptions = {
  records: undefined,
  mapping: { source: 'sensors', targets: [], labels: [], metaLabels: false, defaultPort: 9100 },
  relabelConfigs: [],
}

const JSON_TYPE = { 'content-type': 'application/json' }

t.test(
  'a list that is mapped while it arrives is the one of memory, however its response is framed',
  async (t) => {
    const expected = await inMemory(t, records())
    const body = Buffer.from(JSON.stringify(records()))
    const framings: [name: string, answer: (response: ServerResponse) => void][] = [
      ['Content-Length', (response) => response.writeHead(200, { 'content-length': body.length }).end(body)],
      ['chunked', (response) => response.writeHead(200, JSON_TYPE).end(body)],
      ['gzip', (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body))],
      [
        'brotli',
        (response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync(body)),
      ],
    ]
    for (const [name, answer] of framings) {
      const { inventory, refresh, served, streamed, isIdle, lastRead } = await streaming(t)
      inventory.handle((_request, response) => answer(response))
      t.match(await refresh(), { result: 'changed', targets: COUNT }, name)
      t.equal(served()?.body.toString(), expected, name)
      t.match(await refresh(), { result: 'unchanged', targets: COUNT }, `${name}: the same again`)
      t.equal(streamed(), 2, name)
      t.equal(lastRead()?.documents, undefined, `${name}: nothing is kept`)
      await isIdle()
    }
  },
)

t.test('small lists, gzip files and what cannot be mapped in parts are read into memory', async (t) => {
  const { inventory, refresh, served, streamed } = await streaming(t)
  inventory.json(records(100))
  t.match(await refresh(), { result: 'changed', targets: 100 }, 'a small one of known size')
  inventory.handle((_request, response) => response.write(JSON.stringify(records(101))) && response.end())
  t.match(await refresh(), { result: 'changed', targets: 101 }, 'a small one of unknown size')
  const file = gzipSync(Buffer.from(JSON.stringify(records(COUNT * 10))))
  t.ok(file.length > MAX_IN_MEMORY)
  inventory.handle((_request, response) => response.end(file))
  t.match(await refresh(), { result: 'changed', targets: COUNT * 10 }, 'a gzip file')
  t.equal(streamed(), 0)
  t.equal(served()?.targets, COUNT * 10)
  const chosen = await streaming(t, { records: '[?site]' })
  chosen.inventory.json(records())
  t.match(await chosen.refresh(), { result: 'changed', targets: COUNT }, 'an expression')
  t.equal(chosen.streamed(), 0)
})

t.test(
  'when the records are not in the long list, the response is read again, into memory, and so are the next ones',
  async (t) => {
    const value = { others: names(COUNT), items: records(50) }
    const { inventory, refresh, addresses, streamed } = await streaming(t, { records: 'items' })
    inventory.json(value)
    t.match(await refresh(), { result: 'changed', targets: 50 })
    t.equal(inventory.requests.length, 2)
    t.same([addresses().length, streamed()], [50, 1])
    inventory.json({ ...value, items: records(51) })
    t.match(await refresh(), { result: 'changed', targets: 51 })
    t.same([inventory.requests.length, streamed()], [3, 1])
    for (let round = 0; round < 8; round++) await refresh()
    t.same([inventory.requests.length, streamed()], [11, 1])
    inventory.json(records())
    await refresh()
    t.same([inventory.requests.length, streamed()], [12, 2], 'then it is tried again')
  },
)

t.test('rule 8: what is wrong with a large list loses nothing, and is told with its place', async (t) => {
  const { inventory, refresh, served, streamed, isIdle } = await streaming(t)
  inventory.json(records())
  await refresh()
  const before = served()
  const text = JSON.stringify([...records(), { host: 'new' }])
  const broken: [name: string, text: string | Buffer, reason: string, message: RegExp][] = [
    ['cut short', text.slice(0, -100), 'parse', /not valid JSON, from byte \d{6} on/],
    ['spoilt', text.replace('"sensor_15000', '"sensor\n'), 'parse', /not valid JSON, from byte \d{6} on/],
    ['refused', `{"items":${text},"error":"half of it"}`, 'refused', /error/],
    ['a page', `{"items":${text},"next":"/inventory?page=2"}`, 'pagination', /page/],
    [
      'a page by a link in the records',
      `{"links":${text.replace('{', '{"rel":"next","href":"/2",')}}`,
      'pagination',
      /page/,
    ],
    [
      'a key that is no UTF-8',
      Buffer.from(`{"nä":1,"items":${text.replaceAll('ü', 'u')}}`, 'latin1'),
      'parse',
      /UTF-8/,
    ],
    ['no records', JSON.stringify(names(COUNT).map(() => ({ name: 5 }))), 'all_rejected', /none of 20000/],
  ]
  for (const [name, body, reason, message] of broken) {
    inventory.handle((_request, response) => response.writeHead(200, JSON_TYPE).end(body))
    const { result, error } = await refresh()
    t.match(
      { result, reason: error?.reason, message: error?.message },
      { result: 'failed', reason, message },
      name,
    )
    t.equal(served(), before, name)
  }
  t.equal(streamed(), broken.length, 'all but the one with links')
  await isIdle()
})

t.test('a large response that breaks off, or stops coming, is given up', async (t) => {
  const { inventory, refresh, served, clock, runner, isIdle } = await streaming(t)
  inventory.json(records())
  await refresh()
  const before = served()
  const body = Buffer.from(JSON.stringify(records()))
  let sent = false
  const half = (then: (response: ServerResponse) => void) =>
    inventory.handle((_request, response) => {
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, body.length / 2), () => {
        sent = true
        then(response)
      })
    })
  half((response) => response.destroy())
  t.match(await refresh(), { result: 'failed', error: { reason: 'reset' } })
  await isIdle()
  half(() => {})
  sent = false
  const late = refresh()
  await until('half of it is sent', () => sent)
  clock.advance(6_000)
  t.match(await late, { result: 'failed', error: { reason: 'timeout' } })
  t.equal(served(), before)
  await isIdle()
  sent = false
  const last = refresh()
  await until('half of it is sent', () => sent)
  await runner.stop()
  t.match(await last, { result: 'failed', error: { reason: 'timeout' } })
  await isIdle()
})

t.test('rule 5: when other targets left meanwhile, the same records are decided on again', async (t) => {
  const fleet = createFleet(DEFAULT_GUARD)
  const decisions: (() => void)[] = []
  const { refresh, inventory, addresses, held, streamed } = await streaming(t, {
    fleet: disturbed(fleet, decisions),
  })
  inventory.json(records())
  fleet.note('other', 10_000, 0)
  await refresh()
  inventory.json(records(12_000))
  await refresh()
  decisions.push(() => fleet.claim(8_000, fleet.scope(0), 0))
  await refresh()
  t.equal(addresses().length, COUNT, '8,000 of 30,000 might leave; 16,000 are held')
  t.match(held(), [{ reason: 'too_many_of_all' }])
  t.equal(streamed(), 3)
  t.equal(inventory.requests.length, 3)
})

t.test('a thread that runs out of memory fails the refresh', async (t) => {
  const threads = createThreads(8, 1)
  const { inventory, refresh } = await refreshing(t, { threads, maxInMemoryBytes: MAX_IN_MEMORY })
  inventory.json(records(300_000))
  t.match(await refresh(), { result: 'failed', error: { reason: 'out_of_memory' } })
})

t.test('any list is the same when it is mapped while it arrives', async (t) => {
  const record = fc.record(
    {
      host: fc.string({ unit: 'grapheme', maxLength: 8 }),
      site: fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.string()),
    },
    { requiredKeys: [] },
  )
  const { inventory, refresh, served, streamed } = await streaming(t)
  const whole = await refreshing(t, { labels: { site: '{site}' } })
  await holdsAsync(
    t,
    'whatever its records are',
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 300 }),
      fc.constantFrom(undefined, 1),
      async (odd, space) => {
        const text = JSON.stringify([...records(5_000), ...odd], null, space)
        for (const to of [inventory, whole.inventory])
          to.handle((_request, response) => response.writeHead(200, JSON_TYPE).end(text))
        await Promise.all([refresh(), whole.refresh()])
        return served()?.body.toString() === whole.served()?.body.toString()
      },
    ),
    { numRuns: 25 },
  )
  t.ok(streamed() >= 25)
})

/** The intake of a source without a runner, and a document that it has begun. */
function begun(t: Test) {
  const threads = createThreads(undefined, 1)
  t.teardown(() => threads.close())
  const intake = createIntake(compilePlan(OPTIONS), OPTIONS, { streams: threads }, (error) => {
    throw error
  })
  const body = Buffer.from(JSON.stringify(records()))
  const reading = new AbortController()
  const document = { format: JSON_FORMAT, name: 'it' }
  const stream = intake.begin(document, body.subarray(0, 65_536), reading.signal) as DocumentStream
  return { intake, body, reading, stream }
}

const COMPARISON = { roll: undefined, occasion: occasionAt(0), isAtRest: true }

t.test('a document that is used leaves nothing behind', async (t) => {
  const { intake, body, stream } = begun(t)
  await stream.add(body)
  t.match(await stream.end(), { size: body.length, digest: /^[0-9a-f]{64}$/ })
  const { signal } = new AbortController()
  for (let round = 0; round < 3; round++) {
    t.match(await intake.compare(COMPARISON, signal), { called: { joined: COUNT } })
    t.equal(getEventListeners(signal, 'abort').length, 0, 'a listener would keep the answer')
  }
  intake.close()
  const closed = { name: 'RefreshError', message: /not read any more/ }
  await t.rejects(intake.compare(COMPARISON, signal), closed)
  await t.rejects(stream.end(), closed)
})

t.test('a signal ends what is waited for', async (t) => {
  const { intake, body, reading, stream } = begun(t)
  await stream.add(body)
  await stream.end()
  await t.rejects(intake.compare(COMPARISON, AbortSignal.abort(new Error('too late'))), {
    message: 'too late',
  })
  const stopping = new AbortController()
  const answer = intake.compare(COMPARISON, stopping.signal)
  stopping.abort(new Error('stopping'))
  await t.rejects(answer, { message: 'stopping' })
  const late = begun(t)
  const sending = Promise.all(Array.from({ length: 30 }, () => late.stream.add(body)))
  late.reading.abort(new Error('its share of timeout'))
  await t.rejects(sending, { message: 'its share of timeout' })
  reading.abort()
})

t.test('after a fault the rest of a document is not read', async (t) => {
  const { inventory, refresh } = await streaming(t)
  const [first, block] = [JSON.stringify(records()), Buffer.alloc(2 ** 20, ' ')]
  const blocks = 200
  let sent = 0
  inventory.handle((_request, response) => {
    response.writeHead(200, { 'content-length': first.length + blocks * block.length })
    const pieces = function* () {
      yield Buffer.from(first.replace('"sensor_15000', '"sensor\n'))
      for (; sent < blocks; sent++) yield block
    }
    pipeline(Readable.from(pieces(), { objectMode: false }), response).catch(() => {})
  })
  t.match(await refresh(), { result: 'failed', error: { reason: 'parse' } })
  t.ok(sent < blocks, `${sent} of ${blocks} blocks`)
})

t.test('the thread of a document answers each request once', async (t) => {
  const values: [
    name: string,
    value: unknown,
    records: string | undefined,
    isElsewhere: boolean,
    answer: object,
  ][] = [
    ['records', records(), undefined, false, { called: { joined: COUNT } }],
    ['no list of records', { others: names(COUNT), items: names(3) }, 'items', true, { failed: {} }],
    ['a failure', { items: names(COUNT), ok: false }, undefined, false, { failed: { reason: 'refused' } }],
    ['too few', records(), undefined, false, { failed: { reason: 'too_few' } }],
    [
      'a very long item',
      [['x'.repeat(17 * 2 ** 20)], 'y'],
      undefined,
      false,
      { failed: { reason: 'too_large' } },
    ],
  ]
  for (const [name, value, path, isElsewhere, answer] of values) {
    const { port1: port, port2 } = new MessageChannel()
    const bytes = Buffer.from(JSON.stringify(value))
    const document = { format: JSON_FORMAT, name: 'it' }
    const task = {
      port: port2,
      options: { ...OPTIONS, records: path },
      document,
      first: bytes.subarray(0, 65_536),
    }
    const thread = streamInThread(task)
    const ask = async (request: Request) => {
      port.postMessage(request)
      return (await once(port, 'message'))[0]
    }
    const replies: unknown[] = []
    for (let at = 0; at < bytes.length; at += 2 ** 20)
      replies.push(await ask({ kind: 'piece', bytes: bytes.subarray(at, at + 2 ** 20) }))
    t.match(
      replies.find((reply) => reply !== undefined) ?? answer,
      answer,
      `${name}: a fault is told at once`,
    )
    const digest = createHash('sha256').update(bytes).digest('hex')
    t.match(await ask({ kind: 'end' }), isElsewhere ? 'elsewhere' : { digest }, name)
    const occasion = occasionAt(0)
    const minExpected = name === 'too few' ? COUNT + 1 : 0
    const comparison = {
      roll: undefined,
      occasion: { ...occasion, options: { ...occasion.options, minExpected } },
      isAtRest: true,
    }
    t.match(await ask({ kind: 'compare', comparison }), answer, name)
    port.close()
    await thread
  }
})
