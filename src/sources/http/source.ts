import { createRedactor } from '../../base/redactor.ts'
import { displayUrl } from '../../base/urls.ts'
import type { Format } from '../../model/document.ts'
import { rulesOf } from '../../pipeline/decode.ts'
import type { Intake, Reading, Source, SourceDeps, Version } from '../source.ts'
import { assertFramed } from './framing.ts'
import { createLogin } from './login/login.ts'
import type { LoginOptions } from './login/resolve.ts'
import type { Session } from './login/session.ts'
import type { PageHabits } from './pagination/moves.ts'
import type { Pagination } from './pagination/options.ts'
import { readPages } from './pagination/read-pages.ts'
import {
  type AnswerHead,
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

/** The settings of an HTTP inventory, resolved and checked. */
export interface HttpSourceOptions extends HttpClientOptions {
  readonly kind: 'http'
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** Standby URLs of the same inventory, tried in this order when those before them fail. */
  readonly standbys?: readonly URL[] | undefined
  readonly body?: RequestBody | undefined
  readonly format: Format
  /** How pages are read; undefined: the inventory has one page. */
  readonly pagination?: Pagination | undefined
  /** Of all pages together. */
  readonly maxResponseBytes: number
  /** How to log in; undefined: no session is used. */
  readonly login?: LoginOptions | undefined
  /** How to watch for changes; undefined: only refreshes at the interval. */
  readonly watch?: WatchOptions | undefined
}

/** The default limit for a response, in bytes. */
export const DEFAULT_MAX_RESPONSE_BYTES = 256 * 2 ** 20

/** The URLs of an inventory, in the order in which they are tried. */
export function urlsOf({
  url,
  standbys = [],
}: Pick<HttpSourceOptions, 'url' | 'standbys'>): readonly [URL, ...URL[]] {
  return [url, ...standbys]
}

type Deps = HttpDeps & Pick<SourceDeps, 'clock'>

/** Creates the source of an HTTP inventory: a response of 200 has the whole list, or one whole page. */
export function createHttpSource(options: HttpSourceOptions, deps: Deps): Source {
  const [url, ...standbys] = urlsOf(options)
  if (standbys.length === 0) return createOne(options, deps)
  const ways = [url, ...standbys].map((one) => ({
    url: one,
    source: createOne({ ...options, url: one }, deps),
  }))
  return createWays(ways, deps.clock)
}

/** Creates the source of one URL, with its own credentials, connections and habits. */
function createOne(options: HttpSourceOptions, deps: Deps): OneWay['source'] {
  const { method, url, body, format, pagination, maxResponseBytes: maxBytes } = options
  const redactor = createRedactor()
  const requester = createRequester(options, deps, redactor)
  const habits: PageHabits = { hasShortPages: false }
  const login = options.login && createLogin(options.login, options, url, { ...deps, redactor })
  const endsWith = options.login?.renewOn
  const asked = { method, url, body, headers: { accept: rulesOf(format).accept }, maxBytes, endsWith }

  /** So many readings are read into memory, since the records were not in the list that was mapped. */
  let inMemory = 0

  /** Reads an inventory without pages. */
  async function readWhole(
    request: HttpRequest,
    signal: AbortSignal,
    intake: Intake | undefined,
  ): Promise<Reading> {
    const documentOf = ({ status, headers, url }: AnswerHead) => {
      const told = { status, headers, url: displayUrl(url) }
      return { format, name: 'the answer', answer: told }
    }
    const begin: Intake<AnswerHead>['begin'] = (answer, ...how) => intake?.begin(documentOf(answer), ...how)
    const isStreamed = intake !== undefined && inMemory === 0
    if (inMemory > 0) inMemory--
    const answer = await requester.send(
      { ...request, intake: isStreamed ? { ...intake, begin } : undefined },
      signal,
    )
    const { status, body: bytes, streamed } = answer
    if (status === 304) return { kind: 'unchanged' }
    if (streamed === 'elsewhere') {
      inMemory = READINGS_IN_MEMORY
      return readWhole(request, signal, intake)
    }
    assertFramed(answer, format)
    const document = { ...documentOf(answer), bytes, streamed }
    return { kind: 'documents', documents: [document], version: versionOf(answer) }
  }

  let stopWatching: (() => Promise<void>) | undefined

  /** Watches over separate connections: the long poll keeps its connection busy. */
  function watch(how: WatchOptions, changed: () => void): void {
    const own = createRequester(options, deps, redactor)
    // A watch never logs in; it uses the session of the readings.
    const session = () => login?.current()
    const send: Requester['send'] = (request, signal) => own.send({ ...request, session: session() }, signal)
    const stop = watchPosition(how, asked, { requester: { send }, clock: deps.clock }, changed)
    stopWatching = async () => {
      stop()
      await own.close()
    }
  }

  /** @param session undefined: no session is used */
  async function read(
    signal: AbortSignal,
    since: Version | undefined,
    session: Session | undefined,
    intake: Intake | undefined,
  ): Promise<Reading> {
    const request = { ...asked, session }
    // A POST has no conditional form.
    if (pagination === undefined)
      return readWhole({ ...request, since: method === 'GET' ? since : undefined }, signal, intake)
    // Never conditional: a first page that is unchanged proves nothing about the others.
    const documents = await readPages(requester, { ...request, format, pagination }, { habits, signal })
    return { kind: 'documents', documents }
  }

  return {
    read: async (signal, since, _leftMs, intake) =>
      login === undefined
        ? read(signal, since, undefined, intake)
        : login.read((session, again) => read(again, since, session, intake), signal),
    ...(options.watch && { watch: watch.bind(undefined, options.watch) }),
    redact: redactor.redact,
    async close() {
      await Promise.all([stopWatching?.(), requester.close(), login?.close()])
    },
  }
}

/**
 * After how many readings into memory it is tried again to map a large response while it arrives: one odd response must not
 * cost memory for good.
 */
const READINGS_IN_MEMORY = 10

/** How much older than the response a date must be to identify a version: it has no fractions of a second. */
const MIN_AGE_MS = 60_000

/**
 * The ETag or date of this version of the list; undefined when the response has neither, or when its date is too recent
 * to identify a version (RFC 9110 section 8.8.2.2: the list may change again in the same second).
 */
function versionOf({ headers }: HttpAnswer): Version | undefined {
  const { etag, date, 'last-modified': lastModified } = headers
  if (etag !== undefined) return { etag }
  if (lastModified === undefined || date === undefined) return undefined
  return Date.parse(date) - Date.parse(lastModified) >= MIN_AGE_MS ? { lastModified } : undefined
}
