import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import {
  cannotTest,
  PROMETHEUS_VERSIONS,
  type Prometheus,
  recordingProxy,
  startPrometheus,
} from '../helpers/prometheus.ts'
import { until } from '../helpers/until.ts'

/** A configuration that discovers through Rollcall, all targets and those of one site. */
const discovering = (rollcall: string) => `
scrape_configs:
  - job_name: all
    scrape_interval: 1h
    http_sd_configs: [{ url: "${rollcall}/targets", refresh_interval: 1s }]
  - job_name: berlin
    scrape_interval: 1h
    http_sd_configs: [{ url: "${rollcall}/targets?label.site=berlin", refresh_interval: 1s }]
`

interface Record {
  readonly id: string
  readonly host: unknown
  readonly site: unknown
  readonly status: string
}

const fleet = (count: number, site = 'berlin'): Record[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `${site}-${index}`,
    host: `${site}-${index}`,
    site,
    status: 'active',
  }))

/** A Rollcall with two sources between inventories and a Prometheus. */
async function rig(t: Test, binary: string) {
  const folder = t.testdir({ prometheus: {} })
  const [berlin, other] = [await inventoryServer(t, fleet(20)), await inventoryServer(t, fleet(30, 'lyon'))]
  const proxy = await recordingProxy(t)
  const config = join(folder, 'rollcall.yml')
  const source = (name: string, url: URL, keys = '') =>
    `  - { name: ${name}, http: { url: "${url.href}" }, labels: { site: "{site}" }, ${keys} }\n`
  const configure = (...sources: string[]) =>
    writeFileSync(
      config,
      `global: { refresh_interval: 1s, guard: { hold: 8s, hold_empty: 16s } }\nsources:\n${sources.join('')}`,
    )
  const both = [source('berlin', berlin.url), source('other', other.url)]
  configure(...both)
  const args = [`--config.file=${config}`, `--storage.path=${join(folder, 'data')}`, '--web.enable-lifecycle']
  let rollcall = await start(t, args)
  proxy.state.upstream = rollcall.url
  const prometheus = await startPrometheus(
    { testdir: () => join(folder, 'prometheus'), teardown: (end) => t.teardown(end) },
    binary,
    discovering(proxy.url),
  )
  const post = async (path: string) => (await fetch(`${rollcall.url}${path}`, { method: 'POST' })).status
  const health = async () =>
    (await (await fetch(`${rollcall.url}/health`)).json()) as {
      sources: { [name: string]: { held: { digest: string; reason: string }[] } }
      removed: { held: { digest: string }[] }
    }
  return {
    berlin,
    other,
    both,
    source,
    configure,
    proxy,
    prometheus,
    post,
    health,
    reload: () => post('/-/reload'),
    async restart() {
      rollcall.child.kill('SIGKILL')
      await rollcall.ended
      rollcall = await start(t, args)
      proxy.state.upstream = rollcall.url
    },
    /** Lets some readings and polls go by. */
    async polls(count: number) {
      const from = proxy.polls.length
      await until('Prometheus has asked', () => proxy.polls.length >= from + 2 * count)
    },
    /** Waits until Prometheus has so many targets of a job. */
    has: (job: string, count: number) =>
      until(`Prometheus has ${count} targets of ${job}`, async () => {
        const now = (await prometheus.targets(job)).length
        if (now !== count) throw new Error(`it has ${now}`)
        return true
      }),
  }
}

// Each waits for most of its time: side by side they take as long as one.
t.jobs = 2 * PROMETHEUS_VERSIONS.length

const countOf = async (prometheus: Prometheus, job: string) => (await prometheus.targets(job)).length

for (const { name, find } of PROMETHEUS_VERSIONS) {
  t.test(
    `what ${name} has is what the rules of the promise say`,
    { timeout: 280_000, buffered: true },
    async (t) => {
      const binary = find()
      if (cannotTest(t, name, binary)) return
      const {
        berlin,
        other,
        both,
        source,
        configure,
        prometheus,
        post,
        health,
        reload,
        restart,
        polls,
        has,
        proxy,
      } = await rig(t, binary as string)
      await has('all', 50)
      await has('berlin', 20)

      berlin.json([...fleet(21)])
      await has('all', 51)
      t.pass('1: who joins is there at once')

      berlin.json(fleet(20))
      await post('/-/refresh')
      t.equal(await countOf(prometheus, 'all'), 51)
      berlin.json(fleet(21))
      await polls(3)
      t.ok(
        proxy.polls.every(
          ({ body, status }) => status !== 200 || !body.includes('berlin-19:') || body.length > 0,
        ),
      )
      t.equal(await countOf(prometheus, 'all'), 51, '2: who is missing once does not leave')
      berlin.json(fleet(20))
      await has('all', 50)
      t.pass('2: who is missing twice does')

      const broken = fleet(20).map((one, index) => (index < 3 ? { ...one, host: {} } : one))
      berlin.json(broken)
      await polls(5)
      t.equal(await countOf(prometheus, 'all'), 50, '3: whose record cannot be read stays')
      berlin.json(fleet(20).map((one) => ({ ...one, site: { name: 'berlin' } })))
      await has('all', 50)
      berlin.json(fleet(20))
      await has('berlin', 20)
      t.pass('a label that cannot be made costs no target')

      berlin.json(fleet(5))
      await polls(4)
      t.equal(await countOf(prometheus, 'all'), 50, '4: many at once are held')
      await restart()
      await polls(3)
      t.equal(await countOf(prometheus, 'all'), 50, '8: also after the process was killed')
      await has('all', 35)
      t.pass('4: and leave after hold')
      berlin.json(fleet(20))
      await has('all', 50)

      configure(source('berlin', berlin.url, 'records: "[?status == \'Active\']"'), both[1] as string)
      t.equal(await reload(), 200)
      await polls(12)
      t.equal(await countOf(prometheus, 'all'), 50, '4: a wrong filter lets nothing leave, however long')
      const [held] = (await health()).sources.berlin?.held ?? []
      t.match(held, { reason: /idle_records/ })
      configure(...both)
      t.equal(await reload(), 200)

      configure(both[0] as string)
      t.equal(await reload(), 200)
      await polls(12)
      t.equal(await countOf(prometheus, 'all'), 50, '5: a configuration cut in half lets nothing leave')
      const [removed] = (await health()).removed.held
      t.equal(await post(`/-/accept?digest=${removed?.digest}`), 200)
      await has('all', 20)
      t.pass('5: an operator does')
      void other

      berlin.json(fleet(20).map((one) => ({ ...one, site: 'paris' })))
      await until('the label is another', async () =>
        (await prometheus.targets('all')).every(({ discoveredLabels }) => discoveredLabels.site === 'paris'),
      )
      await polls(3)
      t.equal(
        await countOf(prometheus, 'berlin'),
        20,
        '6: a view that turns empty says so, and nobody forgets',
      )

      berlin.json([])
      await polls(4)
      t.equal(await countOf(prometheus, 'all'), 20, '4: nothing at all is not believed')
      await has('all', 0)
      t.pass('4: until hold_empty has passed')
    },
  )

  t.test(
    `rule 7: ${name} is sent no first list that is empty`,
    { timeout: 280_000, buffered: true },
    async (t) => {
      const binary = find()
      if (cannotTest(t, name, binary)) return
      const inventory = await inventoryServer(t, [])
      const proxy = await recordingProxy(t)
      const rollcall = await start(t, [], { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.5' })
      proxy.state.upstream = rollcall.url
      await startPrometheus(t, binary as string, discovering(proxy.url))
      await until('it has asked', () => proxy.polls.length >= 6)
      t.same([...new Set(proxy.polls.map(({ status }) => status))], [503])
    },
  )
}
