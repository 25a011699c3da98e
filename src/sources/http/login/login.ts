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

/** The sessions of one source: one at a time, kept between readings. */
export interface Login {
  /**
   * Reads in the session that is kept, or in a new one. When the inventory says that a kept one is over, or answers
   * something else than an inventory, all of it is read once more in a new one.
   * @throws RefreshError `login_failed` when there is no session to be had
   */
  read(
    read: (session: Session, signal: AbortSignal) => Promise<Reading>,
    signal: AbortSignal,
  ): Promise<Reading>
  /** The session that is kept; undefined: there is none. */
  current(): Session | undefined
  close(): Promise<void>
}

/** The most that is read of the answer to a login, in bytes. */
const MAX_ANSWER_BYTES = 2 ** 20

/** What is wrong with the answer to a login, rather than with the way to it. */
const ANSWERED: ReadonlySet<RefreshFailureReason> = new Set([
  'auth',
  'http_status',
  'redirect',
  'too_large',
  'parse',
])

/** What an inventory seems to be when it answers with a page to log in. */
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

/** What a body has under names of secrets; it may be too short to be taken for one by itself. */
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
 * The token in an answer, which no message shows.
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
      `token gave ${given}, not a text; check the expression, and who logs in`,
    )
  }
  if (isHeaderValue(text)) return text
  throw new RefreshError('login_failed', 'the token has a control character, which no header may hold')
}

/** What fails there would quote the answer. */
function look(document: Json, find: ReturnType<typeof compileQuery>): Json {
  try {
    return find(document, 'the answer')
  } catch {
    throw new RefreshError('login_failed', 'the token expression cannot be applied to the answer')
  }
}
