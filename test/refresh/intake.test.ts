import { createHash } from 'node:crypto'
import { getEventListeners, once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { MessageChannel } from 'node:worker_threads'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { createThreads, type Threads } from '../../src/base/threads.ts'
import { JSON_FORMAT } from '../../src/model/document.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { createIntake } from '../../src/refresh/intake.ts'
import { type Request, takeInThread } from '../../src/refresh/worker.ts'
import { createFleet } from '../../src/roll/fleet.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'
import { occasionAt } from '../helpers/occasion.ts'
import { holdsAsync } from '../helpers/property.ts'
import { names, refreshing } from '../helpers/refreshing.ts'
import { until } from '../helpers/until.ts'

/** The largest body that these tests hold: it is larger than the head by which it is known whether it can be taken. */
const MAX_HELD = 100_000
const COUNT = 20_000

const records = (count = COUNT) => names(count).map((host, index) => ({ host, site: `münchen ${index % 7}` }))

/** A runner that takes large bodies, and the documents that its threads have taken. */
async function taking(t: Test, options: Parameters<typeof refreshing>[1] = {}) {
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
    maxHeldBytes: MAX_HELD,
    ...options,
  })
  const taken = () => jobs.filter((name) => name === 'takeInThread').length
  return { ...rig, taken, isIdle: () => until('no thread is busy', () => running === 0) }
}

/** The list that is served when all bodies are held. */
async function held(t: Test, value: unknown, options: Parameters<typeof refreshing>[1] = {}) {
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

t.test('a list that is taken is the one that is held, however its response is framed', async (t) => {
  const expected = await held(t, records())
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
    const { inventory, refresh, served, taken, isIdle, lastRead } = await taking(t)
    inventory.handle((_request, response) => answer(response))
    t.match(await refresh(), { result: 'changed', targets: COUNT }, name)
    t.equal(served()?.body.toString(), expected, name)
    t.match(await refresh(), { result: 'unchanged', targets: COUNT }, `${name}: the same again`)
    t.equal(taken(), 2, name)
    t.equal(lastRead()?.documents, undefined, `${name}: nothing is kept`)
    await isIdle()
  }
})

t.test('small lists, gzip files and what cannot be read in parts are held', async (t) => {
  const { inventory, refresh, served, taken } = await taking(t)
  inventory.json(records(100))
  t.match(await refresh(), { result: 'changed', targets: 100 }, 'a small one of known size')
  inventory.handle((_request, response) => response.write(JSON.stringify(records(101))) && response.end())
  t.match(await refresh(), { result: 'changed', targets: 101 }, 'a small one of unknown size')
  const file = gzipSync(Buffer.from(JSON.stringify(records(COUNT * 10))))
  t.ok(file.length > MAX_HELD)
  inventory.handle((_request, response) => response.end(file))
  t.match(await refresh(), { result: 'changed', targets: COUNT * 10 }, 'a gzip file')
  t.equal(taken(), 0)
  t.equal(served()?.targets, COUNT * 10)
  const chosen = await taking(t, { records: '[?site]' })
  chosen.inventory.json(records())
  t.match(await chosen.refresh(), { result: 'changed', targets: COUNT }, 'an expression')
  t.equal(chosen.taken(), 0)
})

t.test(
  'when the records are not in the long list, the response is read again, and held from then on',
  async (t) => {
    const value = { others: names(COUNT), items: records(50) }
    const { inventory, refresh, addresses, taken } = await taking(t, { records: 'items' })
    inventory.json(value)
    t.match(await refresh(), { result: 'changed', targets: 50 })
    t.equal(inventory.requests.length, 2)
    t.same([addresses().length, taken()], [50, 1])
    inventory.json({ ...value, items: records(51) })
    t.match(await refresh(), { result: 'changed', targets: 51 })
    t.same([inventory.requests.length, taken()], [3, 1])
  },
)

t.test('rule 8: what is wrong with a large list loses nothing, and is told with its place', async (t) => {
  const { inventory, refresh, served, taken, isIdle } = await taking(t)
  inventory.json(records())
  await refresh()
  const before = served()
  const text = JSON.stringify([...records(), { host: 'new' }])
  const broken: [name: string, text: string, reason: string, message: RegExp][] = [
    ['cut short', text.slice(0, -100), 'parse', /not valid JSON, from byte \d{6} on/],
    ['spoilt', text.replace('"sensor_15000', '"sensor\n'), 'parse', /not valid JSON, from byte \d{6} on/],
    ['refused', `{"items":${text},"error":"half of it"}`, 'refused', /error/],
    ['a page', `{"items":${text},"next":"/inventory?page=2"}`, 'pagination', /page/],
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
  t.equal(taken(), 1 + broken.length)
  await isIdle()
})

t.test('a large response that breaks off, or stops coming, is given up', async (t) => {
  const { inventory, refresh, served, clock, runner, isIdle } = await taking(t)
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
  const { refresh, inventory, addresses, held, taken } = await taking(t, {
    fleet: {
      ...fleet,
      scope(nowMs) {
        const scope = fleet.scope(nowMs)
        decisions.shift()?.()
        return scope
      },
    },
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
  t.equal(taken(), 3)
  t.equal(inventory.requests.length, 3)
})

t.test('a thread that runs out of memory fails the refresh', async (t) => {
  const threads = createThreads(8, 1)
  const { inventory, refresh } = await refreshing(t, { threads, maxHeldBytes: MAX_HELD })
  inventory.json(records(300_000))
  t.match(await refresh(), { result: 'failed', error: { reason: 'out_of_memory' } })
})

t.test('any list is the same when it is taken', async (t) => {
  const record = fc.record(
    {
      host: fc.string({ unit: 'grapheme', maxLength: 8 }),
      site: fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.string()),
    },
    { requiredKeys: [] },
  )
  const { inventory, refresh, served, taken } = await taking(t)
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
  t.ok(taken() >= 25)
})

t.test(
  'a document that is used leaves nothing behind, and one that was given up cannot be used',
  async (t) => {
    const threads = createThreads(undefined, 1)
    t.teardown(() => threads.close())
    const intake = createIntake(compilePlan(OPTIONS), OPTIONS, { streams: threads }, (error) => {
      throw error
    })
    const body = Buffer.from(JSON.stringify(records()))
    const taker = intake.begin({ format: JSON_FORMAT, name: 'it' }, body.subarray(0, 65_536))
    await taker?.add(body)
    t.match(await taker?.end(), { size: body.length, digest: /^[0-9a-f]{64}$/ })
    const { signal } = new AbortController()
    const turn = { roll: undefined, occasion: occasionAt(0), isAtRest: true }
    for (let round = 0; round < 3; round++) {
      t.match(await intake.call(turn, signal), { called: { joined: COUNT } })
      t.equal(getEventListeners(signal, 'abort').length, 0, 'a listener would keep the answer')
    }
    intake.letGo()
    await t.rejects(intake.call(turn, signal), { name: 'RefreshError', message: /given up/ })
    await t.rejects(Promise.resolve(taker?.end()), { name: 'RefreshError', message: /given up/ })
  },
)

t.test('the thread of a document answers each request once', async (t) => {
  const values: [name: string, value: unknown, records: string | undefined, ended: object, answer: object][] =
    [
      ['records', records(), undefined, { isElsewhere: false }, { called: { joined: COUNT } }],
      [
        'no list of records',
        { others: names(COUNT), items: names(3) },
        'items',
        { isElsewhere: true },
        { failed: {} },
      ],
      [
        'a failure',
        { items: names(COUNT), ok: false },
        undefined,
        { isElsewhere: false },
        { failed: { reason: 'refused' } },
      ],
      ['too few', records(), undefined, { isElsewhere: false }, { failed: { reason: 'too_few' } }],
      [
        'a very long item',
        [['x'.repeat(65 * 2 ** 20)], 'y'],
        undefined,
        { isElsewhere: false },
        { failed: { reason: 'too_large' } },
      ],
    ]
  for (const [name, value, path, ended, answer] of values) {
    const { port1: port, port2 } = new MessageChannel()
    const bytes = Buffer.from(JSON.stringify(value))
    const document = { format: JSON_FORMAT, name: 'it' }
    const task = {
      port: port2,
      options: { ...OPTIONS, records: path },
      document,
      head: bytes.subarray(0, 65_536),
    }
    const thread = takeInThread(task)
    const ask = async (request: Request) => {
      port.postMessage(request)
      return (await once(port, 'message'))[0]
    }
    for (let at = 0; at < bytes.length; at += 2 ** 20)
      t.equal(await ask({ kind: 'piece', bytes: bytes.subarray(at, at + 2 ** 20) }), undefined)
    t.match(
      await ask({ kind: 'end' }),
      { digest: createHash('sha256').update(bytes).digest('hex'), ...ended },
      name,
    )
    const occasion = occasionAt(0)
    const minExpected = name === 'too few' ? COUNT + 1 : 0
    const turn = {
      roll: undefined,
      occasion: { ...occasion, options: { ...occasion.options, minExpected } },
      isAtRest: true,
    }
    t.match(await ask({ kind: 'turn', turn }), answer, name)
    port.close()
    await thread
  }
})
