import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'

/** What an example needs to run: its secrets, and which sample answers which request. */
interface Setting {
  readonly env: Record<string, string>
  /** The sample for a request; undefined: the request is wrong, and answered 400. */
  readonly sample?: (request: IncomingMessage, body: string) => string | undefined
}

const when = (isRight: boolean, sample: string) => (isRight ? sample : undefined)
const query = (request: IncomingMessage) => new URL(String(request.url), 'http://a').searchParams

const SETTINGS: Record<string, Setting> = {
  ansible: { env: {} },
  consul: {
    env: { CONSUL_HTTP_TOKEN: 'consul-token' },
    sample: ({ url, headers }) =>
      when(
        url === '/v1/catalog/service/sensor' && headers['x-consul-token'] === 'consul-token',
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
  'http-sd': {
    env: { SD_PASSWORD: 'sd-password' },
    sample: ({ headers }) =>
      when(headers.authorization === `Basic ${btoa('rollcall:sd-password')}`, 'targets.json'),
  },
  netbox: {
    env: { NETBOX_TOKEN: 'netbox-token' },
    sample: (request) =>
      when(
        request.headers.authorization === 'Token netbox-token' && query(request).get('status') === 'active',
        query(request).get('offset') === '100' ? 'page-2.json' : 'page-1.json',
      ),
  },
  'plain-list': { env: {}, sample: ({ url }) => when(url === '/hosts', 'hosts.json') },
}

const EXAMPLES = readdirSync('examples', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

t.test('every example has a setting, and every setting an example', async (t) => {
  t.same(EXAMPLES.sort(), Object.keys(SETTINGS).sort())
})

for (const [name, { env, sample }] of Object.entries(SETTINGS)) {
  t.test(`the example ${name} makes the targets that stand beside it`, async (t) => {
    const folder = t.testdir()
    cpSync(join('examples', name), folder, { recursive: true })
    const config = join(folder, 'rollcall.yml')
    if (sample !== undefined) {
      const server = await inventoryServer(t)
      server.handle(async (request, response) => {
        const file = sample(request, (await request.toArray()).join(''))
        if (file === undefined) return void response.writeHead(400).end()
        const text = readFileSync(join(folder, file), 'utf8')
        response.end(text.replace(/https?:\/\/[a-z]+\.example\.com(:\d+)?/g, server.url.origin))
      })
      const text = readFileSync(config, 'utf8')
      writeFileSync(config, text.replace(/https?:\/\/[a-z.]+\.example\.com(:\d+)?/g, server.url.origin))
    }
    const { code, out, err } = await run(['targets', `--config.file=${config}`], env)
    t.equal(code, 0, err)
    const expected = join('examples', name, 'expected.json')
    if (process.env.UPDATE_EXAMPLES === '1') writeFileSync(expected, out)
    t.ok(existsSync(expected))
    t.same(JSON.parse(out), JSON.parse(readFileSync(expected, 'utf8')))
  })
}
