import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../src/base/clock.ts'
import { createMetrics } from '../src/base/metrics.ts'
import { createThreads } from '../src/base/threads.ts'
import { readArguments } from '../src/config/arguments.ts'
import { loadSettings } from '../src/config/load.ts'
import { createStore } from '../src/snapshot/store.ts'
import { createSupervisor } from '../src/supervisor.ts'
import { seriesValue } from './helpers/exposition.ts'
import { diskFiles } from './helpers/files.ts'
import { inventoryServer } from './helpers/inventory-server.ts'
import { recordingLog } from './helpers/log.ts'

/** A supervisor at work, and what makes settings of sources of one inventory; it is read on demand only. */
async function supervised(t: Test, storagePath?: string) {
  const inventory = await inventoryServer(t, ['a'])
  const path = join(t.testdir(), 'rollcall.yml')
  const metrics = createMetrics('test')
  const threads = createThreads()
  const store = createStore()
  const supervisor = createSupervisor({
    store,
    clock: systemClock,
    metrics,
    log: recordingLog().log,
    threads,
    files: diskFiles,
    random: () => 0.5,
    storagePath,
  })
  t.teardown(async () => {
    await supervisor.stop()
    await threads.close()
  })
  return {
    supervisor,
    store,
    inventory,
    settings: async (name: string, timeout: string) => {
      const http = { url: inventory.url.href }
      writeFileSync(path, JSON.stringify({ sources: [{ name, http, timeout, refresh_interval: '1h' }] }))
      const args = readArguments([`--config.file=${path}`])
      const { sources } = await loadSettings(args, {}, diskFiles, 'configured')
      return sources[0] as (typeof sources)[number]
    },
    failed: async (name: string) =>
      seriesValue(await metrics.registry.metrics(), 'rollcall_source_refreshes_total', {
        source: name,
        result: 'failed',
      }),
  }
}

t.test('one source that cannot be made spoils nothing: the others are done when that is told', async (t) => {
  const { supervisor, settings } = await supervised(t)
  await supervisor.apply([await settings('sensors', '5s')])
  supervisor.start()
  const changed = await settings('sensors', '6s')
  const good = await settings('wrong', '5s')
  const wrong = { ...good, plan: { ...good.plan, records: '[' } }
  await t.rejects(supervisor.apply([wrong, changed]), /is not a JMESPath expression/)
  t.match(await supervisor.refresh('sensors'), [{ source: 'sensors', targets: 1 }])
  t.same(await supervisor.apply([changed, good]), { added: ['wrong'], changed: [], removed: [] })
})

t.test('who asks for a refresh while a source is changed gets it from the new one', async (t) => {
  const { supervisor, settings, failed } = await supervised(t)
  await supervisor.apply([await settings('sensors', '5s')])
  supervisor.start()
  await supervisor.refresh()
  const applied = supervisor.apply([await settings('sensors', '6s')])
  const [outcome] = await supervisor.refresh('sensors')
  t.equal(outcome?.error, undefined)
  t.match(await applied, { changed: ['sensors'] })
  t.equal(await failed('sensors'), 0)
})

t.test('who asks for a refresh while a source goes gets none, and that of the others', async (t) => {
  const { supervisor, settings, failed } = await supervised(t)
  const stays = await settings('stays', '5s')
  await supervisor.apply([await settings('goes', '5s'), stays])
  supervisor.start()
  await supervisor.refresh()
  const applied = supervisor.apply([stays])
  t.match(await supervisor.refresh(), [{ source: 'stays', result: 'unchanged' }])
  t.same(await supervisor.refresh('goes'), [])
  t.match(await applied, { removed: ['goes'] })
  t.equal(await supervisor.accept('goes'), undefined, 'nor is anything of it held')
  t.equal(await failed('stays'), 0)
})

t.test(
  'a source that gets another name goes on with its list, also while the inventory is down',
  async (t) => {
    const { supervisor, store, inventory, settings } = await supervised(t)
    await supervisor.apply([await settings('before', '5s')])
    supervisor.start()
    await supervisor.refresh()
    await inventory.stop()
    const targets = () =>
      store.list().map(({ name, required, snapshot }) => [name, required, snapshot?.targets])
    t.same(targets(), [['before', true, 1]])
    t.match(await supervisor.apply([await settings('after', '5s')]), {
      added: ['after'],
      removed: ['before'],
    })
    t.same(targets(), [['after', true, 1]])
    t.match(store.get('after')?.status, { restored: true })
    t.match(await supervisor.refresh(), [{ source: 'after', result: 'failed', targets: 1 }])
    await supervisor.apply([await settings('before', '5s')])
    t.same(targets(), [['before', true, 1]], 'and back, with what was kept under its name')
  },
)

t.test('a source without a list leaves none behind', async (t) => {
  const { supervisor, store, inventory, settings } = await supervised(t)
  await inventory.stop()
  await supervisor.apply([await settings('before', '5s')])
  supervisor.start()
  await supervisor.apply([await settings('after', '5s')])
  t.match(store.list(), [{ name: 'after', required: false, snapshot: undefined }])
})
