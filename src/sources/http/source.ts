import { createRedactor } from '../../base/redactor.ts'
import type { Format } from '../../model/document.ts'
import { rulesOf } from '../../pipeline/decode.ts'
import type { Reading, Source, SourceDeps, Version } from '../source.ts'
import { assertFramed } from './framing.ts'
import { createLogin } from './login/login.ts'
import type { LoginOptions } from './login/resolve.ts'
import type { Session } from './login/session.ts'
import type { PageHabits } from './pagination/moves.ts'
import type { Pagination } from './pagination/options.ts'
import { readPages } from './pagination/read-pages.ts'
import {
  createRequester,
  type HttpAnswer,
  type HttpClientOptions,
  type HttpDeps,
  type HttpRequest,
  type RequestBody,
  type Requester,
} from './requester.ts'
import { type WatchOptions, watchPosition } from './watch.ts'
import { createWays, type OneWay } from './ways.ts'

/** Where an HTTP inventory is and how it is asked; every value resolved and checked. */
export interface HttpSourceOptions extends HttpClientOptions {
  readonly kind: 'http'
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** Further ways to the same inventory, asked in this order when those before them fail. */
  readonly standbys?: readonly URL[] | undefined
  readonly body?: RequestBody | undefined
  readonly format: Format
  /** How the pages are found, of an inventory that comes in pages. */
  readonly pagination?: Pagination | undefined
  /** Of all pages together. */
  readonly maxResponseBytes: number
  /** How a session begins; undefined: none is asked for. */
  readonly login?: LoginOptions | undefined
  /** How the inventory tells that it changed; undefined: it is only asked at each interval. */
  readonly watch?: WatchOptions | undefined
}

/** What a source may read when nothing else is configured, in bytes. */
export const DEFAULT_MAX_RESPONSE_BYTES = 256 * 2 ** 20

/** The URLs of an inventory, in the order in which they are asked. */
export function urlsOf({
  url,
  standbys = [],
}: Pick<HttpSourceOptions, 'url' | 'standbys'>): readonly [URL, ...URL[]] {
  return [url, ...standbys]
}

type Deps = HttpDeps & Pick<SourceDeps, 'clock'>

/** An inventory behind HTTP: an answer of 200 holds all of it, or all of one page. */
export function createHttpSource(options: HttpSourceOptions, deps: Deps): Source {
  const [url, ...standbys] = urlsOf(options)
  if (standbys.length === 0) return createOne(options, deps)
  const ways = [url, ...standbys].map((one) => ({
    url: one,
    source: createOne({ ...options, url: one }, deps),
  }))
  return createWays(ways, deps.clock)
}

/** With credentials, connections and habits of its own. */
function createOne(options: HttpSourceOptions, deps: Deps): OneWay['source'] {
  const { method, url, body, format, pagination, maxResponseBytes: maxBytes } = options
  const redactor = createRedactor()
  const requester = createRequester(options, deps, redactor)
  const habits: PageHabits = { hasShortPages: false }
  const login = options.login && createLogin(options.login, options, url, { ...deps, redactor })
  const endsWith = options.login?.renewOn
  const asked = { method, url, body, headers: { accept: rulesOf(format).accept }, maxBytes, endsWith }

  /** Reads what comes in one answer. */
  async function readWhole(request: HttpRequest, signal: AbortSignal): Promise<Reading> {
    const answer = await requester.send(request, signal)
    const { status, headers, body: bytes } = answer
    if (status === 304) return { kind: 'unchanged' }
    assertFramed(answer, format)
    const document = { bytes, format, name: 'the answer', answer: { status, headers } }
    return { kind: 'documents', documents: [document], version: versionOf(answer) }
  }

  let stopWatching: (() => Promise<void>) | undefined

  /** With connections of its own, which are busy all the time. */
  function watch(how: WatchOptions, changed: () => void): void {
    const own = createRequester(options, deps, redactor)
    // Only a reading logs in.
    const session = () => login?.current()
    const send: Requester['send'] = (request, signal) => own.send({ ...request, session: session() }, signal)
    const stop = watchPosition(how, asked, { requester: { send }, clock: deps.clock }, changed)
    stopWatching = async () => {
      stop()
      await own.close()
    }
  }

  /** @param session undefined: none is asked for */
  async function read(
    signal: AbortSignal,
    since: Version | undefined,
    session: Session | undefined,
  ): Promise<Reading> {
    const request = { ...asked, session }
    // A POST has no conditional form.
    if (pagination === undefined)
      return readWhole({ ...request, since: method === 'GET' ? since : undefined }, signal)
    // Never conditional: a first page that is unchanged proves nothing about the others.
    const documents = await readPages(requester, { ...request, format, pagination }, { habits, signal })
    return { kind: 'documents', documents }
  }

  return {
    read: async (signal, since) =>
      login === undefined
        ? read(signal, since, undefined)
        : login.read((session, again) => read(again, since, session), signal),
    ...(options.watch && { watch: watch.bind(undefined, options.watch) }),
    redact: redactor.redact,
    async close() {
      await Promise.all([stopWatching?.(), requester.close(), login?.close()])
    },
  }
}

/** How much older than the answer a date must be to tell versions apart: it has no fractions of a second. */
const MIN_AGE_MS = 60_000

/**
 * What the inventory said of this version of its list; undefined when it said nothing that tells versions apart
 * (RFC 9110 section 8.8.2.2: a list that was changed just now may change again in the same second).
 */
function versionOf({ headers }: HttpAnswer): Version | undefined {
  const { etag, date, 'last-modified': lastModified } = headers
  if (etag !== undefined) return { etag }
  if (lastModified === undefined || date === undefined) return undefined
  return Date.parse(date) - Date.parse(lastModified) >= MIN_AGE_MS ? { lastModified } : undefined
}
