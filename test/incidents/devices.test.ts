import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { limitFileSize } from '../helpers/limit-files.ts'
import { createScope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'
import { assertNamed } from './incident.ts'

t.test('why a device that should have registered is no target is named by one question', async (t) => {
  const scope = createScope()
  t.teardown(() => scope.end())
  const folder = scope.testdir()
  writeFileSync(join(folder, 'token'), 'right-token')
  writeFileSync(join(folder, 'tokens'), 'own token-of-own\nother token-of-other\n')
  const file = join(folder, 'rollcall.yml')
  const push = 'token_file: token, device_tokens_file: tokens'
  writeFileSync(
    file,
    `global: { refresh_interval: 500ms, guard: { max_drop: 100% } }
sources:
  - name: devices
    push: { ${push}, allowed_networks: [10.0.0.0/8], max_instances: 3, ttl: 1s }
    labels: { instance: "{id}" }
`,
  )
  const { url, child } = await start(scope, [`--config.file=${file}`, `--storage.path=${folder}/data`])
  const register = (id: string, { token = 'right-token', address = '10.0.0.1:9100', ttl = '1h' } = {}) =>
    fetch(`${url}/api/v1/sources/devices/instances/${id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ address, ttl }),
    })
  await Promise.all([
    register('alive', { address: '10.0.0.1:1' }),
    register('silent', { address: '10.0.0.2:2', ttl: '3s' }),
  ])
  await until('both are served', async () =>
    (await (await fetch(`${url}/targets`)).text()).includes('10.0.0.2'),
  )
  await register('stranger', { token: 'c4n4ry-token' })
  await register('own', { token: 'token-of-other' })
  await register('elsewhere', { address: '192.168.0.1:9100' })
  const rows: [name: string, ask: string, ...names: RegExp[]][] = [
    [
      'heartbeat stopped',
      '10.0.0.2',
      /10\.0\.0\.2:2 of devices left .*: its lease expired without a heartbeat/,
    ],
    ['wrong token', 'stranger', /registration of stranger with devices was refused .*: unauthorized: /],
    ['token of another device', 'own', /registration of own .*: wrong_device: /],
    ['address not allowed', 'elsewhere', /elsewhere .*: bad_request: .*192\.168\.0\.1.*allowed_networks/],
  ]
  for (const [name, ask, ...names] of rows) await assertNamed(t, { name, url, ask, names })
  const text = await (await fetch(`${url}/api/v1/explain?q=stranger`)).text()
  t.notMatch(text, 'c4n4ry')

  for (const id of ['second', 'third', 'fourth']) await register(id)
  await assertNamed(t, {
    name: 'too many devices',
    url,
    ask: 'fourth',
    names: [/registration of fourth .*: too_many_instances: .*max_instances is 3/],
  })
  limitFileSize(child.pid, 0)
  await register('alive', { address: '10.0.0.1:2' })
  await assertNamed(t, {
    name: 'the disk takes no registration',
    url,
    ask: 'alive',
    names: [/registration of alive .*: storage_unavailable: .*EFBIG/],
  })
})
