import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import { createRedactor, type Redactor } from '../../base/redactor.ts'
import { parseRetryAfter } from '../../base/retry-after.ts'
import { Secret } from '../../base/secret.ts'
import { type Listening, ownAddress } from './address.ts'
import { RegistrationError } from './failure.ts'
import type { RegistrationOptions } from './options.ts'
import { type PushAnswer, sendPush } from './request.ts'

/** The length of the quoted part of a server's message. */
const MAX_QUOTED = 300

/** The push source of the server, as one sensor sees it. */
export interface PushSource {
  /**
   * Registers, or renews a registration.
   * @returns the lease in milliseconds, and the registered address
   * @throws RegistrationError
   */
  register(listening: Listening, timeoutMs: number): Promise<{ ttlMs: number; address: string }>
  /**
   * Ends the registration.
   * @throws RegistrationError
   */
  leave(timeoutMs: number): Promise<void>
}

/** The dependencies of a push source. */
export interface PushSourceDeps {
  readonly clock: Pick<Clock, 'after' | 'now'>
  readonly files: Pick<Files, 'read'>
}

/** The URL of an instance below that of its source. */
export function instanceUrl(source: URL, id: string): URL {
  const url = new URL(source)
  url.pathname = `${url.pathname.replace(/(?<!\/)\/+$/, '')}/instances/${encodeURIComponent(id)}`
  return url
}

/** Creates the client of a push source; it keeps no connection open. */
export function createPushSource(options: RegistrationOptions, { clock, files }: PushSourceDeps): PushSource {
  const url = instanceUrl(options.url, options.id)
  const redactor = createRedactor()
  const { labels, ttl } = options

  return {
    async register(listening, timeoutMs) {
      const token = await readToken(options.tokenFile, files, redactor)
      let address = ''
      const body = (local: string) => {
        address = ownAddress(options.address, listening, local)
        return JSON.stringify({ address, labels, ttl })
      }
      const answer = await sendPush({ method: 'PUT', url, token, body, timeoutMs }, clock)
      assertSuccess(answer, redactor, clock.now())
      return { ttlMs: readTtl(answer), address }
    },
    async leave(timeoutMs) {
      const token = await readToken(options.tokenFile, files, redactor)
      const answer = await sendPush({ method: 'DELETE', url, token, body: undefined, timeoutMs }, clock)
      // 404: it was removed before.
      if (answer.status !== 404) assertSuccess(answer, redactor, clock.now())
    },
  }
}

async function readToken(
  file: string | undefined,
  files: Pick<Files, 'read'>,
  redactor: Redactor,
): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    const token = await redactor.reveal(Secret.file(file, files))
    if (/[^\x21-\x7e]/.test(token))
      throw new Error(`the token in ${file} has characters that a token cannot have`)
    return token
  } catch (error) {
    throw new RegistrationError('token_file', messageOf(error))
  }
}

/** Throws a RegistrationError unless the status is 2xx. */
function assertSuccess(answer: PushAnswer, redactor: Redactor, nowMs: number): void {
  const { status } = answer
  if (status >= 200 && status < 300) return
  const said = redactor.redact(messageIn(answer.text)).slice(0, MAX_QUOTED)
  const message = said === '' ? `the server answered ${status}` : `the server answered ${status}: ${said}`
  throw new RegistrationError(reasonOfStatus(status), message, parseRetryAfter(answer.retryAfter, nowMs))
}

function reasonOfStatus(status: number) {
  if (status < 400) return 'answer' // a redirect is not followed: the token is for this server
  if (status === 401 || status === 403) return 'auth'
  if (status === 429) return 'rate_limited'
  return status === 408 || status >= 500 ? 'unavailable' : 'rejected'
}

/** The message of an error response of Rollcall; of another server, the whole text. */
function messageIn(text: string): string {
  try {
    return String(JSON.parse(text).error.message)
  } catch {
    return text.replace(/\s+/g, ' ').trim()
  }
}

function readTtl({ text }: PushAnswer): number {
  const seconds = ttlIn(text)
  if (typeof seconds === 'number' && seconds > 0) return seconds * 1000
  throw new RegistrationError(
    'answer',
    'the answer has no ttl_seconds; --register.url must be the URL of a push source, such as http://rollcall:8080/api/v1/sources/devices',
  )
}

function ttlIn(text: string): unknown {
  try {
    return JSON.parse(text).ttl_seconds
  } catch {
    return undefined
  }
}
