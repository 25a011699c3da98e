import { inspect } from 'node:util'
import { fileReason, messageOf, RefreshError } from './errors.ts'
import type { Files } from './files.ts'

/** The mask of a secret in any output; Prometheus uses the same. */
export const MASK = '<secret>'

/**
 * Masks the end of a text that was cut, if it may be the beginning of a secret. Linear in the length of the
 * secret (the prefix function of Knuth, Morris and Pratt).
 * @param secret in lower case
 * @param minLength shorter beginnings, in UTF-16 units, are not masked
 */
export function withoutCutEnd(text: string, secret: string, minLength: number): string {
  const end = text.slice(-(secret.length - 1)).toLowerCase()
  // The length of the secret's prefix that ends at each place: of the secret itself first, then of the end of
  // the text.
  const ends: number[] = [0]
  const all = `${secret}\n${end}`
  for (let index = 1, length = 0; index < all.length; index++) {
    while (length > 0 && (all[index] !== all[length] || length === secret.length))
      length = ends[length - 1] as number
    if (all[index] === all[length] && index !== secret.length) length++
    ends.push(length)
  }
  const found = secret.length < 2 ? 0 : (ends.at(-1) as number)
  return found < minLength ? text : text.slice(0, -found) + MASK
}

/**
 * A value that is never printed: text, JSON and inspection show a mask. It is either in memory, or read from
 * a file before each use, so that a rotated file is used without a restart.
 */
export class Secret {
  readonly #read: () => Promise<string>
  /** The path of its file; undefined for a secret in memory. */
  readonly file: string | undefined

  private constructor(read: () => Promise<string>, file?: string) {
    this.#read = read
    this.file = file
  }

  /** A secret in memory. */
  static of(text: string): Secret {
    return new Secret(() => Promise.resolve(text))
  }

  /** A secret in a file, without white space around it, as Prometheus reads `*_file` keys. */
  static file(path: string, files: Pick<Files, 'read'>): Secret {
    return new Secret(() => readSecretFile(path, files), path)
  }

  /** The value; only for sending. @throws RefreshError `file` when its file cannot be read or is empty */
  reveal(): Promise<string> {
    return this.#read()
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [inspect.custom](): string {
    return MASK
  }
}

/** The text of the platform's error. */
const MISSING = 'ENOENT: no such file or directory'

/** A bundle of many certificate authorities is read as a secret too. */
const MAX_FILE_BYTES = 16 * 2 ** 20

/**
 * Shorter than the usual timeout of a refresh, so that the refresh fails with this error; in milliseconds.
 */
const DEADLINE_MS = 5_000

async function readSecretFile(path: string, files: Pick<Files, 'read'>): Promise<string> {
  const bytes = await files
    .read(path, { maxBytes: MAX_FILE_BYTES, deadlineMs: DEADLINE_MS })
    .catch((cause) => {
      throw new RefreshError(
        fileReason(cause),
        `the secret file ${path} cannot be read: ${messageOf(cause)}`,
        { cause },
      )
    })
  if (bytes === undefined)
    throw new RefreshError('file', `the secret file ${path} cannot be read: ${MISSING}`)
  const text = bytes.toString()
  // An empty secret is never intended; the file may be in the middle of a replacement.
  if (text.trim() === '') throw new RefreshError('file', `the secret file ${path} is empty`)
  return text.trim()
}
