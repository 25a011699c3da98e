import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createDiskCopy, type Kept } from '../../src/snapshot/disk.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { freeze } from '../../src/snapshot/snapshot.ts'
import type { Source } from '../../src/sources/source.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { names, refreshing } from '../helpers/refreshing.ts'
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

t.test('targets that join and leave are counted', async (t) => {
  const { refresh, inventory, metric } = await refreshing(t)
  await refresh()
  inventory.json(names(3, 1))
  t.equal((await refresh()).result, 'changed')
  t.equal(await metric('targets_added_total'), 4)
  t.equal(await metric('targets_removed_total'), 1)
})

t.test('8: while the inventory fails, the last good list stays and the log says so once', async (t) => {
  const { refresh, served, inventory, metric, messages, status, clock } = await refreshing(t)
  await refresh()
  const before = served()
  const lastSuccess = status()?.lastSuccess
  await inventory.stop()
  clock.advance(30_000)
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

t.test('11: an inventory that says nothing is given up at the deadline', async (t) => {
  const { refresh, inventory, clock } = await refreshing(t)
  const asked = new Promise<void>((resolve) => inventory.handle(() => resolve()))
  const refreshed = refresh()
  await asked
  clock.advance(5_000)
  t.match(await refreshed, {
    error: {
      reason: 'timeout',
      message: /no whole answer within 5s; if the inventory needs longer, raise timeout/,
    },
  })
  t.same(clock.pending(), [])
})

t.test('26: an inventory that turns empty is held until it was confirmed', async (t) => {
  const { refresh, served, inventory, metric, messages, status } = await refreshing(t)
  await refresh()
  inventory.json([])
  t.match(await refresh(), { result: 'held', targets: 3 })
  t.match(status()?.held, { targets: 0, seen: 1, needed: 3 })
  t.equal(await metric('guard_holding'), 1)
  t.equal((await refresh()).result, 'held')
  t.equal(served()?.targets, 3)
  t.match(await refresh(), { result: 'changed', targets: 0 })
  t.equal(served()?.body.toString(), '[]')
  t.equal(await metric('guard_holding'), 0)
  t.equal(status()?.held, undefined)
  t.equal(
    messages().filter((message) => message === 'list held back: it drops too many targets').length,
    1,
    'told once',
  )
})

t.test('26: a burst of webhooks confirms nothing that one refresh has not seen', async (t) => {
  const { refresh, refreshAtOnce, served, inventory } = await refreshing(t)
  await refresh()
  inventory.json([])
  for (let webhook = 0; webhook < 10; webhook++) t.equal((await refreshAtOnce()).result, 'held')
  t.equal(served()?.targets, 3)
  t.equal((await refresh()).result, 'held')
  inventory.json(names(4))
  t.equal((await refreshAtOnce()).result, 'changed', 'a list without a drop gets through at any time')
})

t.test('25: while a list is held, what is served gets older and counts as stale', async (t) => {
  const { refresh, inventory, status, metric } = await refreshing(t)
  await refresh()
  const { lastSuccess } = status() ?? {}
  inventory.json([])
  await refresh()
  t.same(status()?.lastSuccess, lastSuccess)
  t.equal(await metric('stale'), 1)
  t.equal(await metric('last_success_timestamp_seconds'), (lastSuccess?.wallMs ?? 0) / 1000)
})

t.test('26: a failed refresh in between ends the row of confirmations', async (t) => {
  const { refresh, served, inventory, metric, status } = await refreshing(t)
  await refresh()
  for (let round = 0; round < 4; round++) {
    inventory.json([])
    t.equal((await refresh()).result, 'held')
    t.equal((await refresh()).result, 'held')
    t.equal(await metric('guard_holding'), 1)
    inventory.handle((_request, response) => response.writeHead(500).end())
    t.equal((await refresh()).result, 'failed')
    t.equal(await metric('guard_holding'), 0, 'nothing is held any more')
    t.equal(status()?.held, undefined)
  }
  t.equal(served()?.targets, 3)
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

t.test('25: a drop beyond the threshold is held, and cleared when the list comes back', async (t) => {
  const { refresh, served, inventory, metric, messages } = await refreshing(t)
  inventory.json(names(20))
  await refresh()
  inventory.json(names(5))
  t.equal((await refresh()).result, 'held')
  t.equal((await refresh()).result, 'held')
  inventory.json(names(20))
  t.equal((await refresh()).result, 'unchanged')
  t.equal(await metric('guard_holding'), 0)
  inventory.json(names(5))
  t.equal((await refresh()).result, 'held', 'the count starts anew')
  t.equal(served()?.targets, 20)
  t.ok(messages().includes('list no longer held back'))
})

t.test('a first list that is empty is not served before it was confirmed', async (t) => {
  const { refresh, served, inventory } = await refreshing(t)
  inventory.json([])
  t.equal((await refresh()).result, 'held')
  t.equal((await refresh()).result, 'held')
  t.equal(served(), undefined)
  t.equal((await refresh()).result, 'changed')
  t.equal(served()?.body.toString(), '[]')
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

t.test('a held list is not written to the file', async (t) => {
  const file = join(t.testdir(), 'targets.json')
  const { refresh, inventory } = await refreshing(t, { file })
  await refresh()
  const before = readFileSync(file)
  inventory.json([])
  await refresh()
  t.same(readFileSync(file), before)
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
    error: { reason: 'internal', message: /before it ever gave a list/ },
  })
  changed = true
  await refresh()
  changed = false
  t.match(await refresh(), { result: 'unchanged', targets: 1 })
})

t.test('11: a read that never settles is given up at the deadline all the same', async (t) => {
  const source: Source = { read: () => new Promise(() => {}), close: async () => {} }
  const { refresh, clock, stop } = await refreshing(t, { source })
  const refreshed = refresh()
  clock.advance(5_000)
  t.match(await refreshed, { result: 'failed', error: { reason: 'timeout' } })
  const stopped = refresh()
  stop.abort()
  t.equal((await stopped).result, 'failed')
  t.equal((await refresh()).result, 'failed', 'and after the stop nothing is read')
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
  const { refresh, inventory, stop, messages } = await refreshing(t)
  const asked = new Promise<void>((resolve) => inventory.handle(() => resolve()))
  const refreshed = refresh()
  await asked
  stop.abort()
  t.equal((await refreshed).result, 'failed')
  t.same(messages(), [])
})

/** The list that an earlier process kept, an hour before the clock of these tests begins. */
async function keptList(hosts: string[]): Promise<Kept> {
  const hourAgo = Date.UTC(2026, 0, 1) - 3_600_000
  const groups = [{ targets: hosts, labels: [['__meta_rollcall_source', 'sensors']] as const }]
  return {
    snapshot: await freeze(encodeGroups(groups), { groups: 1, targets: hosts.length }, hourAgo - 60_000),
    lastSuccessMs: hourAgo,
  }
}

t.test(
  '34: a kept list is served at once, marked stale, with its true age, until a refresh succeeds',
  async (t) => {
    const kept = await keptList(['sensor_0:9100', 'sensor_1:9100', 'sensor_2:9100'])
    const { restore, refresh, served, status, metric, clock, inventory, messages } = await refreshing(t, {
      load: async () => kept,
    })
    await restore()
    t.equal(served(), kept.snapshot)
    t.match(status(), { restored: true, lastSuccess: { wallMs: kept.lastSuccessMs } })
    t.equal(clock.monotonic() - (status()?.lastSuccess?.monotonicMs ?? 0), 3_600_000)
    t.equal(await metric('stale'), 1)
    t.equal(await metric('targets'), 3)
    t.equal(await metric('last_success_timestamp_seconds'), kept.lastSuccessMs / 1000)
    await inventory.stop()
    t.match(await refresh(), { result: 'failed', targets: 3 })
    t.ok(status()?.restored)
    await inventory.restart()
    t.match(await refresh(), { result: 'unchanged', targets: 3 })
    t.match(status(), { restored: false })
    t.equal(served(), kept.snapshot, 'the same list is the same snapshot')
    t.equal(await metric('stale'), 0)
    t.equal(messages()[0], 'serving the list that was kept on disk until a refresh succeeds')
  },
)

t.test('28: a kept list gets no younger by restarts while the inventory is down', async (t) => {
  const copy = createDiskCopy(t.testdir(), 'sensors', 'here')
  const kept = await keptList(['a:1'])
  await copy.save(kept.snapshot, kept.lastSuccessMs)
  for (let start = 0; start < 3; start++) {
    const { restore, refresh, inventory, status } = await refreshing(t, {
      outputs: [{ kind: 'storage', path: 'data', write: copy.save, confirm: copy.confirm }],
      load: copy.load,
    })
    await inventory.stop()
    await restore()
    t.equal((await refresh()).result, 'failed')
    t.equal(status()?.lastSuccess?.wallMs, kept.lastSuccessMs)
    t.equal((await copy.load())?.lastSuccessMs, kept.lastSuccessMs)
  }
})

t.test('28: a kept list from the future, by a clock that went back, is not younger than new', async (t) => {
  const kept = await keptList(['a:1'])
  const future = { ...kept, lastSuccessMs: Date.UTC(2027, 0, 1) }
  const { restore, status, clock } = await refreshing(t, { load: async () => future })
  await restore()
  t.same(status()?.lastSuccess, { wallMs: clock.now(), monotonicMs: clock.monotonic() })
})

t.test('25: the guard compares with the list that was kept', async (t) => {
  const kept = await keptList(Array.from({ length: 20 }, (_, index) => `old_${index}:9100`))
  const { restore, refresh, served } = await refreshing(t, { load: async () => kept })
  await restore()
  t.equal((await refresh()).result, 'held')
  t.equal(served(), kept.snapshot)
})

t.test('32: a kept list that cannot be used is told and left alone', async (t) => {
  const { restore, refresh, served, messages } = await refreshing(t, {
    load: () => Promise.reject(new Error('its digest differs')),
  })
  await restore()
  t.equal(served(), undefined)
  t.same(messages(), ['the list that was kept on disk is not used'])
  t.equal((await refresh()).result, 'changed')
})

t.test('nothing kept, nothing said', async (t) => {
  const { restore, served, messages } = await refreshing(t, { load: async () => undefined })
  await restore()
  t.equal(served(), undefined)
  t.same(messages(), [])
})

t.test('the kept list is replaced when it changes, and confirmed when it does not', async (t) => {
  const copy = createDiskCopy(t.testdir(), 'sensors', 'here')
  const { refresh, served, clock } = await refreshing(t, {
    outputs: [{ kind: 'storage', path: 'data', write: copy.save, confirm: copy.confirm }],
  })
  await refresh()
  clock.advance(60_000)
  await refresh()
  t.match(await copy.load(), { snapshot: { digest: served()?.digest }, lastSuccessMs: clock.now() })
})

t.test(
  '33: files that somebody removes are written again at the next refresh, and that is told',
  async (t) => {
    const folder = t.testdir()
    const file = join(folder, 'targets.json')
    const storage = join(folder, 'data')
    const copy = createDiskCopy(storage, 'sensors', 'here')
    const { refresh, served, messages, metric } = await refreshing(t, {
      file,
      outputs: [{ kind: 'storage', path: 'data', write: copy.save, confirm: copy.confirm }],
    })
    await refresh()
    const told = () =>
      messages().filter((message) => message === 'file was not as it was left; written again')
    for (const [round, times] of [2, 2, 4].entries()) {
      rmSync(file)
      rmSync(storage, { recursive: true })
      t.equal((await refresh()).result, 'unchanged')
      t.same(readFileSync(file), served()?.body)
      t.equal((await copy.load())?.snapshot.digest, served()?.digest)
      t.equal(told().length, times, 'once for each file, however often in a row')
      if (round === 1) await refresh()
    }
    t.equal(await metric('write_failures_total', { file: 'storage' }), 0)
  },
)

t.test('33: a file that somebody edited is written again, even if it is as long as before', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'targets.json')
  const storage = join(folder, 'data')
  const copy = createDiskCopy(storage, 'sensors', 'here')
  const { refresh, served, messages } = await refreshing(t, {
    file,
    outputs: [{ kind: 'storage', path: storage, write: copy.save, confirm: copy.confirm }],
  })
  await refresh()
  const kept = join(storage, `sensors.${served()?.digest.slice(0, 16)}.json`)
  for (const path of [file, kept]) {
    writeFileSync(path, readFileSync(path, 'utf8').replace('sensor_0', 'another0'))
    t.equal((await refresh()).result, 'unchanged')
    t.same(readFileSync(path), served()?.body)
  }
  t.equal(messages().filter((message) => message === 'file was not as it was left; written again').length, 2)
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

t.test('33: a disk that hangs holds up neither refreshing nor the start', async (t) => {
  let writes = 0
  let finish = () => {}
  const confirm = async () => false
  const write = () => {
    writes++
    return new Promise<void>((resolve) => {
      finish = resolve
    })
  }
  const { restore, refresh, served, clock, messages, metric } = await refreshing(t, {
    outputs: [{ kind: 'storage', path: 'data', write, confirm }],
    load: () => new Promise(() => {}),
  })
  const restoring = restore()
  clock.advance(10_000)
  await restoring
  t.same(messages(), ['the list that was kept on disk is not used'])
  const first = refresh()
  await until('it is being written', () => writes === 1)
  clock.advance(10_000)
  t.equal((await first).result, 'changed')
  t.equal(await metric('write_failures_total', { file: 'storage' }), 1)
  t.equal((await refresh()).result, 'unchanged', 'while the write hangs')
  t.equal(writes, 1, 'and no other is begun')
  t.equal(served()?.targets, 3)
  finish()
  const again = refresh()
  await until('it is written again', () => writes === 2)
  finish()
  await again
  t.equal(messages().at(-1), 'file written again')
})
