import type { Clock } from '../../base/clock.ts'
import { within } from '../../base/deadline.ts'
import type { Secret } from '../../base/secret.ts'
import type { Hearing } from './hearing.ts'

/** How long a device waits for the disk that holds the token, in milliseconds. */
const READ_TIMEOUT_MS = 5_000

/**
 * Creates the reading of the tokens of a source, one on each line, at each call; calls at the same time share one.
 * While they cannot be read no device can be heard, and hearing is told so.
 * @returns what throws RefreshError `file`, or Error when it takes too long
 */
export function createReveal(
  secret: Secret,
  hearing: Pick<Hearing, 'missed' | 'over'>,
  clock: Pick<Clock, 'after'>,
): () => Promise<string> {
  let reading: Promise<string> | undefined

  async function read(): Promise<string> {
    const text = await within(READ_TIMEOUT_MS, 'reading the token', clock, secret.reveal()).catch((error) => {
      hearing.missed('the token cannot be read', 'until it is over')
      throw error
    })
    hearing.over()
    return text
  }

  return () => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
}
