// A load generator of its own that sends at fixed rates and keeps every sample: answers a list of streams by
// starting them, and 'stop' with what became of each request. autocannon cannot do this: at a rate it sends a second's
// requests at once, and then pauses.
import { setPriority } from 'node:os'
import { openLoop, type Sample, type Target } from '../load/generate.ts'
import { answerMessages } from './ask-process.ts'

/** One kind of request at one rate. */
export interface Stream {
  readonly name: string
  readonly url: string
  readonly rate: number
  readonly headers: Readonly<Record<string, string>>
  /** A number to look for in each answer: the first group. */
  readonly capture?: RegExp
}

/** What became of one stream. */
export interface StreamSamples {
  readonly name: string
  readonly samples: readonly Sample[]
  /** By how much each request was sent too late, in milliseconds. */
  readonly late: readonly number[]
}

export type Order = readonly Stream[] | 'stop'

/** Requests of a server that does not answer pile up on connections of their own: 30 s of the fastest stream. */
const CONNECTIONS = 3_000

let running: Promise<StreamSamples>[] = []
let isOver = false

answerMessages(async (order: Order): Promise<readonly StreamSamples[]> => {
  if (order === 'stop') {
    isOver = true
    return Promise.all(running)
  }
  isOver = false
  favour()
  running = order.map(run)
  return []
})

async function run({ name, url, rate, headers, capture }: Stream): Promise<StreamSamples> {
  const { origin, pathname } = new URL(url)
  const target: Target = {
    origin,
    request: { path: pathname, method: 'GET', headers: { ...headers } },
    connections: CONNECTIONS,
    timeoutMs: 60_000,
    capture,
  }
  const samples: Sample[] = []
  const late = await openLoop(
    target,
    rate,
    () => isOver,
    (sample) => samples.push(sample),
  )
  return { name, samples, late }
}

/** With fewer cores than processes, what waits for a core must be the server and not the clock that judges it. */
function favour(): void {
  try {
    setPriority(-15)
  } catch {
    // Only root may; without it the lateness tells how far the figures can be trusted.
  }
}
