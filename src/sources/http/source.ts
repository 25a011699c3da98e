import { Agent, fetch, type Response } from 'undici'
import type { Clock } from '../../base/clock.ts'
import { RefreshError } from '../../base/errors.ts'
import { displayUrl } from '../../base/urls.ts'
import { formatSize } from '../../model/size.ts'
import type { Source } from '../source.ts'
import { toRefreshError } from './failure.ts'
import { parseRetryAfter } from './retry-after.ts'

/** Where an HTTP inventory is and how much of it is read; every value resolved and checked. */
export interface HttpSourceOptions {
  readonly url: URL
  readonly maxResponseBytes: number
}

/** What a source may read when nothing else is configured, in bytes. */
export const DEFAULT_MAX_RESPONSE_BYTES = 256 * 2 ** 20

const MAX_REDIRECTS = 10

/** What the source needs from outside. */
export interface HttpSourceDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly userAgent: string
}

/**
 * An inventory behind HTTP: one GET that answers 200 with JSON. Connections are kept alive between
 * refreshes; gzip, deflate and brotli bodies are unpacked; redirects are followed, but the user and
 * password of the URL never go to another origin.
 */
export function createHttpSource(options: HttpSourceOptions, deps: HttpSourceDeps): Source {
  // The refresh has one total deadline (its signal), so the client's own partial ones are switched off.
  const dispatcher = new Agent({ connections: 1, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 0 } })
  return {
    async read(signal) {
      const shown = displayUrl(options.url)
      try {
        const response = await get(options.url, signal, deps, dispatcher)
        await assertOk(response, shown, deps.clock.now())
        const body = await readBody(response, options.maxResponseBytes, shown)
        return { kind: 'documents', documents: [body] }
      } catch (error) {
        throw signal.aborted ? signal.reason : toRefreshError(error, shown)
      }
    },
    close: () => dispatcher.destroy(),
  }
}

async function get(start: URL, signal: AbortSignal, deps: HttpSourceDeps, dispatcher: Agent) {
  let url = start
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': deps.userAgent,
      ...(url.origin === start.origin ? basicAuth(start) : {}),
    }
    const request = () =>
      // Redirects are ours: the client would pass on headers that it does not know to be secrets.
      fetch(withoutCredentials(url).href, { signal, dispatcher, headers, redirect: 'manual' })
    const response = await request().catch((error) => retryStale(error, request, signal))
    if (response.status < 300 || response.status > 399 || response.status === 304) return response
    await response.body?.cancel()
    url = redirectTarget(response, url)
  }
  throw new RefreshError('redirect', `GET ${displayUrl(start)}: more than ${MAX_REDIRECTS} redirects`)
}

/**
 * A connection that was kept alive may have been closed by the other side just as it was used again: a GET
 * that got no answer for that reason is sent once more, as Go's client does.
 */
function retryStale(
  error: unknown,
  request: () => Promise<Response>,
  signal: AbortSignal,
): Promise<Response> {
  if (!signal.aborted && toRefreshError(error, '').reason === 'reset') return request()
  throw error
}

function redirectTarget(response: Response, from: URL): URL {
  const location = response.headers.get('location') ?? ''
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (location !== '' && (target?.protocol === 'http:' || target?.protocol === 'https:')) return target
  throw new RefreshError(
    'redirect',
    `GET ${displayUrl(from)}: HTTP ${response.status} with the unusable location ${JSON.stringify(location)}`,
  )
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  return bare
}

function basicAuth(url: URL): { authorization?: string } {
  if (url.username === '' && url.password === '') return {}
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

async function assertOk(response: Response, shown: string, nowMs: number): Promise<void> {
  const { status } = response
  if (status === 200) return
  await response.body?.cancel()
  const told = `GET ${shown}: HTTP ${status}`
  if (status === 401 || status === 403) {
    throw new RefreshError('auth', `${told}; check the credentials that the inventory expects`)
  }
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), nowMs)
  if (status === 429) throw new RefreshError('rate_limited', `${told}: too many requests`, { retryAfterMs })
  throw new RefreshError('http_status', `${told}; a whole inventory comes with 200`, { retryAfterMs })
}

async function readBody(response: Response, maxBytes: number, shown: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  // A 200 always has a body. The limit counts unpacked bytes, so a small body that unpacks without end stops here too.
  for await (const chunk of response.body as NonNullable<typeof response.body>) {
    size += chunk.byteLength
    if (size > maxBytes) {
      throw new RefreshError(
        'too_large',
        `GET ${shown}: the answer is larger than ${formatSize(maxBytes)}; raise max_response_size if it should be`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
