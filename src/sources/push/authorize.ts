import { createHash, timingSafeEqual } from 'node:crypto'
import { HttpError, messageOf } from '../../base/errors.ts'

/**
 * Creates the check of a bearer token against the lines of a secret, which is read at each check. How long it takes
 * tells nothing about the token.
 * @param reveal reads the secret; undefined: everybody may
 */
export function createAuthorize(
  reveal: (() => Promise<string>) | undefined,
): (token: string | undefined) => Promise<void> {
  if (reveal === undefined) return async () => {}
  return async (token) => {
    const text = await reveal().catch((error) => {
      throw new HttpError('token_unreadable', messageOf(error), RETRY_AFTER_SECONDS)
    })
    if (token === undefined) {
      throw new HttpError('unauthorized', 'no token was sent; send the header Authorization: Bearer …')
    }
    if (!isOneOf(token, text)) {
      throw new HttpError('unauthorized', 'the token is wrong; send one of those in the token_file')
    }
  }
}

const RETRY_AFTER_SECONDS = 5

/** Compares with every line, whatever the first ones gave. */
function isOneOf(token: string, text: string): boolean {
  const sent = digest(token)
  const right = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .filter((line) => timingSafeEqual(digest(line), sent))
  return right.length > 0
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
