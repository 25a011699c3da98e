import { inspect } from 'node:util'
import { fileReason, messageOf, RefreshError } from './errors.ts'
import type { Files } from './files.ts'

/** What a secret looks like wherever it would be printed; Prometheus writes the same. */
export const MASK = '<secret>'

/**
 * A text whose end, where it was cut, may be the beginning of a secret: without that. It takes time in proportion to
 * the secret (the prefix function of Knuth, Morris and Pratt).
 * @param secret in lower case
 * @param minLength so much of a secret, in UTF-16 units, is none yet
 */
export function withoutCutEnd(text: string, secret: string, minLength: number): string {
  const end = text.slice(-(secret.length - 1)).toLowerCase()
  // How much of the secret each place ends with: the secret itself first, then the end of the text.
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
 * A value that is never printed: text, JSON and inspection show a mask. It is either known or read from a file
 * each time it is asked for, so that a rotated file is used without a restart.
 */
export class Secret {
  readonly #read: () => Promise<string>
  /** The path that it is read from; undefined when it is known already. */
  readonly file: string | undefined

  private constructor(read: () => Promise<string>, file?: string) {
    this.#read = read
    this.file = file
  }

  /** A secret that is known. */
  static of(text: string): Secret {
    return new Secret(() => Promise.resolve(text))
  }

  /** A secret in a file, without the white space around it, as Prometheus reads `*_file` keys. */
  static file(path: string, files: Pick<Files, 'read'>): Secret {
    return new Secret(() => readSecretFile(path, files), path)
  }

  /**
   * The value; for the wire only.
   * @throws RefreshError `file` when its file cannot be read or holds nothing
   */
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

/** What the platform says of it. */
const MISSING = 'ENOENT: no such file or directory'

/** Certificates of very many authorities are secrets too. */
const MAX_FILE_BYTES = 16 * 2 ** 20

/** Shorter than the usual timeout of a refresh, so that this is what that fails with; in milliseconds. */
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
  // Nobody means an empty secret; a file that is just being replaced may look so.
  if (text.trim() === '') throw new RefreshError('file', `the secret file ${path} is empty`)
  return text.trim()
}
