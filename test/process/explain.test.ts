import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ExplainAnswer } from '../../src/model/explanation.ts'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

t.test('each verdict, from a server that runs', async (t) => {
  const names = Array.from({ length: 12 }, (_, index) => ({
    hostname: `sensor-${index}`,
    status: 'active',
    site: 'x',
  }))
  const odd = [
    { hostname: 'test-1', status: 'active', site: 'test-7', password: 'c4n4ry' },
    { hostname: 'wrong', port: 70_000, status: 'active', note: 'c4n4ry', api_key: 'c4n4ry' },
    { hostname: 'retired', status: 'retired', token: 'c4n4ry' },
  ]
  const inventory = await inventoryServer(t, { items: [...names, ...odd] })
  const cameras = await inventoryServer(t)
  await cameras.stop()
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(
    path,
    `global: { refresh_interval: 1h }
sources:
  - name: sensors
    http: { url: "${inventory.url}" }
    records: "items[?status == 'active']"
    labels: { site: "{site}" }
    meta_labels: true
    relabel_configs:
      - { source_labels: [site], target_label: place }
      - { source_labels: [site], regex: "test-.*", action: drop }
  - name: cameras
    required: false
    http: { url: "${cameras.url}" }
`,
  )
  const { url, err } = await start(t, [`--config.file=${path}`, '--web.enable-lifecycle'])
  await until('a first list', async () => (await fetch(`${url}/targets`)).status === 200)
  await until('the cameras fail', () => err().includes('"source":"cameras"'))
  const texts: string[] = []
  const explain = async (query: string, source = 'sensors') => {
    const answer = await fetch(`${url}/api/v1/explain?q=${encodeURIComponent(query)}&source=${source}`)
    t.equal(answer.status, 200)
    const text = await answer.text()
    if (query !== 'c4n4ry') texts.push(text)
    return JSON.parse(text) as ExplainAnswer
  }
  const verdicts = async (rows: [query: string, verdict: string | RegExp, source?: string][]) => {
    for (const [query, verdict, source] of rows)
      t.match((await explain(query, source)).verdict, verdict, query)
  }
  await verdicts([
    ['sensor-3', /^served as sensor-3:9100$/],
    ['test-1', 'dropped by rule 2 (action drop, regex "test-.*" on site="test-7")'],
    ['wrong', 'quarantined: invalid_port: port 70000 is not 1 to 65535'],
    ['retired', 'not selected: the records expression leaves it out'],
    ['nowhere', /^not in the inventory: no record of sensors contains "nowhere" \(14 searched\)$/],
    ['c4n4ry', /^not in the inventory: no record of .* \(14 searched\)$/],
    ['anything', /^not found; cameras has not been read yet: connect: GET /, 'cameras'],
  ])
  const everywhere = await fetch(`${url}/api/v1/explain?q=nowhere`)
  t.match(await everywhere.json(), {
    matches: 0,
    verdict:
      /^not found: no record of sensors contains "nowhere" \(14 searched\); cameras has not been read yet: connect/,
  })
  t.equal((await fetch(`${url}/api/v1/explain?q=a&source=other`)).status, 404)

  const refresh = () => fetch(`${url}/-/refresh?source=sensors`, { method: 'POST' })
  inventory.json({ items: [{ hostname: 'new', status: 'active' }, ...names.slice(0, 1)] })
  await refresh()
  await verdicts([
    ['sensor-0', /^served as sensor-0:9100$/],
    ['new', 'served as new:9100'],
    [
      'sensor-7',
      /^no longer in the inventory, but still served: held until \d{4}-.*Z: too many of the targets would leave/,
    ],
  ])
  inventory.json({ items: names })
  await refresh()
  await inventory.stop()
  await refresh()
  await verdicts([
    [
      'sensor-7',
      /^served as sensor-7:9100 \(as of \d{4}-.*Z; unknown since then: sensors has been failing since \d{4}-.*Z, connect: .*\)$/,
    ],
  ])
  t.notMatch(texts.join(), 'c4n4ry')
})
