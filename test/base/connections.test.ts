import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type Bounds,
  connectionLimit,
  createConnections,
  MAX_CONNECTIONS,
} from '../../src/base/connections.ts'
import { until } from '../helpers/until.ts'

/** More than all buffers on the way hold. */
const LARGE = Buffer.alloc(50_000_000)

/** A server with limits of its own; `/later` is answered when the test says so, `/large` is more than is read. */
async function server(t: Test, bounds: Partial<Bounds>) {
  const connections = createConnections({ connections: 100, stallMs: 60_000, ...bounds })
  const later: ServerResponse[] = []
  const app = createServer((request, response) => {
    if (request.url === '/later') later.push(response)
    else response.end(request.url === '/large' ? LARGE : 'here')
  })
  app.keepAliveTimeout = 60_000
  connections.watch(app)
  await new Promise<void>((resolve) => void app.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    app.closeAllConnections()
    app.close()
  })
  const { port } = app.address() as AddressInfo
  /** A connection from an address of this machine; it reads when it is told to. */
  const open = async (path?: string, localAddress = '127.0.0.1'): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress })
    socket.pause().on('error', () => {})
    await once(socket, 'connect')
    if (path !== undefined) socket.write(`GET ${path} HTTP/1.1\r\nhost: here\r\n\r\n`)
    return socket
  }
  const isOver = (socket: Socket) => until('it is closed', () => socket.resume().closed)
  return { connections, later, open, isOver, app }
}

/** What a connection gets from now on. */
async function said(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  socket.resume()
  await until('an answer', () => text.includes('here'))
  return text
}

t.test('who has most connections makes room, and its longest idle first', async (t) => {
  const { open, isOver } = await server(t, { connections: 4 })
  const other = await open('/', '127.0.0.2')
  const crowd = [await open('/'), await open('/'), await open('/')]
  await Promise.all([other, ...crowd].map(said))
  const fifth = await open('/', '127.0.0.3')
  await isOver(crowd[0] as Socket)
  await said(fifth)
  t.same(
    [other, ...crowd.slice(1), fifth].map(({ closed }) => closed),
    [false, false, false, false],
  )
})

t.test('without an idle one, the one that was left unread for longest makes room', async (t) => {
  const { connections, later, open, isOver } = await server(t, { connections: 3 })
  const waiting = await open('/later')
  const unread = [await open('/large'), await open('/large')]
  await until('all are asked', () => connections.inFlight() === 3)
  await said(await open('/'))
  await isOver(unread[0] as Socket)
  later[0]?.end('here')
  await said(waiting)
  t.equal(unread[1]?.closed, false)
})

t.test('without any that can make room, the new one is closed', async (t) => {
  const { connections, later, open, isOver } = await server(t, { connections: 2 })
  const waiting = [await open('/later'), await open('/later')]
  await until('both are asked', () => connections.inFlight() === 2)
  await isOver(await open())
  for (const response of later) response.end('here')
  await Promise.all(waiting.map(said))
  t.equal(connections.inFlight(), 0)
})

t.test('who reads nothing is cut off; who waits for an answer, or reads slowly, is not', async (t) => {
  const { connections, later, open, isOver } = await server(t, { stallMs: 300 })
  const waiting = await open('/later')
  const slow = await open('/large')
  const deaf = await open('/large')
  await until('three ask', () => connections.inFlight() === 3)
  const reading = setInterval(() => slow.read(100_000), 20)
  t.teardown(() => clearInterval(reading))
  await until('it is cut off', () => connections.inFlight() === 2)
  await isOver(deaf)
  t.equal(slow.closed, false)
  later[0]?.end('here')
  await said(waiting)
})

t.test('who reads for too long is cut off', async (t) => {
  const { connections, open, isOver } = await server(t, { responseMs: 300 })
  const slow = await open('/large')
  const reading = setInterval(() => slow.read(1_000), 20)
  t.teardown(() => clearInterval(reading))
  await until('it asks', () => connections.inFlight() === 1)
  await until('it is cut off', () => connections.inFlight() === 0)
  await isOver(slow)
  t.equal(connections.inFlight(), 0)
})

t.test('requests that share a connection are in flight until the last is answered', async (t) => {
  const { connections, later, open } = await server(t, { connections: 1 })
  const socket = await open('/later')
  socket.write('GET /later HTTP/1.1\r\nhost: here\r\n\r\n')
  await until('both are asked', () => connections.inFlight() === 2)
  for (const response of later) response.end('here')
  await said(socket)
  await until('both are over', () => connections.inFlight() === 0)
  t.equal(socket.closed, false)
})

t.test('77: there are fewer connections where there are fewer descriptors', async (t) => {
  const line = (soft: string) =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files   ${soft}   1048576  files\n`
  for (const [soft, expected] of [
    ['1048576', MAX_CONNECTIONS],
    ['4300', 4_044],
    ['1024', 768],
    ['256', 128],
    ['20', 10],
    ['unlimited', MAX_CONNECTIONS],
  ] as const)
    t.equal(connectionLimit(join(t.testdir({ limits: line(soft) }), 'limits')), expected, soft)
  t.equal(connectionLimit('/no/such/file'), MAX_CONNECTIONS)
})

t.test('76: with many requests at a time, the one that was left unread for longest is closed', async (t) => {
  const { connections, later, open, isOver } = await server(t, { requests: 2 })
  const waiting = await open('/later')
  const unread = await open('/large')
  await until('both are asked', () => connections.inFlight() === 2)
  const more = [await open('/later'), await open('/later')]
  await isOver(unread)
  await until('three are asked', () => connections.inFlight() === 3)
  for (const response of later) response.end('here')
  await Promise.all([waiting, ...more].map(said))
})

t.test(
  '76: a connection with many requests at once is closed, before anything is done for them',
  async (t) => {
    const { connections, later, open, isOver } = await server(t, { perConnection: 3 })
    const patient = await open('/later')
    await until('it is asked', () => later.length === 1)
    const hasty = await open()
    hasty.write('GET /later HTTP/1.1\r\nhost: here\r\n\r\n'.repeat(500))
    await isOver(hasty)
    t.equal(later.length, 1 + 3)
    await until('only the other is in flight', () => connections.inFlight() === 1)
    later[0]?.end('here')
    await said(patient)
  },
)

t.test('who is of another address makes room where all are busy, and not the new one', async (t) => {
  const { later, open, isOver } = await server(t, { connections: 2 })
  const crowd = [await open('/later'), await open('/later')]
  await until('both are asked', () => later.length === 2)
  const other = await open('/', '127.0.0.2')
  await said(other)
  await isOver(crowd[0] as Socket)
  t.equal(crowd[1]?.closed, false)
})

t.test('a connection that is busy all the time is not cut off while each response is read', async (t) => {
  const { connections, later, open, isOver } = await server(t, { stallMs: 20, responseMs: 400 })
  const socket = await open('/later')
  await until('it is asked', () => later.length === 1)
  const sinceMs = performance.now()
  // Always one in flight, each for a moment only.
  await until(
    'it is busy for long enough',
    async () => {
      const asked = later.length
      socket.write('GET /later HTTP/1.1\r\nhost: here\r\n\r\n')
      await until('the next is asked', () => later.length > asked, { everyMs: 1 })
      later[asked - 1]?.end('here')
      socket.read()
      return performance.now() - sinceMs > 1_200
    },
    { everyMs: 1 },
  )
  t.equal(socket.closed, false)
  await until('one is in flight', () => connections.inFlight() === 1)
  const both = Promise.all([connections.settled(), connections.settled()])
  later.at(-1)?.end(LARGE)
  await until('it is cut off', () => connections.inFlight() === 0)
  await isOver(socket)
  t.same(await both, [undefined, undefined])
})
