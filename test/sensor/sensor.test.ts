import { Agent, request as open } from 'node:http'
import { connect, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { single } from '../../src/sensor/exposition.ts'
import { manualClock } from '../helpers/clock.ts'
import { seriesValue } from '../helpers/exposition.ts'
import { pushServer } from '../helpers/push-server.ts'
import { sensorHere } from '../helpers/sensor.ts'
import { until } from '../helpers/until.ts'

const JSON_HEADERS = { 'content-type': 'application/json' }

const healthOf = async (url: string) =>
  (await (await fetch(`${url}/health`)).json()) as {
    status: string
    registered?: boolean
    registrations?: { url: string; registered: boolean }[]
  }

/** Sends bytes as they are and gives what comes back, until the connection ends. */
function raw(port: number, ...parts: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => {
      for (const part of parts) socket.write(part)
    })
    socket.setEncoding('utf8').on('data', (text) => {
      answer += text
    })
    // Who is refused while it still writes may find the connection reset after the answer.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)))
    socket.on('close', () => resolve(answer))
  })
}

t.test('the routes', async (t) => {
  const { url } = await sensorHere(t)
  const rows: [method: string, path: string, status: number, type: RegExp, body: RegExp][] = [
    ['GET', '/', 200, /^text\/plain/, /POST \/payload/],
    ['GET', '/metrics', 200, /^text\/plain; version=0.0.4; charset=utf-8$/, /^# HELP /],
    ['GET', '/metrics/?x=1', 200, /^text\/plain/, /^# HELP /],
    ['GET', '/health', 200, /^application\/json/, /"status":"ok".*"draining":false/],
    ['GET', '/-/healthy', 200, /^text\/plain/, /healthy/],
    ['GET', '/ready', 200, /^text\/plain/, /ready/],
    ['GET', '/-/ready', 200, /^text\/plain/, /ready/],
    ['GET', '/nowhere', 404, /^application\/json/, /"code":"not_found"/],
    ['GET', '/payload', 405, /^application\/json/, /"message":"GET is not possible here; use POST"/],
    ['DELETE', '/metrics', 405, /^application\/json/, /use GET, HEAD/],
  ]
  for (const [method, path, status, type, body] of rows) {
    const answer = await fetch(`${url}${path}`, { method })
    t.equal(answer.status, status, `${method} ${path}`)
    t.match(answer.headers.get('content-type'), type)
    t.match(await answer.text(), body)
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    if (status === 405) t.match(answer.headers.get('allow'), path === '/payload' ? 'POST' : 'GET, HEAD')
  }
  const head = await fetch(`${url}/metrics`, { method: 'HEAD' })
  t.equal(head.status, 200)
  t.ok(Number(head.headers.get('content-length')) > 0)
  t.equal(await head.text(), '')
})

t.test('requests are counted and timed by route, with their errors', async (t) => {
  const { url } = await sensorHere(t)
  const post = (body: string) => fetch(`${url}/payload`, { method: 'POST', headers: JSON_HEADERS, body })
  await (await post('{"text":"a"}')).text()
  await (await post('{')).text()
  await (await fetch(`${url}/a/path/of/its/own`)).text()
  await until('all are counted', async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    const count = (labels: Record<string, string>) =>
      seriesValue(text, 'rollcall_http_requests_total', labels)
    return (
      count({ route: '/payload', method: 'POST', code: '200' }) === 1 &&
      count({ route: '/payload', method: 'POST', code: '400' }) === 1 &&
      count({ route: 'none', method: 'GET', code: '404' }) === 1 &&
      seriesValue(text, 'rollcall_http_request_duration_seconds_count', { route: '/payload' }) === 2 &&
      seriesValue(text, 'rollcall_http_requests_in_flight') === 1 &&
      Number(seriesValue(text, 'process_resident_memory_bytes')) > 1e7
    )
  })
})

t.test('metrics are compressed for who accepts it', async (t) => {
  const { port, url } = await sensorHere(t)
  const plain = await fetch(`${url}/metrics`, { headers: { 'accept-encoding': 'identity' } })
  t.equal(plain.headers.get('content-encoding'), null)
  const body = await new Promise<Buffer>((resolve, reject) => {
    const sent = open({ port, host: '127.0.0.1', path: '/metrics', headers: { 'accept-encoding': 'gzip' } })
    sent.on('response', (answer) => answer.toArray().then((parts) => resolve(Buffer.concat(parts)), reject))
    sent.end()
  })
  t.match(gunzipSync(body).toString(), 'rollcall_sensor_build_info{')
  t.notMatch(gunzipSync(body).toString(), 'rollcall_build_info', 'alerts take what has it for a server')
})

t.test('a payload of another type, encoding or size', async (t) => {
  const { url } = await sensorHere(t)
  const mebibyte = 1_048_576
  const frame = '{"text":""}'.length
  type Row = [headers: Record<string, string>, body: string, status: number, message: string]
  const rows: Row[] = [
    [{ 'content-type': 'application/json; charset=UTF-8' }, '{"text":"a"}', 200, 'text_analysis'],
    [
      { 'content-type': 'application/json', 'content-encoding': 'identity' },
      '{"text":"a"}',
      200,
      'text_analysis',
    ],
    [
      { 'content-type': 'text/plain' },
      '{"text":"a"}',
      415,
      'text/plain is not supported; send application/json',
    ],
    [{ 'content-type': 'application/json; charset=latin1' }, '{}', 415, 'is not supported'],
    [{ ...JSON_HEADERS, 'content-encoding': 'gzip' }, 'x', 415, 'Content-Encoding gzip is not supported'],
    [JSON_HEADERS, `{"text":"${'a'.repeat(mebibyte - frame)}"}`, 200, 'text_analysis'],
    [
      JSON_HEADERS,
      `{"text":"${'a'.repeat(mebibyte - frame + 1)}"}`,
      413,
      'the body is larger than 1048576 bytes',
    ],
    [JSON_HEADERS, 'a'.repeat(3 * mebibyte), 413, 'larger than 1048576 bytes'],
  ]
  for (const [headers, body, status, message] of rows) {
    const answer = await fetch(`${url}/payload`, { method: 'POST', headers, body })
    t.equal(answer.status, status, message)
    t.match(await answer.text(), message)
  }
})

t.test('what is far too large is refused without being read to its end', async (t) => {
  const { port } = await sensorHere(t)
  const head = 'POST /payload HTTP/1.1\r\nHost: a\r\n'
  t.match(await raw(port, `${head}Content-Length: 99999999\r\n\r\n`), /^HTTP\/1\.1 413 .*connection: close/s)
  const chunk = `100000\r\n${'a'.repeat(0x100000)}\r\n`
  const chunks = Array.from({ length: 9 }, () => chunk)
  t.match(await raw(port, `${head}Transfer-Encoding: chunked\r\n\r\n`, ...chunks), /^HTTP\/1\.1 413 /)
})

t.test('a body that is not said to be JSON may be it all the same', async (t) => {
  const { port } = await sensorHere(t)
  const answer = await raw(
    port,
    'POST /payload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 12\r\n\r\n{"text":"a"}',
  )
  t.match(answer, /^HTTP\/1\.1 200 .*"word_count":1/s)
})

t.test('a slow request is 408, and one that its client gives up is counted as such', async (t) => {
  const { port, url } = await sensorHere(t, {
    limits: { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 },
  })
  const head = 'POST /payload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n'
  t.match(await raw(port, `${head}{"text"`), /^HTTP\/1\.1 408 .*"code":"request_timeout"/s)
  t.match(await raw(port, 'GET / HT'), /^HTTP\/1\.1 408 /)
  t.match(await raw(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
  const refused = connect(port, '127.0.0.1', () => {
    refused.write('POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"text"')
    setImmediate(() => refused.destroy())
  })
  await until('they are counted', async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(
      seriesValue(text, 'rollcall_http_requests_total', { route: '/payload', method: 'POST', code: '499' }),
    )
  })
})

t.test('payloads have only so much memory between them', async (t) => {
  const { port, url } = await sensorHere(t)
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  /** A payload that is never whole, so that it stays in memory; one that finds no room is forgotten. */
  const occupy = () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(
      `POST /payload HTTP/1.1\r\nHost: a\r\nContent-Length: 1048000\r\n\r\n${'a'.repeat(1_047_900)}`,
    )
    sockets.push(socket)
  }
  const post = () =>
    fetch(`${url}/payload`, {
      method: 'POST',
      headers: JSON_HEADERS,
      body: `{"text":"${'a'.repeat(200_000)}"}`,
    })
  const answer = await until('one is refused', async () => {
    occupy()
    const one = await post()
    return one.status === 503 && one
  })
  t.equal(answer.headers.get('retry-after'), '1')
  t.match(await answer.json(), { error: { code: 'overloaded' } })
  t.ok(sockets.length >= 16, 'not before the memory is full')
  for (const socket of sockets) socket.destroy()
  await until('the memory is given back', async () => (await post()).status === 200)
})

t.test('a defect is 500, and logged', async (t) => {
  const { url, lines } = await sensorHere(t, {
    machine: { metrics: () => Promise.reject(new Error('a defect')) },
  })
  const answer = await fetch(`${url}/metrics`)
  t.equal(answer.status, 500)
  t.match(await answer.json(), { error: { code: 'internal' } })
  t.match(lines, [{ msg: 'request failed', route: '/metrics', err: { message: 'a defect' } }])
})

t.test('a port that is taken is told with the way out', async (t) => {
  const { port } = await sensorHere(t)
  await t.rejects(sensorHere(t, { listenAddress: { host: '127.0.0.1', port } }), {
    name: 'StartError',
    message: /another program uses this address.*--web.listen-address/,
  })
})

t.test('stopping: first /ready, then every new request, never one in flight', async (t) => {
  const clock = manualClock()
  let finish = () => {}
  const slow = {
    name: 'slow',
    async collect() {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      return [single('gauge' as const, 'slow', 'Slow.', 1)]
    },
  }
  const { url, port, stop } = await sensorHere(t, { clock, drainDelayMs: 5_000, collectors: [slow] })
  const inFlight = fetch(`${url}/metrics`)
  await until('it is in flight', async () => (await healthOf(url)).status === 'ok')
  const stopped = stop()
  const ready = await fetch(`${url}/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { error: { code: 'draining' } })
  t.match(await (await fetch(`${url}/health`)).json(), { draining: true })
  clock.advance(5_000)
  const refused = await until('new ones are refused', async () => {
    const answer = await fetch(`${url}/payload`, {
      method: 'POST',
      headers: JSON_HEADERS,
      body: '{"text":"a"}',
    })
    return answer.status === 503 && answer
  })
  t.equal(refused.headers.get('connection'), 'close')
  t.match(await refused.json(), { error: { code: 'draining', message: 'the sensor is stopping' } })
  finish()
  const answer = await inFlight
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('connection'), 'close')
  t.match(await answer.text(), /^slow 1$/m)
  await until('only the last wait is left', () => clock.pending()[0] === 250)
  clock.advance(250)
  await stopped
  await t.rejects(raw(port, 'GET / HTTP/1.1\r\n\r\n'))
})

t.test('under load no accepted payload fails when the sensor stops', async (t) => {
  const { port, stop } = await sensorHere(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 20 })
  t.teardown(() => agent.destroy())
  const body = JSON.stringify({ numbers: [1, 2, 3, 4, 5], text: 'Sample text for analysis' })
  const post = () =>
    new Promise<number | 'refused' | 'failed'>((resolve) => {
      const headers = { ...JSON_HEADERS, 'content-length': body.length }
      const sent = open({ agent, port, host: '127.0.0.1', method: 'POST', path: '/payload', headers })
      sent.on('response', async (answer) => {
        const text = (await answer.toArray()).join('')
        const isWhole = answer.statusCode !== 200 || JSON.parse(text).numeric_analysis.mean === 3
        resolve(isWhole ? Number(answer.statusCode) : 'failed')
      })
      sent.on('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code === 'ECONNREFUSED' ? 'refused' : 'failed'),
      )
      sent.end(body)
    })
  const results = new Map<number | string, number>()
  const client = async () => {
    for (let result = await post(); ; result = await post()) {
      results.set(result, (results.get(result) ?? 0) + 1)
      if (result !== 200) return
    }
  }
  const clients = Promise.all(Array.from({ length: 20 }, client))
  await until('there is load', () => Number(results.get(200)) > 200)
  await stop()
  await clients
  t.same(results.get('failed'), undefined)
  t.equal(Number(results.get(503) ?? 0) + Number(results.get('refused') ?? 0), 20, 'each client was told')
})

t.test('a sensor registers where it listens, tells so, and leaves when it stops', async (t) => {
  const server = await pushServer(t)
  const registration = {
    url: server.url,
    tokenFile: undefined,
    id: 'me',
    address: undefined,
    labels: {},
    ttl: undefined,
  }
  const { url, port, stop } = await sensorHere(t, { registrations: [registration] })
  await until('it is registered', async () => (await healthOf(url)).registered)
  t.match(await (await fetch(`${url}/metrics`)).text(), /^rollcall_sensor_registered 1$/m)
  t.match(server.pushed, [{ method: 'PUT', body: { address: `127.0.0.1:${port}` } }])
  await stop()
  t.equal(server.pushed.at(-1)?.method, 'DELETE')
})

t.test('a sensor registers with several servers, and says which of them know it', async (t) => {
  const servers = await Promise.all([pushServer(t), pushServer(t)])
  const [one, other] = servers
  await other.stop()
  const registrations = servers.map(({ url }) => ({
    url,
    tokenFile: undefined,
    id: 'me',
    address: undefined,
    labels: {},
    ttl: undefined,
  }))
  const { url, stop } = await sensorHere(t, { registrations, random: () => 0.05 })
  const known = (registered: boolean[]) => ({
    registered: registered.every(Boolean),
    registrations: servers.map((server, index) => ({
      url: server.url.href,
      registered: registered[index],
    })),
  })
  await until('one is registered', async () => (await healthOf(url)).registrations?.[0]?.registered)
  t.match(await healthOf(url), known([true, false]), 'one that is away holds up no other')
  const metrics = await (await fetch(`${url}/metrics`)).text()
  t.equal(seriesValue(metrics, 'rollcall_sensor_registered', { url: one.url.href }), 1)
  t.equal(seriesValue(metrics, 'rollcall_sensor_registered', { url: other.url.href }), 0)
  t.equal(metrics.match(/^# TYPE rollcall_sensor_registered /gm)?.length, 1)
  t.match(metrics, `rollcall_sensor_registration_failures_total{url="${other.url.href}",reason="connect"}`)
  await other.restart()
  await until('both are', async () => (await healthOf(url)).registered)
  t.match(await healthOf(url), known([true, true]))
  t.equal(one.pushed.length, 1, 'the retries of one are none of the other')
  await stop()
  for (const { pushed } of servers) t.equal(pushed.at(-1)?.method, 'DELETE')
})

t.test(
  'a server that does not answer holds up neither registering with another one nor leaving it',
  async (t) => {
    const servers = await Promise.all([pushServer(t), pushServer(t)])
    const [hangs, other] = servers
    hangs.answer(() => {})
    const rest = { tokenFile: undefined, id: 'me', address: undefined, labels: {}, ttl: undefined }
    const { stop } = await sensorHere(t, { registrations: servers.map(({ url }) => ({ url, ...rest })) })
    await until('both are asked', () => servers.every(({ pushed }) => pushed.length === 1))
    const stopped = stop()
    await until('it has left the other', () => other.pushed.at(-1)?.method === 'DELETE')
    t.same(
      hangs.pushed.map(({ method }) => method),
      ['PUT'],
      'and the one that hangs is still waited for',
    )
    await hangs.stop()
    await stopped
  },
)
