import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from '../helpers/cli.ts'
import { runHere } from '../helpers/commands.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { createScope } from '../helpers/scope.ts'

/** What an example needs to run: its secrets, and which sample answers which request. */
interface Setting {
  readonly env: Record<string, string>
  /** What an API says of a sample in its status and its headers. */
  readonly answers?: Readonly<
    Record<string, { readonly status?: number; readonly headers: Record<string, string> }>
  >
  /** The sample for a request; undefined: the request is wrong, and answered 400. */
  readonly sample?: (request: IncomingMessage, body: string) => string | undefined
  /** The program that it runs: a stand-in checks its arguments and its environment, and prints the sample. */
  readonly program?: { readonly name: string; readonly argv: string; readonly sample: string }
  /** The token with which devices register as the sample `registrations.json` says: a body for each id. */
  readonly token?: string
}

const when = (isRight: boolean, sample: string) => (isRight ? sample : undefined)
const query = (request: IncomingMessage) => new URL(String(request.url), 'http://a').searchParams

const SETTINGS: Record<string, Setting> = {
  ansible: { env: {} },
  'ansible-ini': { env: {} },
  'ansible-list': {
    env: {},
    program: {
      name: 'ansible-inventory',
      argv: '--inventory inventory --list',
      sample: 'list.json',
    },
  },
  'azure-devops': {
    env: { AZURE_DEVOPS_TOKEN: 'azure-token' },
    sample: (request) =>
      when(
        request.headers.authorization === `Basic ${btoa('rollcall:azure-token')}` &&
          query(request).get('$top') === '100',
        query(request).get('continuationToken') === 'dGlsbC0wMDAy' ? 'page-2.json' : 'page-1.json',
      ),
    answers: { 'page-1.json': { headers: { 'x-ms-continuationtoken': 'dGlsbC0wMDAy' } } },
  },
  blackbox: { env: {}, sample: ({ url }) => when(url === '/services', 'services.json') },
  consul: {
    env: { CONSUL_HTTP_TOKEN: 'consul-token' },
    sample: ({ url, headers }) =>
      when(
        url === '/v1/catalog/service/sensor' && headers['x-consul-token'] === 'consul-token',
        'sensor.json',
      ),
  },
  'consul-health': {
    env: { CONSUL_HTTP_TOKEN: 'consul-token' },
    sample: ({ url, headers }) =>
      when(
        url === '/v1/health/service/sensor?passing=true' && headers['x-consul-token'] === 'consul-token',
        'sensor.json',
      ),
  },
  csv: { env: {} },
  cursor: {
    env: { CLOUD_API_KEY: 'cloud-key' },
    sample: (request) =>
      when(
        request.headers.authorization === 'Bearer cloud-key' && query(request).get('per_page') === '100',
        query(request).get('cursor') === 'bmV4dF9fMw==' ? 'page-2.json' : 'page-1.json',
      ),
  },
  docker: { env: {}, sample: ({ url }) => when(url === '/containers/json', 'containers.json') },
  ec2: { env: {} },
  excel: { env: {} },
  glpi: {
    env: { GLPI_SESSION_TOKEN: 'session-token', GLPI_APP_TOKEN: 'app-token' },
    sample: (request) =>
      when(
        request.headers['session-token'] === 'session-token' && request.headers['app-token'] === 'app-token',
        // Three of fifty, so that the sample is short.
        { '0-49': 'page-1.json', '2-51': 'page-2.json' }[String(query(request).get('range'))] ?? '',
      ) || undefined,
    answers: {
      'page-1.json': { status: 206, headers: { 'content-range': '0-2/5' } },
      'page-2.json': { status: 206, headers: { 'content-range': '2-4/5' } },
    },
  },
  graphql: {
    env: { DEVICES_TOKEN: 'devices-token' },
    sample: ({ method, headers }, body) => {
      const { query: text, variables } = JSON.parse(body)
      const isRight = method === 'POST' && headers.authorization === 'Bearer devices-token'
      return when(
        isRight && text.includes('pageInfo'),
        variables.after === null ? 'page-1.json' : 'page-2.json',
      )
    },
  },
  headerless: { env: {} },
  hetzner: {
    env: { HCLOUD_TOKEN: 'hcloud-token' },
    sample: (request) =>
      when(
        request.headers.authorization === 'Bearer hcloud-token' && query(request).get('per_page') === '50',
        query(request).get('page') === '2' ? 'page-2.json' : 'page-1.json',
      ),
  },
  'http-sd': {
    env: { SD_PASSWORD: 'sd-password' },
    sample: ({ headers }) =>
      when(headers.authorization === `Basic ${btoa('rollcall:sd-password')}`, 'targets.json'),
  },
  icinga: {
    env: { ICINGA_PASSWORD: 'icinga-password' },
    sample: (request) =>
      when(
        request.headers.authorization === `Basic ${btoa('rollcall:icinga-password')}` &&
          query(request).getAll('attrs').includes('address'),
        'hosts.json',
      ),
  },
  ldap: {
    env: {},
    program: {
      name: 'ldapsearch',
      argv: '-LLL -x -o ldif-wrap=no -D cn=rollcall,dc=example,dc=com -y ldap-password -H ldaps://ldap.example.com -b ou=computers,dc=example,dc=com (objectClass=computer) dNSHostName l',
      sample: 'computers.ldif',
    },
  },
  librenms: {
    env: { LIBRENMS_TOKEN: 'librenms-token' },
    sample: ({ url, headers }) =>
      when(url === '/api/v0/devices' && headers['x-auth-token'] === 'librenms-token', 'devices.json'),
  },
  icmp: { env: {} },
  netbox: {
    env: { NETBOX_TOKEN: 'netbox-token' },
    sample: (request) =>
      when(
        request.headers.authorization === 'Token netbox-token' && query(request).get('ordering') === 'id',
        query(request).get('id__gt') === '2' ? 'page-2.json' : 'page-1.json',
      ),
  },
  'netbox-graphql': {
    env: { NETBOX_TOKEN: 'netbox-token' },
    sample: ({ method, url, headers }, body) =>
      when(
        method === 'POST' &&
          url === '/graphql/' &&
          headers.authorization === 'Token netbox-token' &&
          JSON.parse(body).query.includes('primary_ip6 { address }'),
        'devices.json',
      ),
  },
  'netbox-services': {
    env: { NETBOX_TOKEN: 'netbox-token' },
    sample: (request) =>
      when(
        request.headers.authorization === 'Token netbox-token' && query(request).get('ordering') === 'id',
        request.url?.startsWith('/api/ipam/services/') === true
          ? 'services.json'
          : query(request).get('offset') === '100'
            ? 'devices-2.json'
            : 'devices-1.json',
      ),
  },
  powershell: { env: {} },
  proxmox: {
    env: { PVE_SECRET: '0f8fad5b-d9cb-469f-a165-70867728950e' },
    sample: ({ url, headers }) =>
      when(
        url?.endsWith('/agent/network-get-interfaces') === true &&
          headers.authorization === 'PVEAPIToken rollcall@pve!metrics=0f8fad5b-d9cb-469f-a165-70867728950e',
        'interfaces.json',
      ),
  },
  psql: {
    env: { PGHOST: 'db.example.com', PGDATABASE: 'plant', PGUSER: 'rollcall', PGPASSWORD: 'pg-password' },
    program: {
      name: 'psql',
      argv: '--no-psqlrc --csv --command=SELECT hostname, port, site FROM sensors WHERE active',
      sample: 'sensors.csv',
    },
  },
  puppetdb: { env: {}, sample: ({ url }) => when(url === '/pdb/query/v4/inventory', 'inventory.json') },
  push: { env: {}, token: 'device-token' },
  snmp: { env: {}, sample: ({ url }) => when(url === '/devices', 'devices.json') },
  // The first URL is answered 400.
  standby: { env: {}, sample: ({ url }) => when(url === '/cmdb/devices.json', 'devices.json') },
  unifi: {
    env: { UNIFI_PASSWORD: 'unifi-password' },
    sample: ({ url, headers }, body) =>
      url === '/api/login'
        ? when(JSON.parse(body).password === 'unifi-password', 'login.json')
        : when(
            url === '/api/s/default/stat/device' && headers.cookie === 'unifises=unifi-session',
            'devices.json',
          ),
    answers: { 'login.json': { headers: { 'set-cookie': 'unifises=unifi-session; Path=/; HttpOnly' } } },
  },
  vcenter: {
    env: { VCENTER_PASSWORD: 'vcenter-password' },
    sample: ({ method, url, headers }) =>
      method === 'POST'
        ? when(
            url === '/api/session' &&
              headers.authorization === `Basic ${btoa('rollcall@vsphere.local:vcenter-password')}`,
            'session.json',
          )
        : when(headers['vmware-api-session-id'] === 'b00db39f948d13ea1e59b4d6fce56389', 'vms.json'),
    answers: { 'session.json': { status: 201, headers: {} } },
  },
  zabbix: {
    env: { ZABBIX_TOKEN: 'zabbix-token' },
    sample: ({ headers }, body) =>
      when(
        headers.authorization === 'Bearer zabbix-token' && JSON.parse(body).method === 'host.get',
        'hosts.json',
      ),
  },
  'plain-list': { env: {}, sample: ({ url }) => when(url === '/hosts', 'hosts.json') },
}

/** Puts a stand-in for a program into the folder of an example. @returns the environment with which it is found */
function standIn(
  folder: string,
  { name, argv, sample }: NonNullable<Setting['program']>,
  env: Setting['env'],
) {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const checks = Object.entries(env).map(([variable, value]) => `[ "$${variable}" = '${value}' ] || exit 65`)
  const lines = ['#!/bin/sh', `[ "$*" = '${argv}' ] || exit 64`, ...checks, `exec cat ${sample}`]
  writeFileSync(join(bin, name), `${lines.join('\n')}\n`)
  chmodSync(join(bin, name), 0o755)
  return { ...env, PATH: `${bin}:${process.env.PATH}` }
}

/** What `rollcall targets` prints. */
async function printed(t: Test, config: string, env: Setting['env']): Promise<string> {
  const { code, out, err } = await runHere(
    ['targets', `--config.file=${config}`, '--enable-command-sources'],
    env,
  )
  t.equal(code, 0, err)
  return out
}

/** What is served once the devices of the sample have registered with a server that knows that there were none. */
async function registered(t: Test, folder: string, token: string): Promise<string> {
  writeFileSync(join(folder, 'push-token'), `${token}\n`)
  mkdirSync(join(folder, 'data', 'push'), { recursive: true })
  writeFileSync(join(folder, 'data', 'push', 'devices.journal'), '{"format":2}\n')
  const storage = `--storage.path=${join(folder, 'data')}`
  const { url } = await start(t, [
    `--config.file=${join(folder, 'rollcall.yml')}`,
    storage,
    '--web.enable-lifecycle',
  ])
  const sample = JSON.parse(readFileSync(join(folder, 'registrations.json'), 'utf8'))
  for (const [id, body] of Object.entries(sample)) {
    const place = `${url}/api/v1/sources/devices/instances/${id}`
    const headers = { authorization: `Bearer ${token}` }
    const answer = await fetch(place, { method: 'PUT', headers, body: JSON.stringify(body) })
    t.equal(answer.status, 201, await answer.text())
  }
  t.equal((await fetch(`${url}/-/refresh`, { method: 'POST' })).status, 200)
  return `${JSON.stringify(await (await fetch(`${url}/targets`)).json(), null, 2)}\n`
}

const EXAMPLES = readdirSync('examples', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

t.test('every example has a setting, and every setting an example', async (t) => {
  t.same(EXAMPLES.sort(), Object.keys(SETTINGS).sort())
})

for (const [name, { env, sample, answers, program, token }] of Object.entries(SETTINGS)) {
  t.test(`the example ${name} makes the targets that stand beside it`, async (t) => {
    // Removed after the server has ended, which writes into it; the folder of a test is removed before.
    const scope = createScope()
    t.teardown(scope.end)
    const folder = scope.testdir()
    cpSync(join('examples', name), folder, { recursive: true })
    const config = join(folder, 'rollcall.yml')
    if (sample !== undefined) {
      const server = await inventoryServer(t)
      server.handle(async (request, response) => {
        const file = sample(request, (await request.toArray()).join(''))
        if (file === undefined) return void response.writeHead(400).end()
        const text = readFileSync(join(folder, file), 'utf8')
        const { status = 200, headers = {} } = answers?.[file] ?? {}
        response.writeHead(status, headers)
        response.end(text.replace(/https?:\/\/[a-z]+\.example\.com(:\d+)?/g, server.url.origin))
      })
      const text = readFileSync(config, 'utf8')
      writeFileSync(config, text.replace(/https?:\/\/[a-z.]+\.example\.com(:\d+)?/g, server.url.origin))
    }
    const all = program === undefined ? env : standIn(folder, program, env)
    const out = token === undefined ? await printed(t, config, all) : await registered(t, folder, token)
    const expected = join('examples', name, 'expected.json')
    if (process.env.UPDATE_EXAMPLES === '1') writeFileSync(expected, out)
    t.ok(existsSync(expected))
    t.same(JSON.parse(out), JSON.parse(readFileSync(expected, 'utf8')))
  })
}
