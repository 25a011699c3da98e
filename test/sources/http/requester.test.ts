import t from 'tap'
import { createRequester, DEFAULT_HTTP_CLIENT } from '../../../src/sources/http/requester.ts'
import { manualClock } from '../../helpers/clock.ts'
import { inventoryServer } from '../../helpers/inventory-server.ts'

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
