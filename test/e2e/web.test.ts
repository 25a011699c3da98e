import { once } from 'node:events'
import { mkdtempSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { authority } from '../helpers/certificates.ts'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { cannotTest, PROMETHEUS_VERSIONS, startPrometheus } from '../helpers/prometheus.ts'
import { until } from '../helpers/until.ts'
import { DAVE, written } from '../helpers/web.ts'

/** Not that of each test, which Prometheus has. */
const files = t.testdir()

/** So often is the certificate of the server replaced. */
const REPLACED = 3

for (const { name, find } of PROMETHEUS_VERSIONS) {
  t.test(
    `85: ${name} polls and scrapes with a client certificate and a user, while certificates are replaced`,
    { timeout: 200_000 },
    async (t) => {
      const binary = find()
      if (cannotTest(t, name, binary)) return
      const folder = mkdtempSync(join(files, 'web-'))
      const ca = authority(folder)
      const client = ca.sign('prometheus', 'DNS:prometheus')
      const replace = (index: number) => {
        const pair = ca.sign(`server-${index}`, 'IP:127.0.0.1')
        for (const what of ['cert', 'key'] as const)
          renameSync(written(folder, pair[what], `${what}.new`), join(folder, `server.${what}`))
      }
      replace(0)
      const file = written(
        folder,
        `tls_server_config:
  cert_file: server.cert
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus]
basic_auth_users: { dave: ${DAVE} }
`,
      )
      const inventory = await inventoryServer(t)
      inventory.json(['10.0.0.1'])
      const env = { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '1' }
      const rollcall = await start(t, [`--web.config.file=${file}`], env)
      const { host, port, protocol } = new URL(rollcall.url)
      t.equal(protocol, 'https:')
      const proof = `{ ca_file: ${ca.certFile}, cert_file: ${client.certFile}, key_file: ${client.keyFile} }`
      const user = '{ username: dave, password: dave123 }'
      const prometheus = await startPrometheus(
        t,
        binary as string,
        `
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: prometheus
    static_configs: [{ targets: ['127.0.0.1:9090'] }]
  - job_name: rollcall
    scheme: https
    tls_config: ${proof}
    basic_auth: ${user}
    static_configs: [{ targets: ['${host}'] }]
  - job_name: sensors
    http_sd_configs:
      - { url: ${rollcall.url}/targets, refresh_interval: 1s, tls_config: ${proof}, basic_auth: ${user} }
    relabel_configs: [{ target_label: __address__, replacement: '127.0.0.1:9090' }]
`,
      )
      const polls = async () =>
        (await prometheus.query('rollcall_http_requests_total{route="/targets",code="200"}')) ?? 0
      const more = async (count: number) => {
        const before = await polls()
        await until(`${count} more polls`, async () => (await polls()) >= before + count)
      }
      const served = async () => {
        const { cert, key } = client
        const socket = connect({ host: '127.0.0.1', port: Number(port), ca: ca.cert, cert, key })
        await once(socket, 'secureConnect')
        const { CN } = socket.getPeerCertificate().subject
        socket.destroy()
        return CN
      }
      await until('it is discovered', async () => (await prometheus.targets('sensors')).length === 1)
      await until('it is up', async () => (await prometheus.query('up{job="rollcall"}')) === 1)
      for (let index = 1; index <= REPLACED; index++) {
        replace(index)
        await until('the new certificate is served', async () => (await served()) === `server-${index}`)
        await more(2)
        // It makes its connections anew.
        process.kill(prometheus.pid, 'SIGHUP')
        await more(2)
      }
      t.equal(await prometheus.query('min_over_time(up{job="rollcall"}[5m])'), 1, 'no scrape failed')
      t.equal(await prometheus.query('max(prometheus_sd_http_failures_total)'), 0, 'no poll failed')
      t.equal(await prometheus.query('sum(rollcall_http_refused_total)'), 0)
      t.equal(await prometheus.query('rollcall_web_config_last_reload_successful'), 1)
      const failed = 'sum(rollcall_http_requests_total{code!="200"})'
      t.equal((await prometheus.query(failed)) ?? 0, 0, 'nothing was answered otherwise')
    },
  )
}
