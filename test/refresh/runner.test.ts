import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { RefreshError } from '../../src/base/errors.ts'
import { createThreads, type Threads } from '../../src/base/threads.ts'
import { createPacker } from '../../src/pipeline/pack.ts'
import { createRoom, MAX_ALL_KEPT_BYTES, MAX_KEPT_BYTES } from '../../src/refresh/compute.ts'
import type { Sharing } from '../../src/refresh/sharing.ts'
import type { Computed } from '../../src/refresh/worker.ts'
import { createFleet } from '../../src/roll/fleet.ts'
import type { Kept } from '../../src/roll/kept.ts'
import { absentIn, openRoll } from '../../src/roll/roll.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'
import type { HeldTargets } from '../../src/snapshot/store.ts'
import type { Source } from '../../src/sources/source.ts'
import { manualClock, momentOf } from '../helpers/clock.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { httpSource, serveApi } from '../helpers/http-source.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { disturbed, INTERVAL_MS, names, refreshing } from '../helpers/refreshing.ts'
import { until } from '../helpers/until.ts'

t.test('a first list is served, counted and logged once', async (t) => {
  const { refresh, served, metric, messages, status } = await refreshing(t)
  t.match(await refresh(), { source: 'sensors', result: 'changed', targets: 3 })
  t.match(served()?.body.toString(), '"targets":["sensor_0:9100","sensor_1:9100","sensor_2:9100"]')
  t.equal(await metric('refreshes_total', { result: 'changed' }), 1)
  t.equal(await metric('targets'), 3)
  t.equal(await metric('target_groups'), 1)
  t.equal(await metric('refresh_interval_seconds'), 30)
  t.equal(await metric('targets_added_total'), 3)
  t.equal(await metric('records'), 3)
  t.equal(await metric('stale'), 0)
  t.equal(await metric('refresh_duration_seconds_count'), 1)
  t.same(messages(), ['targets changed'])
  t.equal(status()?.failure, undefined)
})

t.test('an unchanged list keeps the very same snapshot and logs nothing', async (t) => {
  const { refresh, served, metric, messages, clock, inventory } = await refreshing(t)
  await refresh()
  const before = served()
  const changedAt = clock.now()
  t.equal((await refresh()).result, 'unchanged')
  inventory.json([...names(3)].reverse())
  t.equal((await refresh()).result, 'unchanged', 'in another order it is the same list')
  t.equal(served(), before)
  t.equal(await metric('refreshes_total', { result: 'unchanged' }), 2)
  t.equal(await metric('last_success_timestamp_seconds'), clock.now() / 1000)
  t.equal(await metric('last_change_timestamp_seconds'), changedAt / 1000)
  t.same(messages(), ['targets changed'])
})

t.test(
  'the digest tells the members of lists apart, in whichever order and whenever they are read',
  async (t) => {
    const [one, other] = [await refreshing(t), await refreshing(t)]
    const digestOf = async ({ metrics }: typeof one) =>
      seriesValue(await metrics.registry.metrics(), 'rollcall_targets_digest', { source: 'sensors' })
    t.equal(await digestOf(one), undefined, 'none before the first list')
    await one.refresh()
    other.inventory.json([...names(3)].reverse())
    await other.refresh(3_600_000)
    const digest = (await digestOf(one)) as number
    t.equal(digest, Number(`0x${one.served()?.digest.slice(0, 13)}`))
    t.ok(Number.isSafeInteger(digest))
    t.equal(await digestOf(other), digest)
    other.inventory.json(names(3, 1))
    for (let round = 0; round < 2; round++) await other.refresh()
    t.equal(await other.metric('targets'), 3)
    t.not(await digestOf(other), digest, 'as many targets, others among them')
    other.inventory.json(names(3))
    for (let round = 0; round < 2; round++) await other.refresh()
    t.equal(await digestOf(other), digest)
    await one.metrics.removeSource('sensors')
    t.equal(await digestOf(one), undefined)
  },
)

t.test('targets with other labels have another digest', async (t) => {
  const digests = ['a', 'b'].map(async (site) => {
    const { refresh, metrics } = await refreshing(t, { labels: { site } })
    await refresh()
    return seriesValue(await metrics.registry.metrics(), 'rollcall_targets_digest', { source: 'sensors' })
  })
  t.not(await digests[0], await digests[1])
})

t.test('a list that was kept has its digest at once', async (t) => {
  const storage = t.testdir()
  const before = await refreshing(t, { storage })
  await before.refresh()
  const after = await refreshing(t, { storage })
  await after.restore()
  const [one, other] = [before, after].map(({ metrics }) => metrics.registry.metrics())
  const labels = { source: 'sensors' }
  const digest = seriesValue((await one) as string, 'rollcall_targets_digest', labels)
  t.ok(digest)
  t.equal(seriesValue((await other) as string, 'rollcall_targets_digest', labels), digest)
})

t.test('targets that join and leave are counted', async (t) => {
  const { refresh, inventory, metric } = await refreshing(t)
  await refresh()
  inventory.json(names(3, 1))
  t.equal((await refresh()).result, 'changed')
  t.equal(await metric('targets_added_total'), 4)
  t.equal(await metric('targets_removed_total'), 0)
  t.equal(await metric('targets_absent'), 1)
  t.match(await refresh(), { result: 'changed', targets: 3 })
  t.equal(await metric('targets_removed_total'), 1)
  t.equal(await metric('targets_absent'), 0)
})

t.test('rule 5: what could not be published has not left', async (t) => {
  const fleet = createFleet(DEFAULT_GUARD)
  let isFirst = true
  const sharing: Sharing = {
    isReader: () => true,
    publish: async () => isFirst,
    now: Date.now,
    position: () => undefined,
  }
  const { refresh, inventory, addresses, clock } = await refreshing(t, { fleet, sharing })
  inventory.json(names(20))
  await refresh()
  inventory.json(names(18))
  await refresh()
  isFirst = false
  await refresh()
  t.equal(addresses().length, 20)
  t.equal(fleet.scope(clock.monotonic()).left, 0)
  isFirst = true
  await refresh()
  t.equal(addresses().length, 18)
  t.equal(fleet.scope(clock.monotonic()).left, 2)
})

t.test(
  'an unchanged answer to a question from before another replica was followed is no failure',
  async (t) => {
    let meanwhile: () => Promise<void> = async () => {}
    const source: Source = {
      async read(_signal, since) {
        if (since === undefined)
          return { kind: 'documents', documents: [jsonDocument(['a'])], version: { etag: '"1"' } }
        await meanwhile()
        return { kind: 'unchanged' }
      },
      close: async () => {},
    }
    const { refresh, runner, addresses } = await refreshing(t, { source })
    await refresh()
    meanwhile = async () => runner.follow(async (served) => served)
    t.match(await refresh(), { result: 'unchanged' })
    t.same(addresses(), ['a:9100'])
  },
)

t.test('rule 5: what leaves another source while a reading is decided counts for it', async (t) => {
  const fleet = createFleet(DEFAULT_GUARD)
  const decisions: (() => void)[] = []
  const { refresh, inventory, addresses, held } = await refreshing(t, {
    fleet: disturbed(fleet, decisions),
  })
  inventory.json(names(20))
  fleet.note('other', 10, 0)
  await refresh()
  inventory.json(names(12))
  await refresh()
  // Between the moment for which the second reading is judged, and its judgement.
  decisions.push(() => fleet.claim(8, fleet.scope(0), 0))
  await refresh()
  t.equal(addresses().length, 20, '8 of 30 might leave; 16 of 30 are held')
  t.match(held(), [{ reason: 'too_many_of_all' }])
})

t.test('rule 8: while the inventory fails, the last good list stays and the log says so once', async (t) => {
  const { refresh, served, inventory, metric, messages, status, clock } = await refreshing(t)
  await refresh()
  const before = served()
  const lastSuccess = status()?.lastSuccess
  await inventory.stop()
  clock.skip(30_000)
  for (let round = 0; round < 3; round++)
    t.match(await refresh(), { result: 'failed', targets: 3, error: { reason: 'connect' } })
  t.equal(served(), before)
  t.equal(status()?.failures, 3)
  t.same(status()?.lastSuccess, lastSuccess, 'the age goes on from the last success')
  t.equal(await metric('refresh_failures_total', { reason: 'connect' }), 3)
  t.equal(await metric('stale'), 1)
  await inventory.restart()
  t.equal((await refresh()).result, 'unchanged')
  t.equal(await metric('stale'), 0)
  t.equal(status()?.failures, 0)
  t.same(messages(), ['targets changed', 'refresh failed', 'refresh works again'])
})

t.test('another reason of failure is logged again', async (t) => {
  const { refresh, inventory, lines } = await refreshing(t)
  inventory.handle((_request, response) => response.writeHead(500).end())
  await refresh()
  inventory.handle((_request, response) => response.writeHead(401).end())
  await refresh()
  await refresh()
  t.match(lines, [
    { msg: 'refresh failed', reason: 'http_status', serving: 'nothing yet', error: /HTTP 500/ },
    { msg: 'refresh failed', reason: 'auth' },
  ])
  t.equal(lines.length, 2)
})

t.test('a source that waits for its devices after its first start has not failed', async (t) => {
  const failures = [
    new RefreshError('settling', 'devices have 5 s to register', { retryAfterMs: 5_000 }),
    new RefreshError('timeout', 'late'),
    new RefreshError('settling', 'the registrations of other replicas cannot be read'),
  ]
  const source = {
    read: () => Promise.reject(failures.shift()),
    close: () => Promise.resolve(),
  }
  const { refresh, lines } = await refreshing(t, { source })
  for (const _ of [1, 2, 3]) await refresh()
  t.match(lines, [
    { level: 30, msg: 'no list yet', reason: 'settling', serving: 'nothing yet' },
    { level: 40, msg: 'refresh failed', reason: 'timeout' },
    { level: 40, msg: 'refresh failed', reason: 'settling' },
  ])
})

t.test('11: an inventory that says nothing is given up at the deadline', async (t) => {
  const { refreshAtOnce, inventory, clock } = await refreshing(t)
  const asked = new Promise<void>((resolve) => inventory.handle(() => resolve()))
  const refreshed = refreshAtOnce()
  await asked
  clock.advance(5_000)
  t.match(await refreshed, {
    error: {
      reason: 'timeout',
      message: /no whole answer within 5s; if the inventory needs longer, raise timeout/,
    },
  })
  t.same(clock.pending(), [750], 'the next try is the only timer')
})

t.test('33: a write that failed is made up for even while refreshes fail', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'shared', 'targets.json')
  const { refresh, served, inventory } = await refreshing(t, { file })
  await refresh()
  await inventory.stop()
  mkdirSync(join(folder, 'shared'))
  t.equal((await refresh()).result, 'failed')
  t.same(readFileSync(file), served()?.body)
})

t.test('quarantined records are reported when they change', async (t) => {
  const { refresh, inventory, metric, lines, status } = await refreshing(t)
  inventory.json(['a', 1, null])
  await refresh()
  await refresh()
  t.equal(await metric('records_rejected', { reason: 'not_a_host' }), 2)
  t.equal(await metric('records_rejected', { reason: 'invalid_port' }), 0)
  t.match(status(), { records: 3, rejected: { not_a_host: 2 }, samples: [{ index: 1 }, { index: 2 }] })
  inventory.json(['a'])
  await refresh()
  t.equal(await metric('records_rejected', { reason: 'not_a_host' }), 0)
  t.match(
    lines.filter((line) => /quarantined/.test(String(line.msg))),
    [
      { msg: 'records quarantined', rejected: { not_a_host: 2 } },
      { msg: 'no record is quarantined any more' },
    ],
  )
})

t.test('33: the served list is also written as a file, and a failed write is made up for', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'shared', 'targets.json')
  const { refresh, served, inventory, metric, messages } = await refreshing(t, { file })
  t.equal((await refresh()).result, 'changed', '33: serving goes on without the file')
  t.equal((await refresh()).result, 'unchanged')
  t.equal(await metric('write_failures_total', { file: 'file_sd' }), 2)
  mkdirSync(join(folder, 'shared'))
  await refresh()
  t.same(readFileSync(file), served()?.body)
  const { ino } = statSync(file)
  await refresh()
  t.equal(statSync(file).ino, ino, 'an unchanged list is not written again')
  inventory.json(names(4))
  await refresh()
  t.same(readFileSync(file), served()?.body)
  t.same(
    messages().filter((message) => /file/.test(String(message))),
    ['file not written; check its folder and the disk', 'file written again'],
  )
})

t.test('a source that says "unchanged" keeps what was read before', async (t) => {
  let changed = true
  const documents = [jsonDocument(['a'])]
  const source: Source = {
    read: async () => (changed ? { kind: 'documents', documents } : { kind: 'unchanged' }),
    close: async () => {},
  }
  const { refresh } = await refreshing(t, { source })
  changed = false
  t.match(await refresh(), {
    result: 'failed',
    error: { reason: 'internal', message: /before it ever returned a list/ },
  })
  changed = true
  await refresh()
  changed = false
  t.match(await refresh(), { result: 'unchanged', targets: 1 })
})

t.test('11: a read that never settles is given up at the deadline all the same', async (t) => {
  const source: Source = { read: () => new Promise(() => {}), close: async () => {} }
  const { refreshAtOnce, clock, stop } = await refreshing(t, { source })
  const refreshed = refreshAtOnce()
  clock.advance(5_000)
  t.match(await refreshed, { result: 'failed', error: { reason: 'timeout' } })
  const stopped = refreshAtOnce()
  await stop()
  t.equal((await stopped).result, 'failed')
  t.equal((await refreshAtOnce()).result, 'failed', 'and after the stop nothing is read')
})

t.test('a defect in a source is a failed refresh like any other', async (t) => {
  const source: Source = { read: () => Promise.reject(new TypeError('oops')), close: async () => {} }
  const { refresh } = await refreshing(t, { source })
  t.match(await refresh(), { result: 'failed', error: { reason: 'internal', message: 'oops' } })
})

t.test('a refresh of a source that was removed meanwhile changes nothing', async (t) => {
  const { refresh, store, inventory } = await refreshing(t, { name: 'removed' })
  t.equal((await refresh()).result, 'changed')
  await inventory.stop()
  t.equal((await refresh()).result, 'failed')
  t.equal(store.get('removed'), undefined)
  t.equal(store.get('sensors')?.snapshot, undefined)
})

t.test('stopping ends a refresh that is under way, without a word about it', async (t) => {
  const { refreshAtOnce, inventory, stop, messages } = await refreshing(t)
  const asked = new Promise<void>((resolve) => inventory.handle(() => resolve()))
  const refreshed = refreshAtOnce()
  await asked
  await stop()
  t.equal((await refreshed).result, 'failed')
  t.same(messages(), [])
})

/** The list that an earlier process kept, an hour before the clock of these tests begins. */
function keptList(hosts: string[]): Kept {
  const hourAgo = Date.UTC(2026, 0, 1) - 3_600_000
  const packer = createPacker()
  for (const address of hosts) packer.add({ address, labels: [['__meta_rollcall_source', 'sensors']] })
  const reading = { ...packer.pack(), unreadable: new Set<number>(), keyless: 0, idle: 0, isAtRest: true }
  const all = { left: 0, roll: 0, options: DEFAULT_GUARD }
  return {
    roll: openRoll(reading, { nowMs: 0, startedMs: 0, selection: 'all', options: DEFAULT_GUARD, all }).roll,
    changedAtMs: hourAgo - 60_000,
    lastSuccessMs: hourAgo,
    origin: { origin: '', salt: '' },
    otherOrigin: undefined,
  }
}

t.test(
  '34: a kept list is served at once, marked stale, with its true age, until a refresh succeeds',
  async (t) => {
    const kept = keptList(['sensor_0:9100', 'sensor_1:9100', 'sensor_2:9100'])
    const { restore, refresh, served, status, metric, clock, inventory, messages } = await refreshing(t, {
      load: async () => kept,
    })
    await restore()
    const before = served()
    t.same(before?.body, kept.roll.body)
    t.equal(before?.changedAtMs, kept.changedAtMs)
    t.match(status(), { restored: true, lastSuccess: { wallMs: kept.lastSuccessMs } })
    t.equal(clock.monotonic() - (status()?.lastSuccess?.monotonicMs ?? 0), 3_600_000)
    t.equal(await metric('stale'), 1)
    t.equal(await metric('targets'), 3)
    t.equal(await metric('last_success_timestamp_seconds'), kept.lastSuccessMs / 1000)
    await inventory.stop()
    t.match(await refresh(0), { result: 'failed', targets: 3 })
    t.ok(status()?.restored)
    await inventory.restart()
    t.match(await refresh(), { result: 'unchanged', targets: 3 })
    t.match(status(), { restored: false })
    t.equal(served(), before, 'the same list is the same snapshot')
    t.equal(await metric('stale'), 0)
    t.equal(messages()[0], 'serving the last known list until a refresh succeeds')
  },
)

t.test('28: a kept list from the future, by a clock that went back, is not younger than new', async (t) => {
  const kept = keptList(['a:1'])
  const future = { ...kept, lastSuccessMs: Date.UTC(2027, 0, 1) }
  const { restore, status, clock } = await refreshing(t, { load: async () => future })
  await restore()
  t.same(status()?.lastSuccess, { wallMs: clock.now(), monotonicMs: clock.monotonic() })
})

t.test('25: a reading is compared with the list that was kept', async (t) => {
  const kept = keptList(Array.from({ length: 20 }, (_, index) => `old_${index}:9100`))
  const { restore, refresh, served } = await refreshing(t, { load: async () => kept })
  await restore()
  t.equal((await refresh()).result, 'held')
  t.equal(served()?.targets, 23, 'who answers is served, and who does not stays')
})

t.test('31: that the last change of a kept list was not written to its end is told', async (t) => {
  const kept = { ...keptList(['a:1']), isCut: true }
  const { restore, served, messages } = await refreshing(t, { load: async () => kept })
  await restore()
  t.equal(served()?.targets, 1)
  t.equal(messages()[0], 'the last change of the stored list is incomplete; the list before it is served')
})

t.test('32: a kept list that cannot be used is told and left alone', async (t) => {
  const { restore, refresh, served, messages } = await refreshing(t, {
    load: () => Promise.reject(new Error('its digest differs')),
  })
  await restore()
  t.equal(served(), undefined)
  t.same(messages(), ['the stored list is not used'])
  t.equal((await refresh()).result, 'changed')
})

t.test('nothing kept, nothing said', async (t) => {
  const { restore, served, messages } = await refreshing(t, { load: async () => undefined })
  await restore()
  t.equal(served(), undefined)
  t.same(messages(), [])
})

t.test(
  '33: files that somebody removes are written again at the next refresh, and that is told',
  async (t) => {
    const folder = t.testdir()
    const file = join(folder, 'targets.json')
    const storage = join(folder, 'data')
    const { refresh, served, messages, metric, shelf } = await refreshing(t, { file, storage })
    await refresh()
    const told = () =>
      messages().filter((message) => message === 'file was removed or replaced; written again')
    for (const [round, times] of [2, 2, 4].entries()) {
      rmSync(file)
      rmSync(storage, { recursive: true })
      t.equal((await refresh()).result, 'unchanged')
      t.same(readFileSync(file), served()?.body)
      t.same((await shelf?.load(momentOf(0)))?.roll.body, served()?.body)
      t.equal(told().length, times, 'once for each file, however often in a row')
      if (round === 1) await refresh()
    }
    t.equal(await metric('write_failures_total', { file: 'storage' }), 0)
  },
)

t.test('33: a file that somebody edited is written again, even if it is as long as before', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'targets.json')
  const { refresh, served, messages } = await refreshing(t, { file })
  await refresh()
  writeFileSync(file, readFileSync(file, 'utf8').replace('sensor_0', 'another0'))
  t.equal((await refresh()).result, 'unchanged')
  t.same(readFileSync(file), served()?.body)
  t.equal(messages().filter((message) => message === 'file was removed or replaced; written again').length, 1)
})

t.test(
  'what the inventory last gave is kept to be explained: also what is held, never what failed',
  async (t) => {
    const { refresh, lastRead, inventory, clock } = await refreshing(t)
    const text = () => lastRead()?.documents?.map(({ bytes }) => Buffer.from(bytes).toString())
    t.equal(lastRead(), undefined)
    await refresh()
    t.same(text(), [JSON.stringify(names(3))])
    const documents = lastRead()?.documents
    await refresh()
    t.equal(lastRead()?.atMs, clock.now(), 'an unchanged one is as new as its last reading')
    inventory.json([])
    t.equal((await refresh()).result, 'held')
    t.same(text(), ['[]'])
    const heldAt = clock.now()
    inventory.handle((_request, response) => response.writeHead(500).end())
    t.equal((await refresh()).result, 'failed')
    t.same(text(), ['[]'])
    t.equal(lastRead()?.atMs, heldAt)
    inventory.json({ rubbish: true })
    t.equal((await refresh()).result, 'failed')
    t.same(text(), ['[]'])
    t.not(lastRead()?.documents, documents)
  },
)

t.test(
  'rule 2: a reading that lacks targets is followed by another in two seconds, once an interval',
  async (t) => {
    const { runner, inventory, clock, addresses, metric } = await refreshing(t)
    await runner.refresh()
    t.same(clock.pending(), [INTERVAL_MS])
    inventory.json(names(2))
    clock.advance(INTERVAL_MS)
    await until('it is read', () => clock.pending().includes(2_000))
    t.equal(addresses().length, 3)
    inventory.json(names(1))
    clock.advance(2_000)
    await until(
      'it is read again',
      async () => (await metric('refreshes_total', { result: 'changed' })) === 2,
    )
    t.same(clock.pending(), [INTERVAL_MS], 'that reading lacks another, and is not followed so soon')
    t.equal(inventory.requests.length, 3)
    await runner.stop()
  },
)

t.test('a list that is too large to be kept for explanations is read like any other', async (t) => {
  const { refresh, inventory, runner, addresses } = await refreshing(t)
  const note = 'x'.repeat(MAX_KEPT_BYTES)
  const hosts = (count: number) =>
    names(count).map((host) => ({ host, ...(host === 'sensor_0' && { note }) }))
  inventory.json(hosts(3))
  t.match(await refresh(), { result: 'changed', targets: 3 })
  t.equal(runner.lastRead()?.documents, undefined)
  inventory.json(hosts(2))
  await refresh()
  t.match(await refresh(), { result: 'changed', targets: 2 })
  t.equal(addresses().length, 2)
})

t.test('rule 3: quarantined records are named by their keys', async (t) => {
  const { refresh, inventory, status, lines } = await refreshing(t)
  inventory.json([{ id: 7, host: 'a' }, { id: 8, host: 'b', port: 0 }, 3])
  await refresh()
  t.match(status()?.samples, [
    { index: 1, key: '8', reason: 'invalid_port' },
    { index: 2, key: undefined },
  ])
  t.match(lines[1], { msg: 'records quarantined', sample: { key: '8' } })
})

t.test('rule 7: a first list that is empty is served after three readings over a minute', async (t) => {
  const { refresh, refreshAtOnce, served, inventory, status } = await refreshing(t)
  inventory.json([])
  for (let reading = 0; reading < 5; reading++) t.equal((await refreshAtOnce()).result, 'held')
  t.equal(served(), undefined)
  t.match(status(), { isEmpty: true, lastSuccess: undefined })
  t.equal((await refresh()).result, 'held')
  t.match(await refresh(), { result: 'changed', targets: 0 })
  t.equal(served()?.body.toString(), '[]')
})

t.test('rule 7: a first list that is empty once is no list', async (t) => {
  const { refresh, addresses, inventory } = await refreshing(t)
  inventory.json([])
  await refresh()
  inventory.json(['a'])
  await refresh()
  t.same(addresses(), ['a:9100'])
})

t.test('66: with min_expected a first list that is too short is a failure', async (t) => {
  const { refresh, served, inventory, status } = await refreshing(t, { guard: { minExpected: 2 } })
  inventory.json(['a'])
  t.match(await refresh(), { result: 'failed', error: { reason: 'too_few', message: /1 targets .* 2/ } })
  t.equal(served(), undefined)
  inventory.json(['a', 'b'])
  t.match(await refresh(), { result: 'changed', targets: 2 })
  inventory.json(['b'])
  for (let reading = 0; reading < 5; reading++) t.match(await refresh(), { error: { reason: 'too_few' } })
  t.match(status(), { failures: 5 })
  t.equal(served()?.targets, 2)
})

t.test(
  '25, 26: what is held is told: since when, why, until when; and goes when the time has come',
  async (t) => {
    const { refresh, served, inventory, metric, messages, held, clock, lines } = await refreshing(t)
    inventory.json(names(20))
    await refresh()
    inventory.json(names(5))
    t.match(await refresh(), { result: 'held', targets: 20 })
    const since = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
    const until = { wallMs: since.wallMs + 900_000, monotonicMs: since.monotonicMs + 900_000 }
    t.match(held(), [{ reason: 'too_many', targets: 15, since, until, digest: /^[0-9a-f]{64}$/ }])
    t.equal(await metric('guard_holding'), 1)
    t.equal(await metric('targets_absent'), 15)
    t.equal(await metric('stale'), 0, 'what answers is as new as it can be')
    t.match(lines.at(-1), { msg: 'targets held', reason: 'too_many', targets: 15, digest: held()[0]?.digest })
    for (let ms = INTERVAL_MS; ms < 900_000; ms += INTERVAL_MS) t.match(await refresh(), { targets: 20 })
    t.match(await refresh(), { result: 'changed', targets: 5 })
    t.equal(await metric('guard_holding'), 0)
    t.same(held(), [])
    t.equal(messages().filter((message) => message === 'targets held').length, 1, 'told once')
    t.equal(served()?.targets, 5)
  },
)

t.test(
  '26, 65: an inventory that turns empty is believed after a day, and not after a burst of webhooks',
  async (t) => {
    const { refresh, refreshAtOnce, served, inventory, held } = await refreshing(t)
    inventory.json(names(20))
    await refresh()
    inventory.json([])
    for (let webhook = 0; webhook < 10; webhook++) t.match(await refreshAtOnce(), { result: 'held' })
    t.match(held(), [{ reason: 'all', targets: 20 }])
    for (let hour = 0; hour < 23; hour++) t.match(await refresh(3_600_000), { result: 'held', targets: 20 })
    t.match(await refresh(3_600_000), { result: 'changed', targets: 0 })
    t.equal(served()?.body.toString(), '[]')
  },
)

t.test('a failed reading neither confirms nor forgets', async (t) => {
  const { refresh, inventory, addresses } = await refreshing(t)
  inventory.json(names(20))
  await refresh()
  inventory.json(names(19))
  await refresh()
  inventory.handle((_request, response) => response.writeHead(500).end())
  await refresh()
  t.equal(addresses().length, 20)
  inventory.json(names(19))
  await refresh()
  t.equal(addresses().length, 19)
})

t.test(
  '67: what may be half of something is read again, unless it has all that is known and more',
  async (t) => {
    let documents = [jsonDocument(['a'])]
    let isUnsettled = true
    const source: Source = {
      read: async () => ({ kind: 'documents', documents, isUnsettled }),
      close: async () => {},
    }
    const { refresh, addresses, runner } = await refreshing(t, { source })
    for (let reading = 0; reading < 5; reading++) await refresh()
    t.same(addresses(), [], 'a first list would be taken for all there is')
    documents = [jsonDocument(['a', 'b'])]
    isUnsettled = false
    await refresh()
    t.same(addresses(), ['a:9100', 'b:9100'])
    isUnsettled = true
    for (let reading = 0; reading < 5; reading++) await refresh()
    t.equal(runner.provesGone(), false, 'nor does it show that a target of another source is not here')
    documents = [jsonDocument(['a', 'c'])]
    for (let reading = 0; reading < 5; reading++) await refresh()
    t.same(addresses(), ['a:9100', 'b:9100'], 'nothing of it is believed')
    documents = [jsonDocument(['a', 'b', 'd'])]
    await refresh()
    t.same(addresses(), ['a:9100', 'b:9100', 'd:9100'])
    documents = [jsonDocument(['a', 'd'])]
    isUnsettled = false
    await refresh()
    t.same(addresses(), ['a:9100', 'b:9100', 'd:9100'])
    await refresh()
    t.same(addresses(), ['a:9100', 'd:9100'])
    t.equal(runner.provesGone(), true)
  },
)

t.test('70: killed during a hold, four times: nothing is confirmed or forgotten', async (t) => {
  const storage = t.testdir()
  const first = await refreshing(t, { storage })
  first.inventory.json(names(20))
  await first.refresh()
  first.inventory.json(names(5))
  await first.refresh()
  const digest = first.held()[0]?.digest
  for (let start = 0; start < 4; start++) {
    const { restore, refresh, served, status, inventory, held } = await refreshing(t, { storage })
    inventory.json(names(5))
    await restore()
    t.equal(served()?.targets, 20)
    t.match(status(), { restored: true, absent: 15 })
    t.match(await refresh(), { result: 'held', targets: 20 })
    for (let ms = 2 * INTERVAL_MS; ms < 900_000; ms += INTERVAL_MS) await refresh()
    t.match(held(), [{ reason: 'too_many', targets: 15, digest }], 'and the digest is that of before')
  }
  const last = await refreshing(t, { storage })
  last.inventory.json(names(5))
  await last.restore()
  for (let ms = 0; ms <= 900_000; ms += INTERVAL_MS) await last.refresh()
  t.equal(last.served()?.targets, 5)
})

t.test('28: a kept list gets no younger by restarts while the inventory is down', async (t) => {
  const storage = t.testdir()
  const before = await refreshing(t, { storage })
  await before.refresh()
  const readAtMs = before.clock.now()
  for (let start = 0; start < 3; start++) {
    const { restore, refresh, inventory, status, clock } = await refreshing(t, { storage })
    clock.skip(3_600_000)
    await inventory.stop()
    await restore()
    t.equal((await refresh()).result, 'failed')
    t.equal(status()?.lastSuccess?.wallMs, readAtMs)
  }
})

t.test('the kept list says once a minute that it is right', async (t) => {
  const storage = t.testdir()
  const { refresh, shelf, clock } = await refreshing(t, { storage })
  await refresh()
  const first = clock.now()
  await refresh()
  t.equal((await shelf?.load(momentOf(0)))?.lastSuccessMs, first)
  await refresh()
  t.equal((await shelf?.load(momentOf(0)))?.lastSuccessMs, clock.now())
})

t.test('33: a disk that hangs holds up neither refreshing nor what is served', async (t) => {
  const folder = t.testdir()
  const { refresh, served, metric, messages, inventory } = await refreshing(t, {
    outputs: [
      {
        kind: 'storage',
        path: folder,
        keep: () => Promise.reject(new Error('it hangs')),
        remove: async () => {},
      },
    ],
  })
  t.match(await refresh(), { result: 'changed' })
  inventory.json(names(4))
  t.match(await refresh(), { result: 'changed' })
  t.equal(served()?.targets, 4)
  t.equal(await metric('write_failures_total', { file: 'storage' }), 2)
  t.match(messages(), [
    'targets changed',
    'file not written; check its folder and the disk',
    'targets changed',
  ])
})

t.test('68: one record deleted and one added between two pages: nobody leaves who was there', async (t) => {
  const inventory = await inventoryServer(t)
  let list = names(6)
  let between = () => {}
  serveApi(inventory, ({ query }) => {
    const offset = Number(query.get('offset') ?? 0)
    const page = list.slice(offset, offset + 2)
    if (offset > 0) between()
    return { json: { items: page, total: list.length } }
  })
  const source = await httpSource(t, {
    url: inventory.url.href,
    pagination: { offset: { parameter: 'offset' }, items: 'items', total: 'total' },
  })
  const { refresh, addresses, roll } = await refreshing(t, { source, records: 'items' })
  await refresh()
  t.equal(addresses().length, 6)
  between = () => {
    between = () => {}
    list = [...list.slice(1), 'new']
  }
  await refresh()
  t.equal(absentIn(roll()), 1, 'only what was deleted is missing: what was there all along was read')
  t.equal(addresses().length, 7)
  await refresh(900_000)
  await refresh()
  t.same(addresses(), [...names(6).slice(1), 'new'].map((name) => `${name}:9100`).sort())
})

t.test('33: what a killed process left beside the file is removed, and nothing else', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'targets.json')
  const [left, other] = [`${file}.${randomUUID()}.tmp`, `${file}.backup.tmp`]
  for (const path of [left, other]) writeFileSync(path, 'half')
  const { refresh } = await refreshing(t, { file })
  await refresh()
  t.notOk(existsSync(left))
  t.ok(existsSync(other))
})

t.test('a file that somebody touched is not written again', async (t) => {
  const file = join(t.testdir(), 'targets.json')
  const { refresh, messages } = await refreshing(t, { file })
  await refresh()
  utimesSync(file, 1_000, 1_000)
  const { ino } = statSync(file)
  await refresh()
  await refresh()
  t.equal(statSync(file).ino, ino)
  t.same(messages(), ['targets changed'])
})

t.test('27: refreshes that are asked for during one share the next', async (t) => {
  const { refreshAtOnce, inventory } = await refreshing(t)
  const asked = [refreshAtOnce(), refreshAtOnce(), refreshAtOnce()]
  t.equal(asked[1], asked[2])
  await Promise.all(asked)
  t.equal(inventory.requests.length, 2)
})

t.test('79: what is kept to be explained has a limit for each source, and for all together', async (t) => {
  const room = createRoom()
  t.notOk(room.take('a', MAX_KEPT_BYTES + 1))
  const count = MAX_ALL_KEPT_BYTES / MAX_KEPT_BYTES
  for (let index = 0; index < count; index++) t.ok(room.take(`s${index}`, MAX_KEPT_BYTES), `s${index}`)
  t.notOk(room.take('a', 1), 'there is no room left')
  t.ok(room.take('s0', MAX_KEPT_BYTES), 'who has room keeps it')
  t.ok(room.take('s0', 10))
  t.ok(room.take('a', MAX_KEPT_BYTES - 10))
  t.notOk(room.take('s0', 11), 'who asks for more than there is has none')
  t.ok(room.take('b', 10))
})

t.test('a list that could not be published is published when the same bytes come again', async (t) => {
  const threads = createThreads()
  let isDamaged = false
  // A thread whose answer arrives damaged: freezing it fails.
  const run: Threads['run'] = async (...args) => {
    const answer = await threads.run<Computed>(...args)
    const { called } = answer
    if (!isDamaged || called === undefined) return answer as never
    return { ...answer, called: { ...called, roll: { ...called.roll, body: Buffer.from('[') } } } as never
  }
  const { inventory, refresh, served, status } = await refreshing(t, { threads: { ...threads, run } })
  // Enough for a thread.
  inventory.json(names(30_000))
  t.match(await refresh(), { result: 'changed', targets: 30_000 })
  inventory.json(names(30_001))
  isDamaged = true
  t.match(await refresh(), { result: 'failed', targets: 30_000 })
  t.match(status(), { failures: 1 })
  isDamaged = false
  t.match(await refresh(), { result: 'changed', targets: 30_001 })
  t.equal(served()?.targets, 30_001)
  t.match(await refresh(), { result: 'unchanged' })
})

t.test('rule 8: since when targets are held stays the same, whatever happens meanwhile', async (t) => {
  const storage = t.testdir()
  const one = await refreshing(t, { storage })
  one.inventory.json(names(40))
  await one.refresh()
  one.inventory.json(names(4))
  await one.refresh()
  const since = new Date(one.held()[0]?.since.wallMs ?? 0).toISOString()
  const sinceOf = ([held]: readonly HeldTargets[]) => new Date(held?.since.wallMs ?? 0).toISOString()
  t.equal(since, new Date(one.clock.now()).toISOString())
  one.inventory.json(names(3))
  await one.refresh()
  t.match(one.held(), [{ targets: 37, reason: 'too_many' }])
  t.equal(sinceOf(one.held()), since, 'more are held')
  await one.refresh()
  t.equal(sinceOf(one.held()), since, 'the same once more')
  await one.stop()

  for (const selection of ['all', 'other']) {
    // The machine was off for an hour, and its monotonic clock begins anew.
    const clock = manualClock(one.clock.now() + 3_600_000)
    const next = await refreshing(t, { storage, clock, selection })
    next.inventory.json(names(3))
    await next.restore()
    await next.refresh()
    t.match(next.held(), [{ targets: 37, reason: selection === 'all' ? 'too_many' : 'configuration' }])
    t.equal(sinceOf(next.held()), since, `after a restart that selects ${selection}`)
    next.inventory.json(names(2))
    await next.refresh()
    t.equal(sinceOf(next.held()), since)
    await next.stop()
  }
})
