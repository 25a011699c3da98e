import { RefreshError, type RefreshFailureReason } from '../../../base/errors.ts'
import type { Redactor } from '../../../base/redactor.ts'
import type { Secret } from '../../../base/secret.ts'
import { type Json, kindOf } from '../../../model/record.ts'
import { isSecretName } from '../../../model/secret-names.ts'
import { compileQuery } from '../../../pipeline/jmespath.ts'
import type { Reading } from '../../source.ts'
import { isHeaderValue } from '../headers.ts'
import {
  createRequester,
  type HttpAnswer,
  type HttpClientOptions,
  type HttpDeps,
  type RequestBody,
} from '../requester.ts'
import type { LoginOptions } from './resolve.ts'
import { createSession, type Session } from './session.ts'

/** Manages the session of one source, which is kept between readings. */
export interface Login {
  /**
   * Reads with the current session, or with a new one. When the current session has ended, or the response is not an
   * inventory, everything is read once more with a new session.
   * @throws RefreshError `login_failed` when no session can be created
   */
  read(
    read: (session: Session, signal: AbortSignal) => Promise<Reading>,
    signal: AbortSignal,
  ): Promise<Reading>
  /** The current session; undefined: there is none. */
  current(): Session | undefined
  close(): Promise<void>
}

/** Limit for the response to a login, in bytes. */
const MAX_ANSWER_BYTES = 2 ** 20

/** Failures of the response to a login, not of the connection. */
const ANSWERED: ReadonlySet<RefreshFailureReason> = new Set([
  'auth',
  'http_status',
  'redirect',
  'too_large',
  'parse',
])

/** Failures that a login page, sent instead of the inventory, causes. */
const LIKE_A_PAGE: ReadonlySet<RefreshFailureReason> = new Set(['parse', 'shape'])

/**
 * Creates the sessions of a source.
 * @param client how the source makes its connections
 * @param url of the source
 */
export function createLogin(
  options: LoginOptions,
  client: Pick<HttpClientOptions, 'tls' | 'proxy' | 'followRedirects'>,
  url: URL,
  { redactor, ...deps }: HttpDeps & { readonly redactor: Redactor },
): Login {
  const { authorization, headers, concealed, method, token: expression, renewOn } = options
  const requester = createRequester({ ...client, authorization, headers, concealed }, deps, redactor)
  const findToken = expression === undefined ? undefined : compileQuery(expression, 'token', 'parse')
  let kept: Session | undefined

  async function logIn(signal: AbortSignal): Promise<Session> {
    const session = await createSession(options)
    const { at } = options
    const place = at instanceof URL ? at : new URL(await at.reveal(), url.origin)
    const body = options.body && (await bodyOf(options.body))
    for (const secret of body === undefined ? [] : secretsIn(body.text)) redactor.note(secret)
    const answer = await requester.send(
      { method, url: place, body, maxBytes: MAX_ANSWER_BYTES, session, accepts: (status) => status < 400 },
      signal,
    )
    if (findToken !== undefined) {
      const token = tokenIn(answer, findToken)
      redactor.note(token)
      session.setToken(token)
    }
    if (session.isEmpty()) throw new RefreshError('login_failed', 'the answer sets no cookie')
    return session
  }

  async function open(signal: AbortSignal): Promise<{ session: Session; isNew: boolean }> {
    if (kept !== undefined) return { session: kept, isNew: false }
    kept = await logIn(signal).catch((error) => {
      throw asLoginError(error)
    })
    return { session: kept, isNew: true }
  }

  async function attempt(
    read: Parameters<Login['read']>[0],
    signal: AbortSignal,
    isSecond: boolean,
  ): Promise<Reading> {
    const { session, isNew } = await open(signal)
    const again = (error: RefreshError, signal: AbortSignal): Promise<Reading> => {
      if (kept === session) kept = undefined
      if (isNew || isSecond) throw error
      return attempt(read, signal, true)
    }
    try {
      const reading = await read(session, signal)
      if (reading.kind === 'unchanged') return reading
      return { ...reading, otherwise: async (error, signal) => again(error, signal) }
    } catch (error) {
      if (!(error instanceof RefreshError)) throw error
      const isOver = error.status !== undefined && renewOn.includes(error.status)
      if (!isOver && !LIKE_A_PAGE.has(error.reason)) throw error
      return again(error, signal)
    }
  }

  return {
    read: (read, signal) => attempt(read, signal, false),
    current: () => kept,
    close: () => requester.close(),
  }
}

function asLoginError(error: unknown): unknown {
  if (!(error instanceof RefreshError)) return error
  const { reason, message, retryAfterMs } = error
  return new RefreshError(ANSWERED.has(reason) ? 'login_failed' : reason, `login: ${message}`, {
    retryAfterMs,
  })
}

const FORM = /^[^\s=&]+=[^\s&]*(&[^\s=&]+=[^\s&]*)*$/

async function bodyOf(secret: Secret): Promise<RequestBody> {
  const text = await secret.reveal()
  if (parsed(text) !== undefined) return { text, contentType: 'application/json' }
  return { text, contentType: FORM.test(text) ? 'application/x-www-form-urlencoded' : 'text/plain' }
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** The values in a body under names of secrets; a short one would not be recognized as a secret by itself. */
function secretsIn(text: string): string[] {
  const secrets: string[] = []
  const note = (name: string, value: unknown) => {
    if (isSecretName(name) && typeof value === 'string') secrets.push(value)
  }
  try {
    JSON.parse(text, note)
  } catch {
    for (const [name, value] of new URLSearchParams(text)) note(name, value)
  }
  return secrets
}

/**
 * The token in the response, which no message shows.
 * @throws RefreshError `login_failed` when there is none
 */
function tokenIn({ body }: HttpAnswer, find: ReturnType<typeof compileQuery>): string {
  const document = parsed(body.toString())
  if (document === undefined) throw new RefreshError('login_failed', 'the answer is not JSON')
  const token = look(document, find)
  const text = typeof token === 'number' ? String(token) : token
  if (typeof text !== 'string' || text === '') {
    const given = text === '' ? 'an empty text' : kindOf(token)
    throw new RefreshError(
      'login_failed',
      `token gave ${given}, not a text; check the expression and the login`,
    )
  }
  if (isHeaderValue(text)) return text
  throw new RefreshError('login_failed', 'the token has a control character, which is not valid in a header')
}

/** The original error is dropped: it would quote the response. */
function look(document: Json, find: ReturnType<typeof compileQuery>): Json {
  try {
    return find(document, 'the answer')
  } catch {
    throw new RefreshError('login_failed', 'the token expression cannot be applied to the answer')
  }
}
