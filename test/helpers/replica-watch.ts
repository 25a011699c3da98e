import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from './scope.ts'

/** One answer to a poll. */
export interface Polled {
  readonly status: number
  readonly etag: string | null
  readonly targets: ReadonlySet<string>
}

/** A poll that is not answered for so long failed, in milliseconds. */
const TIMEOUT_MS = 3_000

/** Asks for all targets, on a connection of its own. @returns undefined without a whole answer */
export async function poll(url: string): Promise<Polled | undefined> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const answer = await fetch(`${url}/targets`, { signal, headers: { connection: 'close' } })
    const text = await answer.text()
    const groups = answer.status === 200 ? (JSON.parse(text) as { targets: string[] }[]) : []
    return {
      status: answer.status,
      etag: answer.headers.get('etag'),
      targets: new Set(groups.flatMap(({ targets }) => targets)),
    }
  } catch {
    return undefined
  }
}

/** What one place answered, again and again. */
export interface Watched {
  /** Status by status; 0 is no answer. */
  readonly statuses: Map<number, number>
  last: Polled | undefined
}

/**
 * Polls a URL again and again; the end of the scope ends that.
 * @param seen called with each list
 * @param life tells processes apart that are polled one after the other
 */
export function watch(
  scope: Scope,
  url: string,
  seen: (polled: Polled, beganMs: number, life: string) => void,
  everyMs = 100,
  life = () => '',
): Watched {
  const watched: Watched = { statuses: new Map(), last: undefined }
  let isOver = false
  const loop = async () => {
    while (!isOver) {
      const beganMs = performance.now()
      const own = life()
      const polled = await poll(url)
      const status = polled?.status ?? 0
      watched.statuses.set(status, (watched.statuses.get(status) ?? 0) + 1)
      watched.last = polled
      if (status === 200 && own === life()) seen(polled as Polled, beganMs, own)
      await delay(everyMs)
    }
  }
  const done = loop()
  scope.teardown(() => {
    isOver = true
    return done
  })
  return watched
}
