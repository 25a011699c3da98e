import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { cannotTest, PROMETHEUS_VERSIONS, startPrometheus } from '../helpers/prometheus.ts'
import { createScope } from '../helpers/scope.ts'
import { until } from '../helpers/until.ts'

interface Shown {
  readonly user_agent: string
  readonly path: string
  readonly interval_seconds: number | null
  readonly status: number
  readonly fault: string | null
}

for (const { name, find } of PROMETHEUS_VERSIONS) {
  t.test(`${name} is told as who polls, and as who asks for what there is not`, async (t) => {
    const binary = find()
    if (cannotTest(t, name, binary)) return
    const scope = createScope()
    t.teardown(() => scope.end())
    const folder = scope.testdir()
    const sensors = join(folder, 'sensors.json')
    writeFileSync(sensors, '["a.example:9100"]')
    // A file that was just written may be half of one.
    utimesSync(sensors, 0, 0)
    writeFileSync(
      join(folder, 'rollcall.yml'),
      'sources: [{ name: sensors, file: { files: [sensors.json] } }]\n',
    )
    const { url } = await start(scope, [
      `--config.file=${join(folder, 'rollcall.yml')}`,
      `--storage.path=${join(folder, 'data')}`,
    ])
    const job = (path: string) =>
      `  - { job_name: "${path}", scrape_interval: 1h, http_sd_configs: [{ url: "${url}${path}", refresh_interval: 1s }] }\n`
    const paths = ['/targets/sensors', '/targets/typo', '/target', '/sd']
    await startPrometheus(scope, binary as string, `scrape_configs:\n${paths.map(job).join('')}`)
    const ask = async (path: string) => JSON.parse(await (await fetch(url + path)).text())
    const polled = await until('each has been asked for three times', async () => {
      const { pollers } = (await ask('/api/v1/pollers')) as { pollers: (Shown & { polls: number })[] }
      return pollers.length === paths.length && pollers.every(({ polls }) => polls >= 3) && pollers
    })
    for (const { user_agent, path, interval_seconds, status, fault } of polled) {
      t.match(user_agent, /^Prometheus\//, path)
      t.ok(Number(interval_seconds) > 0.5 && Number(interval_seconds) < 5, `${path}: ${interval_seconds} s`)
      t.equal(status, path === '/targets/sensors' ? 200 : 404, path)
      if (status === 404) t.match(fault, /there are \/targets and \/targets\/sensors$/, path)
    }
    const { polls } = await ask('/health')
    t.match(polls, {
      pollers: 1,
      in_vain: Array(3).fill(/^127\.0\.0\.1 \(Prometheus\/.* got 404: .* is no list/),
    })
    const explained = await ask('/api/v1/explain?q=a.example')
    t.match(explained.polls[0], /fetched \/targets\/sensors \d+s ago and has the list that is served now/)
    t.equal(explained.polls.length, 4)
  })
}
