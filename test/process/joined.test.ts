import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

const PASSWORD = 'hunter22'

t.test(
  'several URLs, a login and a join: a server serves them, explains them and survives them',
  async (t) => {
    const [dead, main, devices] = [
      await inventoryServer(t),
      await inventoryServer(t),
      await inventoryServer(t, [{ id: 7, ip: '10.0.0.7', password: PASSWORD }]),
    ]
    await dead.stop()
    const services = [{ id: 1, port: 9100, device: { id: 7 } }]
    let session = 0
    let list: unknown = services
    main.handle((request, response) => {
      if (request.url === '/login') return response.end(`"session-${++session}"`)
      const isKnown = request.headers['x-session'] === `session-${session}`
      return isKnown ? response.end(JSON.stringify(list)) : response.writeHead(401).end()
    })
    const source = {
      name: 'services',
      http: {
        urls: [dead.url.href, main.url.href],
        login: { url: '/login', body: { password: PASSWORD }, token: '@', token_header: 'X-Session' },
      },
      with: { device: { http: { url: devices.url.href }, by: 'id', from: 'device.id' } },
      targets: ['{device.ip}:{port}'],
    }
    const config = stringify({ global: { refresh_interval: '1h' }, sources: [source] })
    const folder = t.testdir({ 'rollcall.yml': config })
    const flags = [
      `--config.file=${join(folder, 'rollcall.yml')}`,
      '--web.enable-lifecycle',
      `--storage.path=${join(folder, 'data')}`,
    ]
    const { url, err } = await start(t, flags)
    const get = async (path: string) => (await fetch(`${url}${path}`)).text()
    const refresh = async () => (await fetch(`${url}/-/refresh`, { method: 'POST' })).status
    await until('a first list', async () => (await fetch(`${url}/targets`)).ok)
    t.match(JSON.parse(await get('/targets')), [{ targets: ['10.0.0.7:9100'] }])
    t.match(JSON.parse(await get('/health')).sources.services, {
      state: 'ok',
      read_from: { url: main.url.href, standby: true },
    })
    const explained = await get('/api/v1/explain?q=10.0.0.7')
    t.match(JSON.parse(explained).explanations, [{ record: { id: 1, device: { id: 7, ip: '10.0.0.7' } } }])

    session = 41
    t.equal(await refresh(), 200, 'the session was over')
    t.equal(session, 42)
    devices.json([])
    t.equal(await refresh(), 502)
    list = [...services, { id: 2, port: 9200, device: { id: 8 } }]
    devices.json([{ id: 8, ip: '10.0.0.8' }])
    t.equal(await refresh(), 200)
    t.match(JSON.parse(await get('/targets')), [{ targets: ['10.0.0.7:9100', '10.0.0.8:9200'] }])
    const shown = [explained, err(), await get('/health'), await get('/'), await get('/api/v1/status')].join(
      '',
    )
    t.notMatch(shown, PASSWORD)
    t.notMatch(shown, 'session-42')
  },
)
