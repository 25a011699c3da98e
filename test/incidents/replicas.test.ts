import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { noRedis, startRedis } from '../helpers/redis-server.ts'
import { createScope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'
import { assertNamed } from './incident.ts'

t.test('why a replica is behind is named by one question', async (t) => {
  if (noRedis(t)) return
  const scope = createScope()
  t.teardown(() => scope.end())
  const folder = scope.testdir()
  const redis = await startRedis(scope)
  const inventory = await inventoryServer(t, ['a', 'b'])
  const replica = (name: string) => {
    const file = join(folder, `${name}.yml`)
    writeFileSync(join(folder, `${name}.key`), `the key of ${name}, which is its own`)
    writeFileSync(
      file,
      `global: { refresh_interval: 500ms }
cluster:
  redis: { url: "redis://127.0.0.1:${redis.port}" }
  signing_key_file: ${name}.key
  replica: ${name}
sources: [{ name: cmdb, http: { url: "${inventory.url}" } }]
`,
    )
    return start(scope, [`--config.file=${file}`, `--storage.path=${join(folder, name)}`])
  }
  const first = await replica('first')
  const serves = (url: string, text: string) => async () =>
    (await (await fetch(`${url}/targets`)).text()).includes(text)
  await until('the first serves', serves(first.url, 'b:9100'))
  const second = await replica('second')
  await assertNamed(t, {
    name: 'replica behind',
    url: second.url,
    ask: 'b',
    names: [/this replica serves generation \d+ of cmdb, and the newest is \d+: .*sign/],
  })
  await redis.kill()
  await assertNamed(t, {
    name: 'store of the replicas down',
    url: first.url,
    ask: 'b',
    names: [/this replica does not reach the store, and may be behind the others: .*ECONNREFUSED/],
  })
})
