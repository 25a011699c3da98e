import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createRequester, DEFAULT_HTTP_CLIENT, type Requester } from '../../../src/sources/http/requester.ts'
import { manualClock } from '../../helpers/clock.ts'
import { inventoryServer } from '../../helpers/inventory-server.ts'
import { until } from '../../helpers/until.ts'

const { signal } = new AbortController()

const json = (text: string) => ({ text, contentType: 'application/json' })

function requester(t: { teardown(fn: () => unknown): void }) {
  const created = createRequester(DEFAULT_HTTP_CLIENT, { clock: manualClock(), userAgent: 'Rollcall/test' })
  t.teardown(() => created.close())
  return created
}

t.test('a body is sent as JSON', async (t) => {
  const inventory = await inventoryServer(t)
  let body = ''
  inventory.handle(async (request, response) => {
    body = (await request.toArray()).join('')
    response.end('[]')
  })
  const request = {
    method: 'POST',
    url: inventory.url,
    body: json('{"query":"hosts"}'),
    maxBytes: 1_000,
  } as const
  await requester(t).send(request, signal)
  t.equal(body, '{"query":"hosts"}')
  t.equal(inventory.requests[0]?.headers['content-type'], 'application/json')
})

t.test('52: the body of a POST never follows a redirect to another origin', async (t) => {
  const [inventory, other] = [await inventoryServer(t), await inventoryServer(t)]
  const request = {
    method: 'POST',
    url: inventory.url,
    body: json('{"token":"secret"}'),
    maxBytes: 1_000,
  } as const
  const { send } = requester(t)
  for (const status of [307, 308]) {
    inventory.handle((_request, response) => response.writeHead(status, { location: other.url.href }).end())
    await t.rejects(send(request, signal), {
      reason: 'redirect',
      message:
        /HTTP 30[78] to http:\/\/127.0.0.1:\d+, which is not followed: the body of the request may contain a secret/,
    })
  }
  t.equal(other.requests.length, 0)
  inventory.handle((_request, response) => response.writeHead(303, { location: other.url.href }).end())
  await send(request, signal)
  t.match(other.requests[0], { method: 'GET', headers: { 'content-length': undefined } })
})

t.test('a 401 behind a redirect to another origin says that no credentials were sent', async (t) => {
  const [inventory, other] = [await inventoryServer(t), await inventoryServer(t)]
  inventory.handle((_request, response) => response.writeHead(302, { location: other.url.href }).end())
  other.handle((_request, response) => response.writeHead(401).end())
  const url = new URL(inventory.url)
  url.username = 'rollcall'
  const { send } = requester(t)
  await t.rejects(send({ method: 'GET', url, maxBytes: 1_000 }, signal), {
    message: /expects; none were sent$/,
  })
  other.handle((_request, response) => response.writeHead(403).end())
  const request = { method: 'POST', url: other.url, body: json('{}'), maxBytes: 1_000 } as const
  await t.rejects(send(request, signal), { message: /expects$/ }, 'a body may hold credentials')
})

t.test('a POST that is sent on within its origin keeps its body', async (t) => {
  const inventory = await inventoryServer(t)
  inventory.handle(async (request, response) => {
    if (request.url === '/inventory') response.writeHead(308, { location: '/v2' }).end()
    else response.end((await request.toArray()).join(''))
  })
  const request = { method: 'POST', url: inventory.url, body: json('["a"]'), maxBytes: 1_000 } as const
  t.equal(String((await requester(t).send(request, signal)).body), '["a"]')
})

/** The requests of an inventory that does not respond by itself, each with its connection. */
async function slowInventory(t: Test) {
  const inventory = await inventoryServer(t)
  const waiting: ServerResponse[] = []
  const sockets = new Set<Socket>()
  inventory.handle((request, response) => {
    sockets.add(request.socket)
    waiting.push(response)
  })
  const ask = ({ send }: Requester, own = signal) =>
    send({ method: 'GET', url: inventory.url, maxBytes: 1_000 }, own)
  return {
    ask,
    waiting,
    sockets,
    arrived: (count: number) => until('requests', () => waiting.length === count),
  }
}

t.test(
  'clients without settings of their own share connections, and the abort of one hits no other',
  async (t) => {
    const { ask, waiting, sockets, arrived } = await slowInventory(t)
    const [one, other] = [requester(t), requester(t)]
    for (const client of [one, other, one]) {
      const answer = ask(client)
      await arrived(1)
      waiting.pop()?.end('[]')
      await answer
      await setImmediate()
    }
    t.equal(sockets.size, 1)
    const controller = new AbortController()
    const answers = [ask(one, controller.signal), ask(other)] as const
    await arrived(2)
    t.equal(sockets.size, 2, 'one connection for each request that is under way')
    controller.abort(new Error('too late'))
    await t.rejects(answers[0], { message: 'too late' })
    waiting[1]?.end('[1]')
    t.equal(String((await answers[1]).body), '[1]')
  },
)

t.test('the last client that closes closes the shared connections', async (t) => {
  const { ask, waiting, sockets, arrived } = await slowInventory(t)
  const [one, other] = [requester(t), requester(t)]
  const answer = ask(one)
  await arrived(1)
  await one.close()
  await one.close()
  waiting[0]?.end('[]')
  t.equal(String((await answer).body), '[]', 'what another client has under way goes on')
  const [socket] = sockets as Set<Socket> & [Socket]
  t.notOk(socket.closed)
  await other.close()
  await until('the connection is closed', () => socket.closed)
})

t.test('a shared connection is not used for ever, so that a change in DNS is noticed', async (t) => {
  const { ask, waiting, sockets, arrived } = await slowInventory(t)
  const one = requester(t)
  const realNow = Date.now
  t.teardown(() => {
    Date.now = realNow
  })
  for (const laterMs of [0, 59_000, 61_000]) {
    Date.now = () => realNow() + laterMs
    const answer = ask(one)
    await arrived(1)
    waiting.pop()?.end('[]')
    await answer
    await setImmediate()
    t.equal(sockets.size, laterMs < 60_000 ? 1 : 2)
  }
})

t.test('requests in a sequence use one connection of their own', async (t) => {
  const { ask, waiting, sockets, arrived } = await slowInventory(t)
  const sequence = createRequester(
    { ...DEFAULT_HTTP_CLIENT, isSequence: true },
    { clock: manualClock(), userAgent: 'Rollcall/test' },
  )
  t.teardown(() => sequence.close())
  for (const client of [requester(t), sequence, sequence]) {
    const answer = ask(client)
    await arrived(1)
    waiting.pop()?.end('[]')
    await answer
  }
  t.equal(sockets.size, 2)
})
