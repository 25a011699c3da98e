import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { limitFiles } from '../helpers/limit-files.ts'
import { until } from '../helpers/until.ts'

t.test('80: a start without file descriptors fails in words for people', async (t) => {
  // Fewer than it has once it serves, so that modules cannot be read, or the address not listened on.
  const starting = start(t, ['demo'], {}, undefined, ({ pid }) => limitFiles(pid, 32))
  await t.rejects(starting, {
    message:
      /exited with 1: rollcall: .*(EMFILE|Cannot find).*this process has no file descriptors left; raise its limit/,
  })
})

t.test('80: a process without file descriptors says so, and goes on when it has some again', async (t) => {
  const inventory = await inventoryServer(t)
  // Each refresh needs a connection of its own.
  inventory.handle((_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' }).end('["a"]'),
  )
  const env = { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.2' }
  const { url, child, err } = await start(t, [], env)
  await until('the list', async () => (await fetch(`${url}/targets`)).status === 200)
  // Not before: modules are loaded many at a time.
  limitFiles(child.pid, 64)
  const { hostname, port } = new URL(url)
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await until('it is told', () => {
    sockets.push(connect(Number(port), hostname).on('error', () => {}))
    if (err().includes('"reason":"local"')) return true
    throw new Error(err().slice(-2000))
  })
  t.match(err(), /EMFILE.*; this process has no file descriptors left; raise its limit \(ulimit -n/)
  for (const socket of sockets) socket.destroy()
  await until('it works again', () => err().includes('"msg":"refresh works again"'))
})

t.test('77: fewer descriptors than connections: fewer connections, and no crash', async (t) => {
  const folder = t.testdir({ 'sensors.json': '["a"]' })
  const config = join(folder, 'rollcall.yml')
  writeFileSync(config, 'sources: [{ name: sensors, file: { files: [sensors.json] } }]\n')
  const { url, child } = await start(t, [`--config.file=${config}`], {}, undefined, ({ pid }) =>
    limitFiles(pid, 300),
  )
  await until('the list', async () => (await fetch(`${url}/targets`)).status === 200)
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let count = 0; count < 600; count++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    await once(socket, 'connect')
    if (count % 50 === 0)
      for (const path of ['/targets', '/metrics', '/-/healthy'])
        t.equal((await fetch(`${url}${path}`)).status, 200, `${path} with ${count} sockets`)
  }
  t.equal(child.exitCode, null)
})
