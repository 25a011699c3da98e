import { RefreshError } from '../../base/errors.ts'
import type { Redactor } from '../../base/redactor.ts'
import type { Secret } from '../../base/secret.ts'

/** A header of the configuration; it is sent once for each value. */
export interface HttpHeader {
  /** In lower case. */
  readonly name: string
  readonly values: readonly Secret[]
}

/** Headers on their way; a name may have several values. */
export type WireHeaders = Readonly<Record<string, string | readonly string[]>>

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Shorter parts of a header are words, which messages may hold. */
const MIN_WORD_LENGTH = 8

/** More parts of a header would push other secrets out of what is remembered. */
const MAX_WORDS = 20

/** Whether a text is a token of HTTP (RFC 9110 section 5.6.2): the name of a header, or an authorization type. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Whether a header may hold a text: no line break and no other control character than a tab. */
export function isHeaderValue(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/[\0-\x08\n-\x1f\x7f]/.test(text)
}

/** Throws an Error when no header may hold a text. */
export function assertHeaderValue(text: string): void {
  if (!isHeaderValue(text)) {
    throw new Error('holds a line break or another control character, which no header may hold')
  }
}

/** Remembers a header that is secret. A server may quote a part of it: the token of a scheme, a cookie. */
export function noteWords(value: string, redactor: Pick<Redactor, 'note'>): void {
  const words = value.split(/[\s;=,]+/).filter((word) => word.length >= MIN_WORD_LENGTH)
  for (const word of words.slice(0, MAX_WORDS)) redactor.note(word)
}

/**
 * The value of a secret as a header carries it: the bytes of its UTF-8, as Go sends them.
 * @param what names the value in an error, such as "the header x-token"
 * @throws RefreshError `file` when no header may hold it; a line break never gets into a request
 */
export async function headerValue(what: string, secret: Secret, redactor: Redactor): Promise<string> {
  const value = await redactor.reveal(secret)
  noteWords(value, redactor)
  if (isHeaderValue(value)) return Buffer.from(value).toString('latin1')
  throw new RefreshError(
    'file',
    `${what}: ${secret.file ?? 'its value'} holds a line break or another control character; leave just the value in it, in one line`,
  )
}

/**
 * Reveals headers for one request.
 * @throws RefreshError `file`
 */
export async function revealHeaders(
  headers: readonly HttpHeader[],
  redactor: Redactor,
): Promise<Record<string, string[]>> {
  const revealed = headers.map(async ({ name, values }) => {
    const texts = values.map((value) => headerValue(`the header ${name}`, value, redactor))
    return [name, await Promise.all(texts)] as const
  })
  return Object.fromEntries(await Promise.all(revealed))
}
