import { execFileSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

/** Takes file descriptors from a process. */
const limitFiles = (pid: number | undefined, count: number) =>
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${count}`])

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
