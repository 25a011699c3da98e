import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createLogger } from '../../src/base/logger.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { startService } from '../../src/service.ts'
import { diskFiles } from '../helpers/files.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

t.test('a server that cannot reach the store reads on its own after a while', async (t) => {
  const inventory = await inventoryServer(t, ['a', 'b'])
  const folder = t.testdir({ key: 'a signing key of some length' })
  const config = join(folder, 'rollcall.yml')
  writeFileSync(
    config,
    `cluster: { redis: { url: redis://127.0.0.1:9 }, signing_key_file: key }
sources:
  - name: sensors
    http: { url: '${inventory.url}' }
`,
  )
  const flags = [`--config.file=${config}`, '--web.listen-address=127.0.0.1:0', '--web.drain-delay=0s']
  const settings = await loadSettings(readArguments(flags), { POD_NAME: 'pod-1' }, diskFiles)
  const deps = {
    clock: systemClock,
    files: diskFiles,
    random: Math.random,
    log: await createLogger('silent', 'json'),
    load: undefined,
    metrics: createMetrics(''),
  }
  const { url, stop } = await startService(settings, deps)
  t.teardown(stop)
  const health = async () => (await fetch(`${url}/health`)).json() as Promise<Record<string, never>>
  t.match(await health(), { cluster: { replica: 'pod-1', store: /127\.0\.0\.1:9/ } })
  t.equal((await fetch(`${url}/targets`)).status, 503, 'another may read')
  await until('it reads', async () => (await fetch(`${url}/targets`)).status === 200)
  t.match(await health(), {
    sources: { sensors: { targets: 2, cluster: { is_reader: true, generation: 0 } } },
  })
  t.match(await (await fetch(`${url}/metrics`)).text(), /^rollcall_cluster_store_up 0$/m)
})
