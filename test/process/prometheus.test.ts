import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { prometheusApi } from '../helpers/prometheus-api.ts'
import { until } from '../helpers/until.ts'

interface Server {
  readonly server: string
  readonly failure: string | null
  readonly targets: Readonly<Record<string, number>>
  readonly last_success: string | null
}

t.test('servers are asked from a reload on that names them, until one that does not', async (t) => {
  const { url: api, state } = await prometheusApi(t)
  const folder = t.testdir({ 'a.json': '["a:1", "b:1"]' })
  const file = join(folder, 'rollcall.yml')
  const configure = (more = '') =>
    writeFileSync(file, `sources: [{ name: sensors, file: { files: [a.json] } }]\n${more}`)
  configure()
  const { url } = await start(t, [`--config.file=${file}`, '--web.enable-lifecycle'])
  const reload = () => fetch(`${url}/-/reload`, { method: 'POST' })
  const servers = async () =>
    ((await (await fetch(`${url}/api/v1/prometheus`)).json()) as { servers: Server[] }).servers
  const explain = async (query: string) =>
    ((await (await fetch(`${url}/api/v1/explain?q=${query}`)).json()) as { verdict: string }).verdict
  await until('the list is served', async () => (await fetch(`${url}/targets`)).status === 200)
  t.same(await servers(), [])
  t.equal(await explain('a'), 'served as a:1')

  state.active = [{ address: 'a:1' }]
  const entry = (interval: string) =>
    `prometheus: [{ name: p, url: "${api.origin}", interval: ${interval} }]\n`
  configure(entry('1s'))
  t.equal((await reload()).status, 200)
  await until('it has answered', async () => (await servers())[0]?.targets.up === 1)
  t.match(await servers(), [{ server: 'p', failure: null, targets: { up: 1, unknown: 1 } }])
  t.equal(await explain('a'), 'served as a:1; up in Prometheus p (pool node)')
  t.match(await explain('b'), /^served as b:1; unknown in Prometheus p: \/targets was polled only just/)
  t.match(await (await fetch(`${url}/metrics`)).text(), '\nrollcall_targets_scraped{state="unknown"} 1\n')

  t.equal((await reload()).status, 200)
  t.type((await servers())[0]?.last_success, 'string', 'what did not change goes on undisturbed')
  configure()
  t.equal((await reload()).status, 200)
  t.same(await servers(), [])
  t.equal(await explain('a'), 'served as a:1')
})
