import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import type { RefreshFailureReason } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { createHttpSource } from '../../src/sources/http/source.ts'
import type { Source } from '../../src/sources/source.ts'
import { readHalf } from '../helpers/app.ts'
import { authority, tlsOptions } from '../helpers/certificates.ts'
import { type ManualClock, manualClock } from '../helpers/clock.ts'
import { httpOptions } from '../helpers/http-options.ts'
import { type ApiAnswer, type ApiRequest, httpSource, serveApi } from '../helpers/http-source.ts'
import { type Handler, inventoryServer } from '../helpers/inventory-server.ts'
import { INTERVAL_MS, names, refreshing } from '../helpers/refreshing.ts'

/** An inventory that works until it is broken, and again after it was mended. */
interface Rig {
  readonly source: Source
  break(): unknown
  mend(): unknown
  /** What must be so after the failed refresh. */
  after?(t: Test): void
}

interface Fault {
  readonly name: string
  readonly reason: RefreshFailureReason
  /** What the failure says, where the reason alone does not tell the fault. */
  readonly message?: RegExp
  open(t: Test, clock: ManualClock): Promise<Rig>
  /** When it is tried again, in milliseconds, with jitter in the middle of its range. */
  readonly retryMs?: number
}

/** The most that these sources read, in bytes. */
const MAX_BYTES = 100_000

/** How long one refresh may take, in milliseconds. */
const TIMEOUT_MS = 5_000

async function plain(t: Test, clock: ManualClock) {
  const inventory = await inventoryServer(t, names(3))
  const source = createHttpSource(httpOptions(inventory.url, { maxResponseBytes: MAX_BYTES }), {
    clock,
    userAgent: 'Rollcall/test',
  })
  return { inventory, source, mend: () => inventory.json(names(3)) }
}

/** An inventory that answers so while it is broken. */
const answering =
  (handlerWith: (clock: ManualClock) => Handler): Fault['open'] =>
  async (t, clock) => {
    const { inventory, ...rig } = await plain(t, clock)
    return { ...rig, break: () => inventory.handle(handlerWith(clock)) }
  }

const status = (code: number, headers: Record<string, string> = {}) =>
  answering(() => (_request, response) => response.writeHead(code, headers).end('[]'))

const body = (text: string | Buffer, headers: Record<string, string> = {}) =>
  answering(() => (_request, response) => response.writeHead(200, headers).end(text))

/** An inventory of three pages whose answers are these while it is broken. */
const paged =
  (
    pagination: Record<string, unknown>,
    good: (request: ApiRequest) => ApiAnswer,
    bad: (request: ApiRequest, elsewhere: URL) => ApiAnswer,
  ): Fault['open'] =>
  async (t) => {
    const [inventory, other] = [await inventoryServer(t), await inventoryServer(t, names(3))]
    serveApi(inventory, good)
    const url = `http://user:hunter2@${inventory.url.host}/inventory`
    return {
      source: await httpSource(t, { url, pagination }),
      break: () => serveApi(inventory, (request) => bad(request, other.url)),
      mend: () => serveApi(inventory, good),
      after: (t) => t.same(other.requests, [], 'nobody else was asked'),
    }
  }

const linked = { link_header: true, max_pages: 10 }
const page = ({ query }: ApiRequest) => Number(query.get('page') ?? 1)
const link = (url: string) => ({ link: `<${url}>; rel="next"` })
const threeLinked = (request: ApiRequest): ApiAnswer => ({
  json: [`sensor_${page(request) - 1}`],
  headers: page(request) < 3 ? link(`?page=${page(request) + 1}`) : {},
})

const byCursor = { cursor: { value: 'next', parameter: 'page' }, items: 'items', total: 'total' }
const threeByCursor = (request: ApiRequest): ApiAnswer => ({
  json: {
    items: [`sensor_${page(request) - 1}`],
    total: 3,
    next: page(request) < 3 ? page(request) + 1 : null,
  },
})

const ADDRESS = 'IP:127.0.0.1'

/** An HTTPS inventory whose certificate is exchanged for another one while it is broken. */
const presenting =
  (whose: 'a stranger' | 'the past'): Fault['open'] =>
  async (t, clock) => {
    const folder = t.testdir()
    const ca = authority(folder)
    const good = ca.sign('good', ADDRESS)
    const bad =
      whose === 'the past'
        ? ca.signExpired('expired', ADDRESS)
        : authority(folder, 'stranger').sign('bad', ADDRESS)
    const server = createServer({ cert: good.cert, key: good.key }, (_request, response) =>
      response.end(JSON.stringify(names(3))),
    )
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    })
    const show = ({ cert, key }: typeof good) => {
      server.setSecureContext({ cert, key })
      server.closeAllConnections()
    }
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const tls = tlsOptions({ ca: Secret.of(ca.cert) })
    return {
      source: createHttpSource(httpOptions(url, { tls }), { clock, userAgent: 'Rollcall/test' }),
      break: () => show(bad),
      mend: () => show(good),
    }
  }

/** Sends a byte, lets a second pass, and so on. */
const byteByByte =
  (clock: ManualClock): Handler =>
  (_request, response) => {
    response.writeHead(200).flushHeaders()
    const next = () => {
      if (response.destroyed) return
      response.write('[', () => {
        clock.advance(1_000)
        setImmediate(next)
      })
    }
    next()
  }

/** Sends more and more for as long as somebody reads. */
const endless: Fault['open'] = async (t, clock) => {
  const { inventory, ...rig } = await plain(t, clock)
  let written = 0
  return {
    ...rig,
    break: () =>
      inventory.handle((_request, response) => {
        const chunk = Buffer.alloc(16_384, ' ')
        const next = () => {
          if (response.destroyed) return
          written += chunk.byteLength
          response.write(chunk, next)
        }
        response.writeHead(200)
        next()
      }),
    after: (t) => t.ok(written < 50_000_000, `it was stopped after ${written} bytes`),
  }
}

const FAULTS: readonly Fault[] = [
  {
    name: '8: connection refused',
    reason: 'connect',
    async open(t, clock) {
      const { inventory, source } = await plain(t, clock)
      return { source, break: inventory.stop, mend: inventory.restart }
    },
  },
  {
    name: '9: a name that does not resolve',
    reason: 'dns',
    open: status(302, { location: 'http://inventory.invalid/' }),
  },
  {
    name: '10: a certificate of an unknown CA',
    reason: 'tls',
    message: /UNABLE_TO_VERIFY/,
    open: presenting('a stranger'),
  },
  {
    name: '10: a certificate that has expired',
    reason: 'tls',
    message: /CERT_HAS_EXPIRED/,
    open: presenting('the past'),
  },
  {
    name: '11: accepts, then says nothing',
    reason: 'timeout',
    open: answering((clock) => () => clock.advance(TIMEOUT_MS)),
  },
  { name: '12: a byte a second', reason: 'timeout', open: answering(byteByByte) },
  {
    name: '13: reset in mid-body',
    reason: 'reset',
    open: answering(() => (_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('["sensor_0",', () => response.destroy())
    }),
  },
  { name: '14: JSON cut short', reason: 'parse', open: body('["sensor_0","sensor_1"') },
  { name: '14: an empty body', reason: 'parse', open: body('') },
  {
    name: '15: HTML with status 200',
    reason: 'parse',
    open: body('<!doctype html><title>Log in</title>', { 'content-type': 'text/html' }),
  },
  { name: '16: larger than the limit', reason: 'too_large', open: endless },
  {
    name: '16: a gzip bomb',
    reason: 'too_large',
    open: body(gzipSync(Buffer.alloc(50_000_000, ' ')), { 'content-encoding': 'gzip' }),
  },
  { name: '17: 401', reason: 'auth', open: status(401), retryMs: INTERVAL_MS * 1.05 },
  { name: '17: 403', reason: 'auth', open: status(403), retryMs: INTERVAL_MS * 1.05 },
  {
    name: '18: 429 with Retry-After',
    reason: 'rate_limited',
    open: status(429, { 'retry-after': '90' }),
    retryMs: 90_000,
  },
  {
    name: '18: 429 with a Retry-After of a day',
    reason: 'rate_limited',
    open: status(429, { 'retry-after': '86400' }),
    retryMs: 600_000,
  },
  { name: '19: 500', reason: 'http_status', open: status(500) },
  { name: '19: 503', reason: 'http_status', open: status(503) },
  {
    name: '20: page two of three fails',
    reason: 'http_status',
    message: /page 2: .* HTTP 500/,
    open: paged(linked, threeLinked, (request) =>
      page(request) === 2 ? { status: 500, json: [] } : threeLinked(request),
    ),
  },
  {
    name: '20: the last page is no page',
    reason: 'parse',
    message: /page 3/,
    open: paged(byCursor, threeByCursor, (request) =>
      page(request) === 3 ? { text: '<html>' } : threeByCursor(request),
    ),
  },
  {
    name: '21: a cursor that repeats',
    reason: 'pagination',
    message: /repeats an earlier one/,
    open: paged(byCursor, threeByCursor, () => ({ json: { items: ['sensor_0'], total: 3, next: 2 } })),
  },
  {
    name: '21: pages without end',
    reason: 'pagination',
    message: /more than 10 pages/,
    open: paged(linked, threeLinked, (request) => ({
      json: ['sensor_0'],
      headers: link(`?page=${page(request) + 1}`),
    })),
  },
  {
    name: '22: a next link to another origin',
    reason: 'pagination',
    message: /another origin/,
    open: paged(linked, threeLinked, (_request, elsewhere) => ({
      json: ['sensor_0'],
      headers: link(elsewhere.href),
    })),
  },
  {
    name: '23: fewer items than the declared total',
    reason: 'pagination',
    message: /1 of 3 items/,
    open: paged(byCursor, threeByCursor, () => ({ json: { items: ['sensor_0'], total: 3, next: null } })),
  },
]

for (const { name, reason, message = /./, open, retryMs = 750 } of FAULTS) {
  t.test(`${name}: the last good bytes stay, until it is over`, async (t) => {
    const clock = manualClock()
    const rig = await open(t, clock)
    const { runner, store, metrics, status, stop } = await refreshing(t, { source: rig.source, clock })
    const { app } = await readHalf(t, { sources: [], over: { clock, store, metrics } })
    t.teardown(stop)
    const failures = async () => failuresIn((await app.inject('/metrics')).payload)

    t.match(await runner.refresh(), { result: 'changed', targets: 3 })
    const before = await app.inject('/targets')
    t.equal(before.statusCode, 200)
    t.same(await failures(), {})
    const { lastSuccess } = status() ?? {}
    const startMs = clock.monotonic()

    await rig.break()
    clock.advance(10_000)
    t.match(await runner.refresh(), { result: 'failed', targets: 3, error: { reason, message } })
    const during = await app.inject('/targets')
    t.equal(during.statusCode, 200)
    t.same(during.rawPayload, before.rawPayload)
    t.equal(during.headers.etag, before.headers.etag)
    t.same(status()?.lastSuccess, lastSuccess)
    const ageMs = clock.monotonic() - startMs
    t.ok(ageMs >= 10_000)
    t.equal(during.headers['x-rollcall-age-seconds'], (ageMs / 1000).toFixed(3))
    t.same(await failures(), { [reason]: 1 })
    t.same(clock.pending(), [retryMs], 'the next try is planned')
    rig.after?.(t)

    await rig.mend()
    t.match(await runner.refresh(), { result: 'unchanged', targets: 3 })
    const after = await app.inject('/targets')
    t.equal(after.headers['x-rollcall-age-seconds'], '0.000')
    t.same(after.rawPayload, before.rawPayload)
    t.same(await failures(), { [reason]: 1 })
  })
}

/** How often refreshes failed, by reason. */
function failuresIn(metrics: string): Record<string, number> {
  const found = metrics.matchAll(/^rollcall_source_refresh_failures_total\{(.*)\} (\d+)$/gm)
  return Object.fromEntries(
    [...found]
      .map(([, labels, count]) => [/reason="([^"]+)"/.exec(labels ?? '')?.[1], Number(count)] as const)
      .filter(([, count]) => count > 0),
  )
}
