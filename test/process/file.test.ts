import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

/** Polls until the addresses that are served are these. */
const served = (url: string, addresses: readonly string[]) =>
  until(`served: ${addresses}`, async () => {
    const answer = await fetch(`${url}/targets`)
    if (answer.status !== 200) return undefined
    const groups = (await answer.json()) as { targets: string[] }[]
    return (
      groups
        .flatMap(({ targets }) => targets)
        .sort()
        .join() === addresses.join()
    )
  })

t.test('files are served, and a change of one long before the next refresh', async (t) => {
  const folder = t.testdir({
    'hosts.csv': 'hostname,port\na,9100\n',
    'sd.yml': '- targets: [b]\n  labels: { __scheme__: https, version: 1.10 }\n',
    'rollcall.yml':
      'sources:\n  - name: files\n    file: { files: ["*.csv", sd.yml] }\n    refresh_interval: 1h\n',
  })
  const { url } = await start(t, [`--config.file=${join(folder, 'rollcall.yml')}`])
  await served(url, ['a:9100', 'b'])
  t.match(await (await fetch(`${url}/targets`)).text(), '"version":"1.10"')
  writeFileSync(join(folder, 'new'), 'hostname,port\na,9100\nc,9100\n')
  renameSync(join(folder, 'new'), join(folder, 'hosts.csv'))
  await served(url, ['a:9100', 'b', 'c:9100'])
})

t.test('another HTTP service discovery endpoint is served, and a null of it is not believed', async (t) => {
  const upstream = await inventoryServer(t, [{ targets: ['a:1', 'b'], labels: { site: 'x' } }])
  const folder = t.testdir({
    'rollcall.yml': `sources:\n  - name: sd\n    http_sd: { url: ${upstream.url} }\n    refresh_interval: 100ms\n`,
  })
  const { url, err } = await start(t, [`--config.file=${join(folder, 'rollcall.yml')}`])
  await served(url, ['a:1', 'b'])
  upstream.json(null)
  await until('the failure', () => err().includes('the answer is null, not a list of target groups'))
  await served(url, ['a:1', 'b'])
})
