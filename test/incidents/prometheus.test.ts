import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { hashmod } from '../../src/model/hashmod.ts'
import { authority, tlsServer } from '../helpers/certificates.ts'
import { start } from '../helpers/cli.ts'
import { cannotTest, freePort, PROMETHEUS_VERSIONS, startPrometheus } from '../helpers/prometheus.ts'
import { createScope, type Scope } from '../helpers/scope.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'
import { assertNamed } from './incident.ts'

/** A device that answers `/metrics` on loopback. */
async function device(scope: Scope): Promise<string> {
  const server = createServer(({ url }, response) => {
    if (url === '/metrics') response.writeHead(200, { 'content-type': 'text/plain' }).end('up_to 1\n')
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A machine that accepts connections and answers nothing. */
async function silentDevice(scope: Scope): Promise<string> {
  const server = createTcpServer((socket) => void socket.on('error', () => {}))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const SOURCES = ['fine', 'wrongscheme', 'wrongpath', 'others', 'sharded', 'viewed', 'unpolled']

for (const { name, find } of PROMETHEUS_VERSIONS) {
  t.test(`what ${name} makes of served targets is named by one question`, async (t) => {
    const binary = find()
    if (cannotTest(t, name, binary) || missing(t, findTool('openssl'), 'openssl')) return
    const scope = createScope()
    t.teardown(() => scope.end())
    const folder = scope.testdir()
    const up = await device(scope)
    const scheme = await device(scope)
    const path = await device(scope)
    const silent = await silentDevice(scope)
    const closed = `127.0.0.1:${await freePort()}`
    const expired = authority(folder).signExpired('localhost', 'IP:127.0.0.1')
    const secure = (await tlsServer(scope as never, expired, (_request, response) => response.end(''))).host
    const shard = 1 - hashmod('sharded:9100', 2)
    const lists: Record<(typeof SOURCES)[number], unknown[]> = {
      fine: [
        { address: up, site: 'berlin' },
        { address: closed },
        { address: silent },
        { address: 'dropped:9100', site: 'lab' },
        { address: 'no-such-host.invalid:9100' },
      ],
      wrongscheme: [{ address: scheme }, { address: secure }],
      wrongpath: [{ address: path }],
      others: ['other:9100'],
      sharded: ['sharded:9100'],
      viewed: [
        { address: 'viewed:9100', site: 'oslo' },
        { address: 'seen:9100', site: 'rome' },
      ],
      unpolled: ['unpolled:9100'],
    }
    const sources = SOURCES.map((source) => {
      writeFileSync(join(folder, `${source}.json`), JSON.stringify(lists[source]))
      return `  - { name: ${source}, file: { files: [${source}.json] }, labels: { site: "{site|none}" } }\n`
    })
    const file = join(folder, 'rollcall.yml')
    const configure = (more: string) => writeFileSync(file, `sources:\n${sources.join('')}${more}`)
    configure('')
    const { url } = await start(scope, [`--config.file=${file}`, '--web.enable-lifecycle'])
    // Not by a poll, which would be remembered.
    await until('the lists are served', async () => (await fetch(`${url}/ready`)).status === 200)
    const job = (jobName: string, asked: string, more = '') => `
- job_name: ${jobName}
  http_sd_configs: [{ url: "${url}${asked}", refresh_interval: 1s }]
${more}`
    const relabel = `  relabel_configs:
  - { source_labels: [site], regex: lab, action: drop }
  - { source_labels: [site], regex: berlin, target_label: site, replacement: paris }
`
    const prometheus = await startPrometheus(
      scope,
      binary as string,
      `global: { scrape_interval: 1s, scrape_timeout: 500ms }
scrape_configs:${[
        job('fine', '/targets/fine', relabel),
        job('wrongscheme', '/targets/wrongscheme', '  scheme: https\n'),
        job('wrongpath', '/targets/wrongpath', '  metrics_path: /metricz\n'),
        job('sharded', `/targets/sharded?shard=${shard}/2`),
        job('viewed', '/targets/viewed?label.site=rome'),
        job('typo', '/target/others'),
      ].join('')}`,
    )
    const down = 'http://127.0.0.1:1'
    configure(
      `prometheus: [{ name: main, url: "${prometheus.url}", interval: 1s }, { name: away, url: "${down}", interval: 1s }]\n`,
    )
    await fetch(`${url}/-/reload`, { method: 'POST' })
    const rows: [name: string, ask: string, ...names: RegExp[]][] = [
      [
        'labels overwritten by the job',
        up,
        /up in Prometheus main .*rule 2 of pool fine overwrites site: "berlin" becomes "paris"/,
      ],
      ['wrong port', closed, /down in Prometheus main \(pool fine.*connection refused/],
      ['device down', silent, /down in Prometheus main \(pool fine.*deadline exceeded/],
      [
        'name that Prometheus does not resolve',
        'no-such-host.invalid',
        /down in Prometheus main .*no-such-host\.invalid.*(?:no such host|server misbehaving)/,
      ],
      ['dropped by a rule of Prometheus', 'dropped', /dropped by rule 1 \(drop on site\) of pool fine/],
      ['wrong scheme', scheme, /down in Prometheus main \(pool wrongscheme.*HTTP response to HTTPS client/],
      [
        'certificate of the device expired',
        secure,
        /down in Prometheus main \(pool wrongscheme.*x509: certificate/,
      ],
      ['wrong path', path, /down in Prometheus main \(pool wrongpath.*404 Not Found/],
      ['wrong URL polled', 'other', /got 404: \/target\/others is no list/, /unknown in Prometheus main/],
      [
        'other shard',
        'sharded',
        new RegExp(
          `unknown in Prometheus main: pool sharded asks for another shard \\(.*; the target is in ${1 - shard}/2`,
        ),
        new RegExp(`shard=${shard}/2 .* a part of the list, without it`),
      ],
      ['other view', 'viewed', /without it: it asks for another view .*; the target has site="oslo"/],
      ['not polled', 'unpolled', /nobody who is remembered has fetched .*\/targets\/unpolled/],
      [
        'a Prometheus that cannot be asked',
        up,
        /unknown in Prometheus away: it cannot be queried: .*ECONNREFUSED/,
      ],
    ]
    for (const [what, ask, ...names] of rows) await assertNamed(t, { name: what, url, ask, names })

    process.kill(prometheus.pid, 'SIGSTOP')
    writeFileSync(join(folder, 'fine.json'), JSON.stringify([...(lists.fine ?? []), 'joined:9100']))
    await assertNamed(t, {
      name: 'old list in Prometheus',
      url,
      ask: 'joined',
      names: [
        /unknown in Prometheus main: .*since the list last changed/,
        /fetched \/targets\/fine .* an older list/,
      ],
    })
  })
}
