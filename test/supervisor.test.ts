import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Clock, systemClock } from '../src/base/clock.ts'
import type { Files } from '../src/base/files.ts'
import { createMetrics } from '../src/base/metrics.ts'
import { createThreads, type Threads } from '../src/base/threads.ts'
import { readArguments } from '../src/config/arguments.ts'
import { loadSettings } from '../src/config/load.ts'
import { createHistory } from '../src/history/history.ts'
import { createStore, type HeldTargets } from '../src/snapshot/store.ts'
import { createSource } from '../src/sources/kinds.ts'
import { createSupervisor, type SupervisorDeps } from '../src/supervisor.ts'
import { readHalf } from './helpers/app.ts'
import { seriesValue } from './helpers/exposition.ts'
import { diskFiles } from './helpers/files.ts'
import { inventoryServer } from './helpers/inventory-server.ts'
import { recordingLog } from './helpers/log.ts'
import { memoryFiles } from './helpers/memory-files.ts'
import { addressesIn, names } from './helpers/refreshing.ts'
import { until } from './helpers/until.ts'

/** What a source of the configuration file says, beside its name. */
type Keys = Record<string, unknown>

/** A history in memory. */
function inMemory(t: Test) {
  const threads = createThreads()
  t.teardown(() => threads.close())
  const { log } = recordingLog()
  return createHistory(
    { storagePath: undefined, maxAgeMs: 86_400_000, maxBytes: 2 ** 20 },
    { files: diskFiles, clock: systemClock, threads, metrics: createMetrics('test').history, log },
  )
}

/** A supervisor at work; its sources read on demand only. */
async function supervised(
  t: Test,
  storagePath?: string,
  files: Files = diskFiles,
  threads = createThreads(),
  make = createSource,
  seedUrl?: URL,
  clock: Clock = systemClock,
  history?: SupervisorDeps['history'],
) {
  // A folder of its own: that of the test may be the storage of several.
  const folder = mkdtempSync(join(tmpdir(), 'supervisor-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'rollcall.yml')
  const metrics = createMetrics('test')
  const store = createStore()
  const { log, messages } = recordingLog()
  const supervisor = createSupervisor({
    store,
    clock,
    metrics,
    log,
    threads,
    streams: threads,
    files,
    createSource: make,
    random: () => 0.5,
    storagePath,
    seedUrl,
    history,
  })
  t.teardown(async () => {
    await supervisor.stop()
    await threads.close()
  })

  async function settings(sources: Record<string, Keys>, global: Keys = {}) {
    const list = Object.entries(sources).map(([name, keys]) => ({ name, refresh_interval: '1h', ...keys }))
    writeFileSync(path, JSON.stringify({ global, sources: list }))
    return loadSettings(readArguments([`--config.file=${path}`]), {}, diskFiles, 'configured')
  }

  return {
    supervisor,
    store,
    path,
    messages,
    settings,
    /** Makes these the sources. */
    async apply(sources: Record<string, Keys>, global: Keys = {}) {
      const loaded = await settings(sources, global)
      return supervisor.apply(loaded.sources, loaded.guard)
    },
    /** The addresses that are served by all. */
    served: () => addressesIn(store.combined().snapshot?.plain.map(String).join('')),
    held: () => store.removed().held,
    /** Reads everything; whether that proves what removed sources have that no other has. */
    isRead: async () =>
      (await supervisor.refresh()).length > 0 && store.removed().held[0]?.reason === 'removed',
    metric: async (name: string, labels = {}) =>
      seriesValue(await metrics.registry.metrics(), `rollcall_${name}`, labels),
  }
}

const at = ({ url }: { url: URL }, more: Keys = {}): Keys => ({ http: { url: url.href }, ...more })

t.test('one source that cannot be made spoils nothing: the others are done when that is told', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { supervisor, settings } = await supervised(t)
  const { sources } = await settings({ sensors: at(inventory), wrong: at(inventory) })
  const [sensors, good] = sources as [(typeof sources)[number], (typeof sources)[number]]
  await supervisor.apply([sensors])
  supervisor.start()
  const wrong = { ...good, plan: { ...good.plan, records: '[' } }
  const changed = { ...sensors, fingerprint: 'other' }
  await t.rejects(supervisor.apply([wrong, changed]), /is not a JMESPath expression/)
  t.match(await supervisor.refresh('sensors'), [{ source: 'sensors', targets: 1 }])
  t.same(await supervisor.apply([changed, good]), { added: ['wrong'], changed: [], removed: [] })
})

t.test('who asks for a refresh while a source is changed gets it from the new one', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { supervisor, apply, metric } = await supervised(t)
  await apply({ sensors: at(inventory) })
  supervisor.start()
  await supervisor.refresh()
  const applied = apply({ sensors: at(inventory, { timeout: '6s' }) })
  const [outcome] = await supervisor.refresh('sensors')
  t.equal(outcome?.error, undefined)
  t.match(await applied, { changed: ['sensors'] })
  t.equal(await metric('source_refreshes_total', { source: 'sensors', result: 'failed' }), 0)
})

t.test('who asks for a refresh while a source goes gets none, and that of the others', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { supervisor, settings, apply, metric } = await supervised(t)
  await apply({ goes: at(inventory), stays: at(inventory) })
  supervisor.start()
  await supervisor.refresh()
  const { sources } = await settings({ stays: at(inventory) })
  const applied = supervisor.apply(sources)
  t.match(await supervisor.refresh(), [{ source: 'stays', result: 'unchanged' }])
  t.same(await supervisor.refresh('goes'), [])
  t.match(await applied, { removed: ['goes'] })
  t.same(await supervisor.accept('0'.repeat(64), 'goes'), [], 'nor is anything of it held')
  t.equal(await metric('source_refreshes_total', { source: 'stays', result: 'failed' }), 0)
  t.equal(await metric('source_targets', { source: 'goes' }), undefined, '38: its series are gone')
})

t.test('63, 64: what a source served that is renamed stays until the new one was read', async (t) => {
  const inventory = await inventoryServer(t, names(20))
  const { supervisor, store, apply, served, held, metric } = await supervised(t)
  await apply({ before: at(inventory) })
  supervisor.start()
  await supervisor.refresh()
  await inventory.stop()
  await apply({ after: at(inventory) })
  t.equal(served().length, 20)
  t.equal(store.get('before'), undefined)
  t.equal(store.get('after')?.snapshot, undefined, 'the heir has its own list only')
  t.match(held(), [{ reason: 'replaced', targets: 20, until: undefined }])
  t.equal(await metric('guard_holding'), 1)
  t.match(await supervisor.refresh(), [{ source: 'after', result: 'failed' }])
  t.equal(served().length, 20)
  await inventory.restart()
  await supervisor.refresh()
  await until('the old list has left', () => held().length === 0)
  t.equal(served().length, 20)
  t.match(store.removed().snapshots, [])
  t.equal(await metric('guard_holding'), 0)
})

t.test('63: a configuration cut in half: nothing leaves without an operator', async (t) => {
  const [one, other] = [await inventoryServer(t, names(9)), await inventoryServer(t, names(20, 100))]
  const storage = t.testdir()
  const { supervisor, apply, served, held, store } = await supervised(t, storage)
  await apply({ one: at(one), other: at(other) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ one: at(one) })
  t.equal(store.get('other'), undefined)
  t.equal(served().length, 29)
  t.match(held(), [{ reason: 'removed', targets: 20, until: undefined, sources: ['other'] }])
  await supervisor.refresh()
  t.equal(served().length, 29)
  t.same(await supervisor.accept('0'.repeat(64)), [])
  t.ok(readdirSync(storage).includes('other.snapshot'))

  // The process dies; what is held is held by the next one too.
  const next = await supervised(t, storage)
  await next.apply({ one: at(one) })
  t.equal(next.served().length, 29)
  next.supervisor.start()
  await until('it was read twice', () => next.isRead())
  const digest = next.held()[0]?.digest as string
  t.equal(digest, held()[0]?.digest)
  t.match(await next.supervisor.accept(digest), [{ result: 'changed' }])
  t.equal(next.served().length, 9)
  t.notOk(readdirSync(storage).includes('other.snapshot'))
})

t.test('63: a source that is taken out and put back goes on as if nothing had been', async (t) => {
  const [one, other] = [await inventoryServer(t, names(9)), await inventoryServer(t, names(20, 100))]
  const third = await inventoryServer(t, names(20, 200))
  const { supervisor, apply, served, held, store } = await supervised(t, t.testdir())
  await apply({ one: at(one), other: at(other), third: at(third) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ one: at(one) })
  t.match(held(), [{ targets: 40, sources: ['other', 'third'] }])
  await other.stop()
  await apply({ one: at(one), other: at(other) })
  t.equal(store.get('other')?.snapshot?.targets, 20)
  t.equal(served().length, 49)
  t.match(held(), [{ targets: 20, sources: ['third'] }])
  await apply({ one: at(one), other: at(other), third: at(third) })
  t.equal(served().length, 49)
  t.same(held(), [])
})

t.test('38: a few targets of a source that is removed leave at once, with its files', async (t) => {
  const [one, other] = [await inventoryServer(t, names(3)), await inventoryServer(t, names(20, 100))]
  const storage = t.testdir({ shared: {} })
  const file = join(storage, 'shared', 'one.json')
  const { supervisor, apply, served, held, messages } = await supervised(t, storage)
  await apply({ one: at(one, { file_sd: file }), other: at(other) })
  supervisor.start()
  await supervisor.refresh()
  t.ok(existsSync(file))
  await apply({ other: at(other) })
  t.equal(served().length, 20)
  t.same(held(), [])
  t.notOk(existsSync(file), '72: the file_sd file too')
  t.same(
    readdirSync(storage).filter((name) => name.startsWith('one')),
    [],
  )
  t.ok(messages().includes('removed source left'))
})

t.test('72: a file_sd file that is not ours any more stays; a link is followed', async (t) => {
  const [one, other] = [await inventoryServer(t, names(3)), await inventoryServer(t, names(20, 100))]
  const folder = t.testdir({ real: {} })
  const [file, link] = [join(folder, 'one.json'), join(folder, 'link.json')]
  writeFileSync(join(folder, 'real', 'list.json'), '[]')
  symlinkSync(join(folder, 'real', 'list.json'), link)
  const { supervisor, apply, served } = await supervised(t, join(folder, 'data'))
  await apply({ one: at(one, { file_sd: file }), other: at(other, { file_sd: link }) })
  supervisor.start()
  await supervisor.refresh()
  t.ok(lstatSync(link).isSymbolicLink())
  t.equal(addressesIn(readFileSync(join(folder, 'real', 'list.json'))).length, 20)
  writeFileSync(file, '[]')
  await apply({ other: at(other, { file_sd: link }) })
  t.equal(served().length, 20)
  t.equal(readFileSync(file, 'utf8'), '[]')
  const moved = join(folder, 'moved.json')
  await apply({ other: at(other, { file_sd: moved }) })
  await supervisor.refresh()
  t.ok(existsSync(moved))
  t.notOk(existsSync(join(folder, 'real', 'list.json')), 'what a reload renames is taken away')
})

t.test('63: a replaced source whose file is missing: nothing leaves', async (t) => {
  const inventory = await inventoryServer(t, names(20))
  const { supervisor, apply, served, held } = await supervised(t)
  await apply({ before: at(inventory) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ after: { file: { files: ['missing.json'] } } })
  for (let time = 0; time < 3; time++) t.match(await supervisor.refresh(), [{ result: 'failed' }])
  t.equal(served().length, 20)
  t.match(held(), [{ reason: 'replaced' }])
  t.match(await supervisor.accept(held()[0]?.digest as string), [{ result: 'changed', targets: 0 }])
  t.same(served(), [])
})

t.test('63: a reload with a filter that selects nothing, and a rule that drops everything', async (t) => {
  const records = names(20).map((host) => ({ host, status: 'active' }))
  for (const [name, keys, reason] of [
    ['filter', { records: "[?status == 'Active']" }, 'idle_records'],
    ['rule', { relabel_configs: [{ action: 'drop', regex: '.*' }] }, 'idle_records'],
    ['url', { http: undefined }, 'configuration'],
  ] as const) {
    const [inventory, empty] = [await inventoryServer(t, records), await inventoryServer(t, [])]
    const { supervisor, apply, store, served } = await supervised(t)
    await apply({ sensors: at(inventory) })
    supervisor.start()
    await supervisor.refresh()
    const changed = name === 'url' ? at(empty) : at(inventory, keys)
    await apply({ sensors: changed })
    for (let time = 0; time < 3; time++) t.match(await supervisor.refresh(), [{ result: 'held' }], name)
    t.equal(served().length, 20)
    const [held] = store.get('sensors')?.status.held ?? []
    t.match(held, { reason, targets: 20, until: undefined }, name)
    t.match(await supervisor.accept(held?.digest as string), [{ source: 'sensors', result: 'changed' }])
    t.same(served(), [])
  }
})

t.test('the word for removed sources can stand in the configuration', async (t) => {
  const [one, other] = [await inventoryServer(t, names(9)), await inventoryServer(t, names(20, 100))]
  const { supervisor, apply, served, held } = await supervised(t)
  await apply({ one: at(one), other: at(other) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ one: at(one) })
  const accept = held()[0]?.digest
  await apply({ one: at(one) }, { guard: { accept } })
  await until('they have left', () => held().length === 0)
  t.equal(served().length, 9)
  t.equal(supervisor.guard().accept, accept)
})

t.test('rule 5: many small sources that all lose most of their targets are one large drop', async (t) => {
  const inventories = await Promise.all(
    Array.from({ length: 10 }, (_, index) => inventoryServer(t, names(8, index * 100))),
  )
  const { supervisor, apply, served, store } = await supervised(t)
  await apply(Object.fromEntries(inventories.map((one, index) => [`s${index}`, at(one)])))
  supervisor.start()
  await supervisor.refresh()
  t.equal(served().length, 80)
  for (const [index, one] of inventories.entries()) {
    one.json(names(1, index * 100))
    await supervisor.refresh(`s${index}`)
  }
  await new Promise((resolve) => setTimeout(resolve, 1_001))
  for (const index of inventories.keys()) await supervisor.refresh(`s${index}`)
  t.equal(served().length, 80 - 5 * 7, 'half of all may leave')
  const reasons = store.list().flatMap(({ status }) => status.held.map(({ reason }) => reason))
  t.same(reasons, Array(5).fill('too_many_of_all'))
})

t.test('rule 5: sources that lose targets at the same time see what the others lost', async (t) => {
  const inventories = await Promise.all(
    Array.from({ length: 20 }, (_, index) => inventoryServer(t, names(10, index * 100))),
  )
  const storage = t.testdir()
  const sources = Object.fromEntries(inventories.map((one, index) => [`s${index}`, at(one)]))
  const { supervisor, apply, served, store } = await supervised(t, storage)
  await apply(sources)
  supervisor.start()
  await supervisor.refresh()
  for (const [index, one] of inventories.entries()) one.json(names(1, index * 100))
  const isHeld = () => store.list().some(({ status }) => status.held.length > 0)
  await until('some are held', async () => (await supervisor.refresh()).length > 0 && isHeld())
  t.equal(served().length, 200 - 11 * 9, 'half of all may leave')
  await supervisor.stop()

  // Another process knows what was lost within the hour.
  const next = await supervised(t, storage)
  await next.apply(sources)
  next.supervisor.start()
  const isHeldAgain = () =>
    next.store.list().filter(({ status: { held } }) => held[0]?.reason === 'too_many_of_all').length === 9
  await until('the rest is held', async () => (await next.supervisor.refresh()).length > 0 && isHeldAgain())
  t.equal(next.served().length, 200 - 11 * 9)
})

t.test('rule 5: what is computed in threads at the same time is decided one after the other', async (t) => {
  const size = 40_000
  const inventories = [await inventoryServer(t, names(size)), await inventoryServer(t, names(size, size))]
  const { supervisor, apply, store } = await supervised(t)
  const [one, other] = inventories.map((inventory) => at(inventory, { guard: { max_drop: '95%' } }))
  await apply({ one: one as Keys, other: other as Keys })
  supervisor.start()
  await supervisor.refresh()
  for (const [index, inventory] of inventories.entries()) inventory.json(names(size / 4, index * size))
  const isHeld = () => store.list().some(({ status }) => status.held[0]?.reason === 'too_many_of_all')
  const isOver = () => store.list().some(({ snapshot }) => snapshot?.targets === size / 4) && isHeld()
  await until('one is held', async () => (await supervisor.refresh()).length > 0 && isOver())
  const sizes = store.list().map(({ snapshot }) => snapshot?.targets ?? 0)
  t.same(sizes.sort(), [size / 4, size], 'three eighths of all may leave, and no more than half')
})

t.test('rule 5: a restart remembers what left with removed sources', async (t) => {
  const [a, b, c] = [
    await inventoryServer(t, names(30)),
    await inventoryServer(t, names(10, 100)),
    await inventoryServer(t, names(20, 200)),
  ]
  const storage = t.testdir()
  const first = await supervised(t, storage)
  await first.apply({ a: at(a), b: at(b), c: at(c) })
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.apply({ b: at(b), c: at(c) })
  t.equal(first.served().length, 30, 'half of all may leave')
  await first.apply({ c: at(c) })
  t.match(first.held(), [{ reason: 'removed', targets: 10 }])
  await until('what left is kept', () =>
    readFileSync(join(storage, '.fleet.json'), 'utf8').includes('"count":30'),
  )
  await first.supervisor.stop()
  const next = await supervised(t, storage)
  await next.apply({ c: at(c) })
  next.supervisor.start()
  await until('it was read twice', () => next.isRead())
  t.equal(next.served().length, 30)
  await next.supervisor.stop()

  writeFileSync(join(storage, '.fleet.json'), '{"format":1}')
  const last = await supervised(t, storage)
  await last.apply({ c: at(c) })
  t.ok(last.messages().includes('the stored state is not used'))
})

t.test('33: what sources lost is told when it cannot be kept', async (t) => {
  const [one, other] = [await inventoryServer(t, names(3)), await inventoryServer(t, names(20, 100))]
  const full = async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  }
  const { supervisor, apply, messages } = await supervised(t, t.testdir(), { ...diskFiles, write: full })
  await apply({ one: at(one), other: at(other) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ other: at(other) })
  await until('it is told', () => messages().includes('file not written'))
})

t.test('63: an heir has to be read as a target has to be missed: twice, and readable', async (t) => {
  const [stays, before] = [await inventoryServer(t, names(60)), await inventoryServer(t, names(40, 100))]
  const records = (count: number, unreadable: number) =>
    names(40, 100).map((host, id) => ({
      id,
      host: id < count ? host : id < count + unreadable ? {} : undefined,
    }))
  for (const [what, answer] of [
    ['empty', []],
    ['half', names(20, 100)],
    ['unreadable', records(20, 20)],
  ] as const) {
    const heir = await inventoryServer(t, answer)
    const { supervisor, apply, served, held } = await supervised(t)
    await apply({ stays: at(stays), before: at(before) })
    supervisor.start()
    await supervisor.refresh()
    await apply({ stays: at(stays), heir: at(heir) })
    await supervisor.refresh()
    await until(`100 are served: ${what}`, () => served().length === 100)
    t.match(held(), [{ reason: 'replaced' }], what)
    if (what !== 'half') continue
    const isGone = async () => (await supervisor.refresh()).length > 0 && held().length === 0
    await until('the rest has left', isGone)
    t.equal(served().length, 80)
  }
})

t.test('63: records of an heir that cannot be read may be what is missing', async (t) => {
  const [stays, before] = [await inventoryServer(t, names(60)), await inventoryServer(t, names(40, 100))]
  const heir = await inventoryServer(
    t,
    names(40, 100).map((host, id) => ({ id, host: id < 30 ? host : {} })),
  )
  const { supervisor, apply, served, held } = await supervised(t)
  await apply({ stays: at(stays), before: at(before) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ stays: at(stays), heir: at(heir) })
  const isTold = async () =>
    (await supervisor.refresh()).length > 0 && held()[0]?.reason === 'unreadable_records'
  await until('it is told', isTold)
  t.equal(served().length, 100)
})

t.test(
  '63: what an heir has had of a removed source is its own from then on, and ages with it',
  async (t) => {
    const [before, never] = [await inventoryServer(t, names(100)), await inventoryServer(t, names(1, 500))]
    await never.stop()
    const { supervisor, apply, served, held, store } = await supervised(t)
    await apply({ before: at(before) })
    supervisor.start()
    await supervisor.refresh()
    const oldest = () => {
      const all = store.combined()
      return all.snapshot && all.oldestSuccessMs
    }
    const readMs = oldest()
    before.json(names(99))
    await before.stop()
    await apply({ heir: at(before), never: at(never, { required: false }) })
    t.ok(readMs)
    t.equal(oldest(), readMs, 'what is served is as old as it was')
    await before.restart()
    await supervisor.refresh()
    await until('one is left', () => held()[0]?.targets === 1)
    before.json(names(98))
    await until('one more has left', async () => {
      await supervisor.refresh('heir')
      return store.get('heir')?.snapshot?.targets === 98
    })
    await until('no more is left than was', () => served().length === 99)
    t.match(held(), [{ reason: 'replaced', targets: 1 }])
  },
)

t.test('63: a source that is put back is as old as it was, and has its metrics', async (t) => {
  const [one, other] = [await inventoryServer(t, names(20)), await inventoryServer(t, names(9, 100))]
  const { supervisor, apply, store, metric } = await supervised(t)
  await apply({ one: at(one), other: at(other) })
  supervisor.start()
  await supervisor.refresh()
  const readAt = store.get('one')?.status.lastSuccess
  await one.stop()
  await apply({ other: at(other) })
  await apply({ one: at(one), other: at(other) })
  t.match(store.get('one'), { status: { lastSuccess: readAt, restored: true }, snapshot: { targets: 20 } })
  t.equal(await metric('source_targets', { source: 'one' }), 20)
  t.equal(
    await metric('source_last_success_timestamp_seconds', { source: 'one' }),
    (readAt?.wallMs ?? 0) / 1000,
  )
})

t.test('63: a source that is put back is served for as long as its list may be old', async (t) => {
  const inventory = await inventoryServer(t, names(20))
  // The process has been up for longer than a list may be old.
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + 3_600_000 }
  const { supervisor, apply, store, served } = await supervised(
    t,
    undefined,
    diskFiles,
    createThreads(),
    createSource,
    undefined,
    clock,
  )
  const other = at(await inventoryServer(t, ['other']))
  const sources = { one: at(inventory, { max_staleness: '30m', refresh_interval: '5m' }), other }
  await apply(sources)
  supervisor.start()
  await supervisor.refresh()
  await inventory.stop()
  await apply({ other })
  await apply(sources)
  t.equal(served().length, 21)
  const { expiresMs = 0 } = store.combined() as { expiresMs?: number }
  t.ok(expiresMs > clock.monotonic(), 'and by all together')
})

t.test('since when targets are held stays the same when their source is changed or put back', async (t) => {
  const inventory = await inventoryServer(t, names(40))
  const other = at(await inventoryServer(t, ['other']))
  const { supervisor, apply, store } = await supervised(t)
  await apply({ one: at(inventory), other })
  supervisor.start()
  await supervisor.refresh()
  inventory.json(names(4))
  await supervisor.refresh()
  const held = () => store.get('one')?.status.held ?? []
  t.match(held(), [{ targets: 36, reason: 'too_many' }])
  const { since, digest } = held()[0] as HeldTargets
  await apply({ one: at(inventory, { timeout: '6s' }), other })
  await supervisor.refresh()
  t.match(held(), [{ since: { monotonicMs: since.monotonicMs }, reason: 'too_many' }])
  await apply({ one: at(inventory, { records: '[?@]' }), other })
  await supervisor.refresh()
  t.match(held(), [{ since: { monotonicMs: since.monotonicMs }, reason: 'configuration' }])
  await apply({ other })
  await apply({ one: at(inventory), other })
  t.match(held(), [{ since: { monotonicMs: since.monotonicMs }, digest }], 'before it is read again')
  await supervisor.refresh()
  t.match(held(), [{ since: { monotonicMs: since.monotonicMs }, digest }])
})

t.test('63: what a source read before it was changed proves nothing of what it reads now', async (t) => {
  const [gone, other, third] = [
    await inventoryServer(t, names(3)),
    await inventoryServer(t, names(20, 100)),
    await inventoryServer(t, names(20, 200)),
  ]
  let release = () => {}
  const closed = new Promise<void>((resolve) => {
    release = resolve
  })
  const slow: typeof createSource = (settings, ...rest) => {
    const source = createSource(settings, ...rest)
    const isOther = settings.kind === 'http' && settings.url.href === other.url.href
    return isOther ? { ...source, close: () => closed.then(source.close) } : source
  }
  const { supervisor, apply, store, served } = await supervised(t, undefined, diskFiles, undefined, slow)
  t.teardown(release)
  await apply({ gone: at(gone), other: at(other), third: at(third) })
  supervisor.start()
  const sinceMs = performance.now()
  await until('two readings, more than a second apart, lacked what others have', async () => {
    await supervisor.refresh()
    return performance.now() - sinceMs > 1_100
  })
  const applied = apply({ other: at(other, { timeout: '6s' }), third: at(third) })
  await until('it was taken out', () => store.get('gone') === undefined)
  for (let reading = 0; reading < 3; reading++) await supervisor.refresh('third')
  t.equal(served().length, 43)
  release()
  await applied
  t.equal(served().length, 43)
  await until('other was read twice', async () => {
    await supervisor.refresh('other')
    return served().length === 40
  })
})

t.test('accept for removed sources in the configuration counts once', async (t) => {
  const [one, other] = [await inventoryServer(t, names(9)), await inventoryServer(t, names(20, 100))]
  const storage = t.testdir()
  const first = await supervised(t, storage)
  const both = { one: at(one), other: at(other) }
  await first.apply(both)
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.apply({ one: at(one) })
  const guard = { accept: first.held()[0]?.digest }
  await first.apply({ one: at(one) }, { guard })
  t.equal(first.served().length, 9)
  await first.apply(both, { guard })
  await first.supervisor.refresh()
  await first.apply({ one: at(one) }, { guard })
  t.match(first.held(), [{ digest: guard.accept, targets: 20 }])
  t.equal(first.served().length, 29)
})

t.test('a required source that a reload adds is waited for while there is no list of all', async (t) => {
  const [one, other] = [await inventoryServer(t, names(2)), await inventoryServer(t, names(2, 100))]
  await other.stop()
  const { supervisor, apply, store } = await supervised(t)
  await apply({ one: at(one), other: at(other) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ one: at(one), renamed: at(other) })
  t.match(store.combined(), { waitingFor: [{ name: 'renamed' }] })
  await apply({ one: at(one) })
  t.equal(store.combined().snapshot?.targets, 2)
  await apply({ one: at(one), later: at(other) })
  t.equal(store.combined().snapshot?.targets, 2, 'Prometheus cannot lose what it never had')
})

t.test('large lists of removed sources are compared in a thread', async (t) => {
  const [one, other] = [await inventoryServer(t, names(20_000)), await inventoryServer(t, names(20_000, 5))]
  const { supervisor, apply, served, held } = await supervised(t)
  await apply({ one: at(one) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ other: at(other) })
  await until(
    'the old list has left',
    async () => (await supervisor.refresh()).length > 0 && held().length === 0,
  )
  t.equal(new Set(served()).size, 20_000)
})

t.test('a source without a list leaves none behind', async (t) => {
  const inventory = await inventoryServer(t, ['a'])
  const { supervisor, store, apply } = await supervised(t)
  await inventory.stop()
  await apply({ before: at(inventory) })
  supervisor.start()
  await apply({ after: at(inventory) })
  t.match(store.list(), [{ name: 'after', required: true, snapshot: undefined }])
  t.same(store.removed().snapshots, [])
})

t.test('63: sources that are taken out or renamed while Rollcall is down are removed sources', async (t) => {
  const [one, other] = [await inventoryServer(t, names(9)), await inventoryServer(t, names(20, 100))]
  const storage = t.testdir()
  const first = await supervised(t, storage)
  await first.apply({ one: at(one), other: at(other) })
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.supervisor.stop()

  const second = await supervised(t, storage)
  await one.stop()
  await second.apply({ renamed: at(one) })
  t.match(second.store.combined(), { waitingFor: [{ name: 'renamed' }] })
  t.match(second.held(), [{ reason: 'replaced', targets: 29, sources: ['one', 'other'] }])
  second.supervisor.start()
  await one.restart()
  await second.supervisor.refresh()
  await until('the renamed one has its targets', () => second.held()[0]?.targets === 20)
  t.equal(second.served().length, 29)
  await second.supervisor.accept(second.held()[0]?.digest as string)
  t.equal(second.served().length, 9)
  t.same([...new Set(readdirSync(storage).map((name) => name.split('.')[0]))], ['renamed'])
})

t.test(
  '71: what a source had of another inventory before a restart is never its list, and stays',
  async (t) => {
    const [before, now] = [await inventoryServer(t, names(40)), await inventoryServer(t, names(2))]
    const storage = t.testdir()
    const first = await supervised(t, storage)
    await first.apply({ sensors: at(before) })
    first.supervisor.start()
    await first.supervisor.refresh()
    await first.supervisor.stop()

    await now.stop()
    for (const restart of ['first', 'second']) {
      const next = await supervised(t, storage)
      await next.apply({ sensors: at(now) })
      t.equal(next.store.get('sensors')?.snapshot, undefined, `${restart} restart`)
      t.match(next.held(), [{ reason: 'replaced', targets: 40, sources: ['sensors'] }])
      t.match(next.store.combined(), { waitingFor: [{ name: 'sensors' }] })
      await next.supervisor.stop()
    }

    await now.restart()
    for (const restart of ['third', 'fourth']) {
      const next = await supervised(t, storage)
      await next.apply({ sensors: at(now) })
      next.supervisor.start()
      await until('it was read twice', () => next.isRead())
      t.equal(next.served().length, 40, `${restart} restart`)
      t.equal(next.store.get('sensors')?.snapshot?.targets, 2)
      t.match(next.held(), [{ targets: 38, sources: ['sensors'] }])
      if (restart === 'fourth') {
        const digest = next.held()[0]?.digest as string
        t.match(await next.supervisor.accept(digest), [{ source: 'sensors', result: 'changed', targets: 0 }])
        t.equal(next.served().length, 2)
        t.same(
          readdirSync(storage).filter((name) => /^sensors\.[0-9a-f]{8}\./.test(name)),
          [],
        )
        t.match(next.store.changes()[0], { source: 'sensors', added: 0, removed: 38, targets: 0 })
      }
      await next.supervisor.stop()
    }
  },
)

t.test('71: a standby before, behind or in place of a URL is no other inventory', async (t) => {
  const [first, second] = [await inventoryServer(t, names(40)), await inventoryServer(t, names(40))]
  const storage = t.testdir()
  const start = async (...urls: string[]) => {
    const one = await supervised(t, storage)
    await one.apply({ sensors: { http: { urls } } })
    return one
  }
  const before = await start(first.url.href)
  before.supervisor.start()
  await before.supervisor.refresh()
  await before.supervisor.stop()
  for (const server of [first, second]) await server.stop()
  const both = await start(second.url.href, first.url.href)
  t.match(both.store.get('sensors'), { snapshot: { targets: 40 }, status: { restored: true } })
  t.same(both.held(), [])
  await second.restart()
  both.supervisor.start()
  await both.supervisor.refresh()
  t.match(both.store.get('sensors')?.status, { way: { url: second.url.href, isStandby: false } })
  t.equal(await both.metric('source_standby', { source: 'sensors' }), 0)
  await both.apply({ sensors: at(second) })
  await both.supervisor.refresh()
  t.equal(both.store.get('sensors')?.status.way, undefined, 'of one URL nothing is told')
  t.equal(await both.metric('source_standby', { source: 'sensors' }), undefined)
  await both.supervisor.stop()
  await second.stop()
  const last = await start(second.url.href)
  t.match(last.store.get('sensors'), { snapshot: { targets: 40 }, status: { restored: true } })
  await last.supervisor.stop()
})

t.test('33, 71: what a source had of another inventory is served even where it cannot be kept', async (t) => {
  const inventory = await inventoryServer(t, names(40))
  const storage = t.testdir()
  const first = await supervised(t, storage)
  await first.apply({ sensors: at(inventory) })
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.supervisor.stop()
  const full = async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  }
  const next = await supervised(t, storage, { ...diskFiles, write: full })
  await next.apply({ sensors: { http: { url: `${inventory.url.href}?site=a` } } })
  t.match(next.held(), [{ reason: 'replaced', targets: 40 }])
  t.ok(next.messages().includes('the list of another inventory is served, but cannot be stored'))
})

t.test('33, 71: the list of another inventory is kept as soon as the disk has room again', async (t) => {
  const inventory = await inventoryServer(t, names(40))
  const storage = t.testdir()
  const first = await supervised(t, storage)
  await first.apply({ sensors: at(inventory) })
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.supervisor.stop()
  inventory.json(names(3, 500))
  const other = { sensors: { http: { url: `${inventory.url.href}?site=a` } } }
  let isFull = true
  const write: Files['write'] = async (...args) => {
    if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    return diskFiles.write(...args)
  }
  const next = await supervised(t, storage, { ...diskFiles, write })
  await next.apply(other)
  isFull = false
  next.supervisor.start()
  await next.supervisor.refresh()
  await until('both lists are kept', () => {
    return readdirSync(storage).filter((name) => name.endsWith('.snapshot')).length === 2
  })
  await next.supervisor.stop()
  const last = await supervised(t, storage)
  await last.apply(other)
  t.equal(last.served().length, 43)
})

t.test('63: what a removed source leaves can be explained, also to who asks for its name', async (t) => {
  const [before, now] = [await inventoryServer(t, names(40)), await inventoryServer(t, names(20, 100))]
  const storage = t.testdir()
  const first = await supervised(t, storage)
  await first.apply({ sensors: at(before), gone: at(now) })
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.supervisor.stop()
  await now.stop()
  const next = await supervised(t, storage)
  await next.apply({ sensors: at(now), other: at(now) })
  const shown = (name?: string) =>
    next.supervisor.served(name).removed.map(({ source, body, held }) => {
      return [source, addressesIn(body).length, held?.reason]
    })
  t.same(shown().sort(), [
    ['gone', 20, 'replaced'],
    ['sensors', 40, 'replaced'],
  ])
  t.same(shown('sensors'), [['sensors', 40, 'replaced']], 'which had another inventory')
  t.same(shown('other'), [])
})

t.test('63: a source that is renamed twice before it is read stays', async (t) => {
  const [small, large] = [await inventoryServer(t, names(3)), await inventoryServer(t, names(20, 100))]
  const { supervisor, apply, served, held } = await supervised(t)
  await apply({ large: at(large), small: at(small) })
  supervisor.start()
  await supervisor.refresh()
  await small.stop()
  for (const name of ['renamed', 'again']) {
    await apply({ large: at(large), [name]: at(small) })
    await supervisor.refresh()
    t.equal(served().length, 23, name)
    t.match(held(), [{ reason: 'replaced', targets: 3 }], name)
  }
  await small.restart()
  await supervisor.refresh()
  await until('the old list has left', () => held().length === 0)
  t.equal(served().length, 23)
})

t.test('63: a push source that is taken out and put back has its devices', async (t) => {
  const inventory = await inventoryServer(t, ['x'])
  const storage = t.testdir({ token: 'a token' })
  const { supervisor, apply, served, held } = await supervised(t, storage)
  const devices = { push: { token_file: join(storage, 'token'), ttl: '1s' } }
  const guard = { min_targets: 0 }
  await apply({ devices, list: at(inventory) }, { guard })
  supervisor.start()
  for (const host of ['a', 'b', 'c']) {
    const registration = { address: `${host}:1`, host, port: 1, labels: {}, ttlMs: 60_000 }
    await supervisor.instances('devices')?.register(host, registration)
  }
  await until('they are served', async () => (await supervisor.refresh()) && served().length === 4)
  await apply({ list: at(inventory) }, { guard })
  t.equal(served().length, 4)
  t.match(held(), [{ reason: 'removed', targets: 3 }])
  await apply({ devices, list: at(inventory) }, { guard })
  t.same(held(), [])
  t.match(await supervisor.refresh('devices'), [{ targets: 3 }])
  t.equal(served().length, 4)
})

t.test(
  'rule 8: devices that registered last are known after a stop, whatever becomes of their source',
  async (t) => {
    const inventory = await inventoryServer(t, ['x'])
    const folder = t.testdir()
    const storage = join(folder, 'storage')
    const devices = { push: { insecure_skip_authentication: true, ttl: '1s', max_instances: 20_000 } }
    const before = await supervised(t, storage)
    await before.apply({ devices })
    before.supervisor.start()
    const register = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, index) => {
          const host = `device-${from + index}.example`
          const registration = { address: `${host}:1`, host, port: 1, labels: {}, ttlMs: 60_000 }
          return before.supervisor.instances('devices')?.register(host, registration)
        }),
      )
    await register(0, 3_000)
    await until(
      'they are served',
      async () => (await before.supervisor.refresh()) && before.served().length === 3_000,
    )
    await register(3_000, 3_001)
    await until(
      'the last one is',
      async () => (await before.supervisor.refresh()) && before.served().length === 3_001,
    )
    await before.supervisor.stop()
    for (const sources of [{ list: at(inventory) }, { devices: at(inventory) }] as Record<string, Keys>[]) {
      const copy = join(folder, Object.keys(sources).join())
      cpSync(storage, copy, { recursive: true, preserveTimestamps: true })
      const { apply, supervisor, served } = await supervised(t, copy)
      await apply(sources)
      supervisor.start()
      await supervisor.refresh()
      t.equal(served().length, 3_002, Object.keys(sources).join())
      t.ok(served().includes('device-3000.example:1'))
      await supervisor.stop()
    }
  },
)

t.test('33: what a removed source left and cannot be deleted does not stop the start', async (t) => {
  const storage = t.testdir()
  const inventory = await inventoryServer(t, names(3))
  const before = await supervised(t, storage)
  await before.apply({ sensors: at(inventory), same: at(inventory) })
  await before.supervisor.refresh()
  await before.supervisor.stop()
  const remove = () => Promise.reject(new Error('read-only file system'))
  const { apply, served, held, messages } = await supervised(t, storage, { ...diskFiles, remove })
  await apply({ sensors: at(inventory) })
  t.same(held(), [])
  t.equal(served().length, 3)
  t.ok(messages().includes('file of a removed source not deleted'))
})

t.test('63: a source that is removed while others are compared keeps its targets', async (t) => {
  const threads = createThreads()
  let open = () => {}
  let isHeldUp = () => {}
  const heldUp = new Promise<void>((resolve) => {
    isHeldUp = resolve
  })
  const slow: Threads = {
    ...threads,
    async run(job, input, options) {
      if (job.name === 'subtract') {
        isHeldUp()
        await new Promise<void>((resolve) => {
          open = resolve
        })
      }
      return threads.run(job, input, options)
    },
  }
  const long = (count: number, first: number) =>
    names(count, first).map((name) => `${name}.${'x'.repeat(40)}`)
  const [one, two, three] = await Promise.all([
    inventoryServer(t, long(25_000, 0)),
    inventoryServer(t, long(8_000, 100_000)),
    inventoryServer(t, long(8_000, 200_000)),
  ])
  const { supervisor, store, apply } = await supervised(t, undefined, diskFiles, slow)
  await apply({ one: at(one), two: at(two), three: at(three) })
  await supervisor.refresh()
  const removing = apply({ two: at(two), three: at(three) })
  await heldUp
  const removingMore = apply({ three: at(three) })
  await until('the second source is removed', () => store.get('two') === undefined)
  const timer = setInterval(() => open(), 1)
  await Promise.all([removing, removingMore])
  clearInterval(timer)
  t.equal(store.combined().snapshot?.targets, 41_000)
})

t.test('32: a damaged list of a removed source is told and left alone', async (t) => {
  const storage = t.testdir({
    'gone.snapshot': '{"format":3}',
    'link.snapshot': t.fixture('symlink', 'nowhere'),
  })
  const inventory = await inventoryServer(t, ['a'])
  const { apply, messages, held } = await supervised(t, storage)
  await apply({ sensors: at(inventory) })
  t.equal(messages().filter((one) => one === 'the list of a removed source is not used').length, 1)
  t.same(held(), [])
  t.ok(existsSync(join(storage, 'gone.snapshot')))
})

t.test('a file of a removed source that cannot be deleted is told', async (t) => {
  const [one, other] = [await inventoryServer(t, names(3)), await inventoryServer(t, names(20, 100))]
  const folder = t.testdir({ shared: {} })
  const { supervisor, apply, messages } = await supervised(t)
  await apply({ one: at(one, { file_sd: join(folder, 'shared', 'one.json') }), other: at(other) })
  supervisor.start()
  await supervisor.refresh()
  rmSync(join(folder, 'shared'), { recursive: true })
  writeFileSync(join(folder, 'shared'), 'in the way')
  await apply({ other: at(other) })
  t.ok(messages().includes('file of a removed source not deleted'))
})

/** A Rollcall that serves the list of one source. */
async function peerOf(t: Test, source: string, addresses: string[]) {
  const peer = await readHalf(t, { sources: [source] })
  await peer.publish(source, addresses)
  return new URL(await peer.app.listen({ host: '127.0.0.1', port: 0 }))
}

const seededFrom = (t: Test, seedUrl: URL, storagePath?: string) =>
  supervised(t, storagePath, diskFiles, createThreads(), createSource, seedUrl)

t.test('a server without a list begins with that of a peer, and the rules protect it', async (t) => {
  const known = names(20).map((name) => `${name}:9100`)
  const peer = await peerOf(t, 'sensors', known)
  const inventory = await inventoryServer(t, names(20))
  await inventory.stop()
  const storagePath = t.testdir()
  const { supervisor, store, apply, served, messages } = await seededFrom(t, peer, storagePath)
  await apply({ sensors: at(inventory) })
  t.same(served(), known.sort(), 'before anything was read')
  t.match(store.get('sensors')?.status, { restored: true, failure: undefined })
  t.ok(messages().includes('list taken from the peer'))
  supervisor.start()
  t.match(await supervisor.refresh(), [{ result: 'failed', targets: 20 }])
  await inventory.restart()
  inventory.json(names(3))
  t.match(await supervisor.refresh(), [{ result: 'held', targets: 20 }])
  t.match(store.get('sensors')?.status.held, [{ reason: 'configuration', targets: 17, until: undefined }])
  inventory.json(names(21, 1))
  t.match(await supervisor.refresh(), [{ result: 'changed', targets: 22 }])
  t.same(store.get('sensors')?.status.held, [])
  await until('the one that is gone has left', () => !served().includes('sensor_0:9100'))
  t.equal(served().length, 21)
  await supervisor.stop()
  const next = await supervised(t, storagePath)
  await next.apply({ sensors: at(inventory) })
  t.equal(next.served().length, 21, 'what was taken is kept here from then on')
})

t.test('the list of a peer stands in for a stored one that cannot be used', async (t) => {
  const known = names(20).map((name) => `${name}:9100`)
  const peer = await peerOf(t, 'sensors', known)
  const inventory = await inventoryServer(t, names(20))
  await inventory.stop()
  // As a version with another format leaves it.
  const storagePath = t.testdir({ 'sensors.snapshot': '{"format":1}' })
  const alone = await supervised(t, storagePath)
  await alone.apply({ sensors: at(inventory) })
  t.same(alone.served(), [])
  await alone.supervisor.stop()
  const { apply, served, messages, store } = await seededFrom(t, peer, storagePath)
  await apply({ sensors: at(inventory) })
  t.same(served(), known.sort())
  t.ok(messages().includes('the stored list is not used'))
  t.match(store.get('sensors')?.fileErrors, { storage: { path: storagePath, error: /damaged|format/ } })
})

t.test('the list of a peer does not stand in for a stored one that the disk does not give', async (t) => {
  const peer = await peerOf(t, 'sensors', ['a:9100'])
  const inventory = await inventoryServer(t, ['a', 'b'])
  await inventory.stop()
  const storagePath = t.testdir({ 'sensors.snapshot': {} })
  const { apply, served, store } = await seededFrom(t, peer, storagePath)
  await apply({ sensors: at(inventory) })
  t.same(served(), [])
  t.match(store.get('sensors')?.fileErrors, { storage: { error: /EISDIR/ } })
})

t.test('a file_sd file is not replaced by what a peer has, before anything was read here', async (t) => {
  const peer = await peerOf(t, 'sensors', ['only:9100'])
  const inventory = await inventoryServer(t, ['only', 'other'])
  await inventory.stop()
  const fileSd = join(t.testdir(), 'targets.json')
  writeFileSync(fileSd, 'what was there')
  const { supervisor, apply, served } = await seededFrom(t, peer)
  await apply({ sensors: { ...at(inventory), file_sd: fileSd } })
  supervisor.start()
  t.match(await supervisor.refresh(), [{ result: 'failed', targets: 1 }])
  t.same(served(), ['only:9100'])
  t.equal(readFileSync(fileSd, 'utf8'), 'what was there')
  await inventory.restart()
  t.match(await supervisor.refresh(), [{ result: 'changed', targets: 2 }])
  t.match(readFileSync(fileSd, 'utf8'), /only:9100.*other:9100/s)
})

t.test('a list is that of a peer until it is read, whatever reloads do meanwhile', async (t) => {
  const peer = await peerOf(t, 'sensors', ['only:9100'])
  const inventory = await inventoryServer(t, ['only', 'other'])
  await inventory.stop()
  const folder = t.testdir()
  const fileSd = join(folder, 'targets.json')
  const storagePath = join(folder, 'data')
  const { supervisor, apply, served } = await seededFrom(t, peer, storagePath)
  const sensors = { ...at(inventory), file_sd: fileSd }
  await apply({ sensors })
  supervisor.start()
  const reloads: Record<string, Keys>[] = [
    { sensors: { ...sensors, timeout: '6s' } },
    { other: at(inventory) },
    { sensors },
    { sensors: { ...sensors, timeout: '7s' } },
  ]
  for (const sources of reloads) {
    await apply(sources)
    for (const { result } of await supervisor.refresh()) t.equal(result, 'failed')
    t.same(served(), ['only:9100'])
    t.notOk(existsSync(fileSd), 'nothing is written')
    t.same(
      (await supervisor.keepable()).map(({ path }) => path),
      ['.fleet.json'],
      'nor is it a part of a backup',
    )
  }
  t.notOk(existsSync(join(storagePath, 'sensors.snapshot')))
  await inventory.restart()
  t.match(await supervisor.refresh(), [{ result: 'changed', targets: 2 }])
  t.match(readFileSync(fileSd, 'utf8'), /only:9100.*other:9100/s)
  t.ok(existsSync(join(storagePath, 'sensors.snapshot')))
})

t.test('a list that is kept is not asked for, nor that of a source that a reload adds', async (t) => {
  const peer = await inventoryServer(t)
  peer.handle((_request, response) => response.writeHead(404).end())
  const inventory = await inventoryServer(t, ['a'])
  const storagePath = t.testdir()
  const first = await supervised(t, storagePath)
  await first.apply({ sensors: at(inventory) })
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.supervisor.stop()
  const { supervisor, apply, served, messages } = await seededFrom(t, peer.url, storagePath)
  await apply({ sensors: at(inventory) })
  t.same(served(), ['a:9100'])
  supervisor.start()
  await apply({ sensors: at(inventory), later: at(inventory) })
  t.same(peer.requests.length, 0)
  t.notOk(messages().some((message) => String(message).includes('peer')))
})

t.test('a peer that fails costs a warning, and the inventory is waited for', async (t) => {
  const peer = await inventoryServer(t)
  await peer.stop()
  const inventory = await inventoryServer(t, ['a'])
  const { supervisor, store, apply, messages } = await seededFrom(t, peer.url)
  await apply({ sensors: at(inventory) })
  t.equal(store.get('sensors')?.snapshot, undefined)
  t.ok(messages().includes('no list from the peer; waiting for the inventory'))
  supervisor.start()
  t.match(await supervisor.refresh(), [{ targets: 1 }])
})

t.test(
  'a push source does not begin with the list of a peer: its devices may be known there only',
  async (t) => {
    const peer = await peerOf(t, 'devices', ['d1:1', 'd2:1'])
    const { supervisor, apply, served } = await seededFrom(t, peer)
    await apply({ devices: { push: { insecure_skip_authentication: true } } })
    supervisor.start()
    t.match(await supervisor.refresh(), [{ result: 'failed', targets: 0, error: { reason: 'settling' } }])
    t.same(served(), [])
  },
)

t.test('what is known is told once earlier registrations have been read', async (t) => {
  const files = memoryFiles({ clock: systemClock })
  const journal = '/data/push/devices.journal'
  // As when reading takes so long that the start goes on without.
  const make: typeof createSource = (options, deps, before) => {
    const source = createSource(options, deps, before)
    return { ...source, open: async () => void source.open?.() }
  }
  const { supervisor, apply } = await supervised(t, '/data', files, undefined, make)
  files.hang(journal)
  await apply({ devices: { push: { insecure_skip_authentication: true } } })
  await t.rejects(supervisor.keepable(), { code: 'backup_unavailable', retryAfterSeconds: 10 })
  files.release(journal)
  const kept = await until('it has been read', () => supervisor.keepable())
  t.same(kept.map(({ path }) => path).sort(), ['.fleet.json', 'push/devices.journal'])
})

t.test('the history tells that targets left with their source, or with its inventory', async (t) => {
  const [one, other] = [await inventoryServer(t, ['a', 'b']), await inventoryServer(t, ['a'])]
  const history = inMemory(t)
  const setup = [
    undefined,
    diskFiles,
    createThreads(),
    createSource,
    undefined,
    systemClock,
    history,
  ] as const
  const { supervisor, apply } = await supervised(t, ...setup)
  await apply({ sensors: at(one), others: at(other) })
  supervisor.start()
  await supervisor.refresh()
  await apply({ others: at(other, { timeout: '6s' }) })
  const find = async () => (await history.find({ limit: 10 })).events.filter(({ kind }) => kind === 'left')
  await until('it left', async () => {
    await supervisor.refresh()
    return (await find()).length > 0
  })
  t.match(await find(), [{ source: 'sensors', address: 'b:9100', why: /^its source is not configured/ }])
})

t.test("the history tells that targets left on an operator's word after their source", async (t) => {
  const storage = t.testdir()
  const [one, other] = [await inventoryServer(t, names(40)), await inventoryServer(t, names(2))]
  const first = await supervised(t, storage)
  await first.apply({ sensors: at(one) })
  first.supervisor.start()
  await first.supervisor.refresh()
  await first.supervisor.stop()
  const history = inMemory(t)
  const next = await supervised(
    t,
    ...([storage, diskFiles, createThreads(), createSource, undefined, systemClock, history] as const),
  )
  await next.apply({ sensors: at(other) })
  next.supervisor.start()
  await until('it was read twice', () => next.isRead())
  await next.supervisor.accept(next.held()[0]?.digest as string)
  const { events } = await history.find({ limit: 100 })
  const left = events.filter(({ kind }) => kind === 'left')
  t.equal(left.length, 38)
  t.match(left[0]?.why, /^an operator accepted it; its source reads another inventory/)
})
