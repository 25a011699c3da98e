import { writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { exposition } from '../../../src/sensor/exposition.ts'
import type { RegistrationOptions } from '../../../src/sensor/registration/options.ts'
import { instanceUrl } from '../../../src/sensor/registration/push-source.ts'
import { createRegistration } from '../../../src/sensor/registration/registration.ts'
import { authority, tlsServer } from '../../helpers/certificates.ts'
import { manualClock } from '../../helpers/clock.ts'
import { seriesValue } from '../../helpers/exposition.ts'
import { diskFiles } from '../../helpers/files.ts'
import { recordingLog } from '../../helpers/log.ts'
import { pushServer } from '../../helpers/push-server.ts'
import { until } from '../../helpers/until.ts'

/** Of an attempt before anything is known, and of one of a registration for 90 s. */
const ATTEMPT_TIMEOUT_MS = 7_500

const LISTENING = { host: undefined, port: 9100 }

function registering(t: Test, url: URL, options: Partial<RegistrationOptions> = {}) {
  const clock = manualClock()
  const { log, lines, messages } = recordingLog()
  const registration = createRegistration(
    { url, tokenFile: undefined, id: 'one', address: undefined, labels: {}, ttl: undefined, ...options },
    { clock, files: diskFiles, log, random: () => 1 },
  )
  t.teardown(() => registration.leave())
  const metric = (name: string, labels: Record<string, string> = {}) =>
    seriesValue(exposition(registration.families()), `rollcall_sensor_${name}`, labels)
  /** Waits for the end of an attempt: what is planned then is not the end of its time, but the next one. */
  const attempts = (count: number) =>
    until(
      `${count} attempts`,
      () => {
        const planned = clock.pending()
        const isOver = planned.length === 1 && planned[0] !== ATTEMPT_TIMEOUT_MS
        return metric('registration_attempts_total') === count && isOver && planned
      },
      { everyMs: 5 },
    )
  const failed = (reason: string) => metric('registration_failures_total', { reason })
  return { registration, clock, lines, messages, metric, attempts, failed }
}

t.test('registers, renews after a third of the time, and leaves', async (t) => {
  const server = await pushServer(t)
  const tokenFile = join(t.testdir(), 'token')
  writeFileSync(tokenFile, 'first-token\n')
  const { registration, clock, messages, metric, attempts } = registering(t, server.url, {
    tokenFile,
    id: 'a/b c',
    labels: { site: 's1' },
    ttl: '90s',
  })
  t.equal(metric('registered'), 0)
  t.equal(metric('registration_last_success_timestamp_seconds'), undefined)
  registration.start(LISTENING)
  t.same(await attempts(1), [24_000])
  t.equal(metric('registered'), 1)
  t.equal(metric('registration_last_success_timestamp_seconds'), clock.now() / 1000)
  writeFileSync(tokenFile, 'second-token\n')
  clock.advance(24_000)
  await attempts(2)
  await registration.leave()
  t.equal(metric('registered'), 0)
  const path = '/api/v1/sources/devices/instances/a%2Fb%20c'
  const body = { address: '127.0.0.1:9100', labels: { site: 's1' }, ttl: '90s' }
  t.same(server.pushed, [
    { method: 'PUT', path, authorization: 'Bearer first-token', body },
    { method: 'PUT', path, authorization: 'Bearer second-token', body },
    { method: 'DELETE', path, authorization: 'Bearer second-token', body: undefined },
  ])
  t.same(messages(), ['registered', 'left'], 'a heartbeat is no event')
  t.same(clock.pending(), [])
})

t.test(
  'while the server is away it is tried for ever; one line says so, and one that it is back',
  async (t) => {
    const server = await pushServer(t)
    const { registration, clock, lines, metric, attempts, failed } = registering(t, server.url)
    registration.start(LISTENING)
    await attempts(1)
    await server.stop()
    clock.advance(24_000)
    for (let attempt = 2; attempt < 12; attempt++) {
      const [delay] = await attempts(attempt)
      t.ok(Number(delay) <= 15_000)
      clock.advance(Number(delay))
    }
    await attempts(12)
    t.equal(metric('registered'), 0, 'it ran out')
    t.ok(Number(failed('connect')) + Number(failed('reset')) === 11)
    await server.restart()
    clock.advance(15_000)
    await attempts(13)
    t.equal(metric('registered'), 1)
    t.match(lines, [
      { msg: 'registered', address: '127.0.0.1:9100', afterFailures: 0 },
      {
        level: 40,
        reason: 'connect',
        error: /ECONNREFUSED.*; --register.url is http:.*: is Rollcall running there/,
        msg: 'not registered; the sensor keeps trying',
      },
      { msg: 'registered', afterFailures: 11 },
    ])
    t.equal(lines.length, 3)
  },
)

const error = (status: number, message: string, headers: Record<string, string> = {}) => {
  const body = JSON.stringify({ error: { code: 'x', message } })
  return (response: ServerResponse) => void response.writeHead(status, headers).end(body)
}

t.test('what the server answers decides the reason and the time of the next attempt', async (t) => {
  const server = await pushServer(t)
  type Row = [answer: Parameters<typeof server.answer>[0], reason: string, message: RegExp, delay: number]
  const rows: Row[] = [
    [
      error(401, 'this token is unknown'),
      'auth',
      /answered 401: this token is unknown; no token was sent: .* --register.token-file$/,
      75_000,
    ],
    [error(403, 'no'), 'auth', /403/, 75_000],
    [error(404, 'there is no source devices'), 'rejected', /404: there is no source devices/, 75_000],
    [error(429, 'slowly', { 'retry-after': '7' }), 'rate_limited', /429/, 8_000],
    [error(503, 'overloaded', { 'retry-after': '3' }), 'unavailable', /503/, 4_000],
    [error(408, 'slow'), 'unavailable', /408/, 1_000],
    [(response) => void response.writeHead(500).end('x'.repeat(1_000)), 'unavailable', /500: x{300}$/, 1_000],
    [(response) => void response.writeHead(502).end(), 'unavailable', /^the server answered 502$/, 1_000],
    [(response) => void response.writeHead(302, { location: '/x' }).end(), 'answer', /302/, 75_000],
    [
      (response) => void response.end('<html>'),
      'answer',
      /has no ttl_seconds; --register.url must be/,
      75_000,
    ],
    [(response) => void response.end('{"ttl_seconds":0}'), 'answer', /has no ttl_seconds/, 75_000],
    [(response) => void response.end('x'.repeat(100_000)), 'answer', /longer than 65536 bytes/, 75_000],
    [(response) => void response.socket?.destroy(), 'reset', /hang up/, 1_000],
    [(response) => void response.socket?.end('nonsense\r\n\r\n'), 'answer', /Parse Error/, 75_000],
  ]
  for (const [answer, reason, message, delay] of rows) {
    server.answer(answer)
    const { registration, lines, attempts, failed } = registering(t, server.url)
    registration.start(LISTENING)
    t.same(await attempts(1), [delay], reason)
    t.match(lines, [{ reason, error: message }])
    t.equal(failed(reason), 1)
    server.answer(undefined)
    await registration.leave()
  }
})

t.test('an answer that does not come is given up in time', async (t) => {
  const server = await pushServer(t)
  server.answer(() => {})
  const { registration, clock, lines, attempts } = registering(t, server.url)
  registration.start(LISTENING)
  await until('it was asked', () => server.pushed.length === 1)
  clock.advance(7_500)
  await attempts(1)
  t.match(lines, [{ reason: 'timeout', error: 'no answer within 7.5 s' }])
  const left = registration.leave()
  await until('it says that it leaves', () => server.pushed.length === 2)
  clock.advance(5_000)
  await left
  t.match(lines[1], { msg: 'not unregistered; the registration expires', error: 'no answer within 5 s' })
  server.answer(undefined)
})

t.test('a token that cannot be had, or is none, is no reason to stop', async (t) => {
  const server = await pushServer(t)
  const folder = t.testdir({ odd: 'two words\n' })
  for (const [file, message] of [
    ['missing', /cannot be read/],
    ['odd', /has characters that a token cannot have/],
  ] as const) {
    const { registration, lines, attempts } = registering(t, server.url, { tokenFile: join(folder, file) })
    registration.start(LISTENING)
    await attempts(1)
    t.match(lines, [{ reason: 'token_file', error: message }])
    await registration.leave()
    t.match(lines[1], { msg: 'not unregistered; the registration expires', reason: 'token_file' })
  }
  t.same(server.pushed, [])
})

t.test('a server that quotes the token does not bring it into the log', async (t) => {
  const server = await pushServer(t)
  const tokenFile = join(t.testdir({ token: 'secret-canary' }), 'token')
  server.answer(
    (response, request) => void response.writeHead(401).end(String(request.headers.authorization)),
  )
  const { registration, lines, attempts } = registering(t, server.url, { tokenFile })
  registration.start(LISTENING)
  await attempts(1)
  t.match(lines, [{ error: 'the server answered 401: Bearer <secret>' }])
})

t.test('a sensor that only this machine reaches is not told to another one', async (t) => {
  const server = await pushServer(t)
  const { registration, lines, attempts } = registering(t, server.url)
  registration.start({ host: '127.0.0.2', port: 9100 })
  await attempts(1)
  t.match(server.pushed, [{ body: { address: '127.0.0.2:9100' } }])
  const other = registering(t, server.url)
  other.registration.start({ host: 'not a host', port: 9100 })
  await other.attempts(1)
  t.match(other.lines, [{ reason: 'address', error: /not a host is not an address/ }])
  t.match(lines, [{ msg: 'registered' }])
})

t.test('leaving waits for an attempt that is under way, which would undo it', async (t) => {
  const server = await pushServer(t)
  let answerLate = () => {}
  server.answer((response, request) => {
    if (request.method === 'DELETE') return void response.writeHead(404).end()
    answerLate = () => void response.end('{"ttl_seconds":90}')
  })
  const { registration, clock, messages } = registering(t, server.url)
  registration.start(LISTENING)
  await until('it was asked', () => server.pushed.length === 1)
  const left = registration.leave()
  t.equal(server.pushed.length, 1)
  answerLate()
  await left
  t.same(
    server.pushed.map(({ method }) => method),
    ['PUT', 'DELETE'],
  )
  t.same(messages(), ['registered', 'left'], 'and who is not known any more has left')
  t.same(clock.pending(), [], 'no heartbeat comes after it')
})

t.test('a certificate that nobody vouches for is told as such', async (t) => {
  const pair = authority(t.testdir()).sign('server', 'IP:127.0.0.1')
  const url = await tlsServer(t, pair, (_request, response) => response.end())
  const { registration, lines, attempts } = registering(t, url)
  registration.start(LISTENING)
  await attempts(1)
  t.match(lines, [{ reason: 'tls' }])
})

t.test('a name that does not resolve is told as such', async (t) => {
  const { registration, lines, attempts } = registering(t, new URL('http://rollcall.invalid/a'))
  registration.start(LISTENING)
  await attempts(1)
  t.match(lines, [{ reason: 'dns' }])
})

t.test('the URL of an instance', async (t) => {
  for (const source of ['http://a/b', 'http://a/b/', 'http://a/b//']) {
    t.equal(instanceUrl(new URL(source), 'x/y%').href, 'http://a/b/instances/x%2Fy%25')
  }
})
