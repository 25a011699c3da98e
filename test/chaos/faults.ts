import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

/** One page as a healthy inventory sends it. */
export interface PageAnswer {
  readonly body: string
  /** The page's number, from 1, and how many there are. */
  readonly page: number
  readonly pages: number
  /** Resets the connection. */
  reset(): void
  /** Writes the page anew with other values. */
  with(change: { next?: string | null; total?: number; drop?: number }): string
}

/** Misbehaves in the place of a page; false: this page goes out as it should. */
type Fault = (response: ServerResponse, answer: PageAnswer) => undefined | false

const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  (response) =>
    void response.writeHead(code, headers).end(`{"error":${code}}`)

const body = (text: string | Buffer, headers: Record<string, string> = {}): Fault => {
  return (response) =>
    void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(text)
}

/** The largest answer that Rollcall is configured to take, in bytes. */
export const MAX_RESPONSE_BYTES = 2 * 2 ** 20

const BOMB = gzipSync(Buffer.alloc(64 * 2 ** 20, ' '))
const TOO_LARGE = JSON.stringify({ items: [], total: 0, padding: 'x'.repeat(MAX_RESPONSE_BYTES + 1) })

/** The fault that leads to pages that only it can answer. */
export const ENDLESS = '21: pages without end'

/**
 * Ways in which an answer is wrong so that the refresh must fail; the number is the fault's in the catalogue
 * of faults. Refused connections, flapping, drops and odd records are elsewhere: they are no answer that is wrong.
 */
export const FAULTS: Readonly<Record<string, Fault>> = {
  '11: says nothing': () => undefined,
  '12: a byte a second': (response, answer) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    void drip(response, answer.body)
  },
  '13: reset in mid-body': (response, answer) => {
    response.writeHead(200, { 'content-length': Buffer.byteLength(answer.body) })
    response.write(answer.body.slice(0, answer.body.length / 2), answer.reset)
  },
  '13: ends in mid-body': (response, answer) => {
    response.writeHead(200, { 'content-length': Buffer.byteLength(answer.body) })
    response.write(answer.body.slice(0, answer.body.length / 2), () => response.socket?.end())
  },
  '14: JSON cut short': (response, answer) =>
    void response.writeHead(200).end(answer.body.slice(0, answer.body.length / 2)),
  '15: HTML with status 200': body('<html><body>Please log in</body></html>', {
    'content-type': 'text/html',
  }),
  '15: an empty body with status 200': body(''),
  '15: null': body('null'),
  '15: an object without items': body('{"error":"database is locked"}'),
  '15: items are null': body('{"items":null,"total":0}'),
  '15: 204': (response) => void response.writeHead(204).end(),
  '15: 304 that nobody asked for': (response) => void response.writeHead(304).end(),
  '16: too large': body(TOO_LARGE),
  '16: a gzip bomb': body(BOMB, { 'content-encoding': 'gzip' }),
  '17: 401': status(401),
  '17: 403': status(403),
  '18: 429': status(429, { 'retry-after': '1' }),
  '19: 500': status(500),
  '19: 502': status(502),
  '19: 503': status(503, { 'retry-after': '2' }),
  '20: the last page fails': (response, answer) =>
    answer.page === answer.pages ? status(500)(response, answer) : false,
  '20: the last page is cut': (response, answer) =>
    answer.page === answer.pages ? body(answer.body.slice(0, -3))(response, answer) : false,
  '21: a cursor that repeats': (response, answer) =>
    answer.page === answer.pages ? body(answer.with({ next: '/inventory' }))(response, answer) : false,
  [ENDLESS]: (response, answer) =>
    body(answer.with({ next: `?more=${answer.page}-${Math.random()}` }))(response, answer),
  '22: a next link elsewhere': body('{"items":[],"total":0,"next":"http://127.0.0.2:9/inventory"}'),
  '23: fewer than the total': (response, answer) => {
    const fewer = answer.with({ drop: 1 })
    return fewer === answer.body ? false : body(fewer)(response, answer)
  },
  '23: a wrong total': (response, answer) => body(answer.with({ total: 1_000_000 }))(response, answer),
}

/** Records that make no target, as they are encoded; the rest of the page is served all the same. */
export const ODD_RECORDS: readonly string[] = [
  '5',
  'null',
  'true',
  '[]',
  '{}',
  '{"host":null}',
  '{"host":{"nested":true},"site":"x"}',
  '{"host":"two words","site":"x"}',
  '{"host":"line\\nbreak","site":"x"}',
  '{"host":"\\ud800","site":"x"}',
  '{"host":"","site":"x"}',
  '{"host":"http://a/b","site":"x"}',
  '{"host":"a:99999","site":"x"}',
  '{"__proto__":{"host":"polluted"}}',
  '{"constructor":{"prototype":{"host":"polluted"}}}',
  `{"host":"${'x'.repeat(100_000)}","site":"x"}`,
]

async function drip(response: ServerResponse, text: string): Promise<void> {
  for (const character of text) {
    if (response.destroyed) return
    response.write(character)
    await delay(1_000, undefined, { ref: false })
  }
}
