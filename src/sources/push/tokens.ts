import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { within } from '../../base/deadline.ts'
import { HttpError, messageOf } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import type { Holder } from '../../model/registration.ts'
import { isHeaderValue } from '../http/headers.ts'
import type { Leases } from './lease.ts'

/** The timeout for reading the tokens, in milliseconds. */
const READ_TIMEOUT_MS = 5_000

/** The tokens are not read again for this time, in milliseconds: it costs more than the rest of a heartbeat. */
const REREAD_MS = 1_000

const RETRY_AFTER_SECONDS = 5

const CAUSE = 'the tokens cannot be read'

/** The token files of a source; without any, no token is needed. */
export interface TokenFiles {
  /** One on each line; each may register any instance. */
  readonly token: Secret | undefined
  /** `id token` on each line; each may register its instance only. */
  readonly deviceTokens?: Secret | undefined
}

/** Checks which devices can register. */
export interface Tokens {
  /**
   * Finds the holder of a token.
   * @throws HttpError `unauthorized`, or `token_unreadable`
   */
  authorize(token: string | undefined): Promise<Holder>
  /** @throws RefreshError `file` when the tokens cannot be read, or Error when that takes too long */
  assertReadable(): Promise<void>
}

/**
 * Creates the check of tokens, whose files are read again at most once a second. While they cannot be read, heartbeats
 * cannot be received. A token is looked up by its digest, so that the time of the lookup reveals nothing about it.
 */
export function createTokens(
  { token: shared, deviceTokens }: TokenFiles,
  leases: Pick<Leases, 'pause' | 'resume'>,
  clock: Pick<Clock, 'after' | 'monotonic'>,
): Tokens {
  let texts: readonly string[] = []
  let holders: ReadonlyMap<string, Holder> = new Map()
  let readMs = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined

  async function read(): Promise<void> {
    const both = Promise.all([shared, deviceTokens].map(async (secret) => (await secret?.reveal()) ?? ''))
    const found = await within(READ_TIMEOUT_MS, 'reading the tokens', clock, both).catch((error) => {
      leases.pause(CAUSE)
      throw error
    })
    leases.resume(CAUSE)
    if (found.some((text, index) => text !== texts[index])) holders = holdersIn(found)
    texts = found
    readMs = clock.monotonic()
  }

  async function assertReadable(): Promise<void> {
    reading ??= read().finally(() => {
      reading = undefined
    })
    await reading
  }

  if (shared === undefined && deviceTokens === undefined) {
    return { authorize: async () => ({}), assertReadable: async () => {} }
  }
  return {
    async authorize(token) {
      if (clock.monotonic() - readMs >= REREAD_MS) {
        await assertReadable().catch((error) => {
          throw new HttpError('token_unreadable', messageOf(error), RETRY_AFTER_SECONDS)
        })
      }
      if (token === undefined) {
        throw new HttpError('unauthorized', 'no token was sent; send the header Authorization: Bearer …')
      }
      const holder = holders.get(digest(token))
      if (holder !== undefined) return holder
      throw new HttpError('unauthorized', 'the token is wrong; send a token of the source')
    },
    assertReadable,
  }
}

/** The holders by digest. A line that is not valid is ignored; `rollcall check` reports it. */
function holdersIn([shared = '', bound = '']: readonly string[]): Map<string, Holder> {
  const holders = new Map<string, Holder>()
  for (const token of linesOf(shared)) {
    // Long enough to distinguish a few tokens, too short to reveal one.
    const name = digest(token).slice(0, 8)
    holders.set(digest(token), { token: name })
  }
  for (const line of linesOf(bound)) {
    const { id, token } = deviceLine(line)
    if (id !== undefined && token !== undefined) holders.set(digest(token), { device: id })
  }
  return holders
}

function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '')
}

/** An id can contain spaces, a token cannot. */
function deviceLine(line: string): { id?: string | undefined; token?: string | undefined } {
  const [, id, token] = /^(.*\S)\s+(\S+)$/.exec(line) ?? []
  return { id, token }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Throws an Error when a text is not one token on each line: no device can send any other text. */
export function assertTokens(text: string): void {
  const lines = text.split('\n').map((line) => line.trim())
  const wrong = lines.findIndex((line) => /\s/.test(line) || !isHeaderValue(line))
  if (wrong === -1) return
  throw new Error(
    `has white space or a control character in line ${wrong + 1}, which is not valid in a token; write only one token on each line`,
  )
}

/** Throws an Error when a text is not an id and a token on each line, or when two devices have the same token. */
export function assertDeviceTokens(text: string): void {
  const seen = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const { id, token } = deviceLine(line.trim())
    if (id === undefined || token === undefined || !isHeaderValue(token)) {
      throw new Error(`has no id and token in line ${index + 1}; write an id, a space and its token`)
    }
    if ((seen.get(token) ?? id) !== id) {
      throw new Error(`has a token in line ${index + 1} that another id has too; create one for each id`)
    }
    seen.set(token, id)
  }
}
