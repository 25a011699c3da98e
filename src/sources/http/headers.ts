import { RefreshError } from '../../base/errors.ts'
import type { Redactor } from '../../base/redactor.ts'
import type { Secret } from '../../base/secret.ts'

/** A header of the configuration; it is sent once for each value. */
export interface HttpHeader {
  /** In lower case. */
  readonly name: string
  readonly values: readonly Secret[]
}

/** Headers as they are sent; a name can have several values. */
export type WireHeaders = Readonly<Record<string, string | readonly string[]>>

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Shorter parts of a header are common words, which are not masked in messages. */
const MIN_WORD_LENGTH = 8

/** The redactor remembers a limited number of secrets; more parts of a header would push out others. */
const MAX_WORDS = 20

/** Whether a text is a token of HTTP (RFC 9110 section 5.6.2): the name of a header, or an authorization type. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Whether a text is valid in a header: no line break, and no other control character than a tab. */
export function isHeaderValue(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return !/[\0-\x08\n-\x1f\x7f]/.test(text)
}

/** Throws an Error when a text is not valid in a header. */
export function assertHeaderValue(text: string): void {
  if (!isHeaderValue(text)) {
    throw new Error('contains a line break or another control character, which is not valid in a header')
  }
}

/** Notes the parts of a secret header for redaction: a server may quote one, such as a token or a cookie. */
export function noteWords(value: string, redactor: Pick<Redactor, 'note'>): void {
  const words = value.split(/[\s;=,]+/).filter((word) => word.length >= MIN_WORD_LENGTH)
  for (const word of words.slice(0, MAX_WORDS)) redactor.note(word)
}

/**
 * The value of a secret as it is sent in a header: the bytes of its UTF-8, as Go sends them.
 * @param what names the value in an error, such as "the header x-token"
 * @throws RefreshError `file` when it is not valid in a header; a line break never gets into a request
 */
export async function headerValue(what: string, secret: Secret, redactor: Redactor): Promise<string> {
  const value = await redactor.reveal(secret)
  noteWords(value, redactor)
  if (isHeaderValue(value)) return Buffer.from(value).toString('latin1')
  throw new RefreshError(
    'file',
    `${what}: ${secret.file ?? 'its value'} contains a line break or another control character; it must be only the value, on one line`,
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
