// Two ways to put load on a server. Closed loop: each connection asks again as soon as it is answered; that
// tells the throughput. Open loop: requests are sent at their times, whatever became of earlier ones; that tells
// latencies, because a server that stalls does not thereby keep the requests away that would show it.
import { setTimeout as delay } from 'node:timers/promises'
import { Client, Pool } from 'undici'
import { type Ended, type Request, send } from './send.ts'

/** One request that ended; times in milliseconds of `performance.now()` plus `performance.timeOrigin`. */
export interface Sample extends Ended {
  /** When it was due: in a closed loop when it was sent. */
  readonly due: number
  readonly end: number
}

/** How and where to. */
export interface Target {
  readonly origin: string
  readonly request: Request
  readonly connections: number
  readonly timeoutMs: number
  /** A number to look for in each answer. */
  readonly capture?: RegExp | undefined
}

/** Now, comparable between processes. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** Sends in a closed loop until the time is over; every request that was sent is waited for. */
export async function closedLoop(
  target: Target,
  seconds: number,
  record: (sample: Sample) => void,
): Promise<void> {
  const over = now() + seconds * 1_000
  const clients = Array.from({ length: target.connections }, () => new Client(target.origin, limits(target)))
  await Promise.all(clients.map((client) => loop(client, target.request, over, record)))
  await Promise.all(clients.map((client) => client.destroy()))
}

/**
 * Sends at a rate; every request that was sent is waited for.
 * @param isOver whether a request that is due then is no longer sent
 * @returns by how much the sending itself was late, in milliseconds, for each request
 */
export async function openLoop(
  target: Target,
  rate: number,
  isOver: (due: number) => boolean,
  record: (sample: Sample) => void,
): Promise<readonly number[]> {
  const pool = new Pool(target.origin, { ...limits(target), connections: target.connections, pipelining: 1 })
  const late: number[] = []
  const began = now()
  let open = 0
  let settle = () => {}
  const nextDue = () => began + (late.length * 1_000) / rate
  const sendOne = (due: number) => {
    late.push(now() - due)
    open++
    const ended = (how: Ended) => {
      record({ ...how, due, end: now() })
      if (--open === 0) settle()
    }
    send(pool, target.request, ended, target.capture)
  }
  while (!isOver(nextDue())) {
    while (nextDue() <= now() && !isOver(nextDue())) sendOne(nextDue())
    await delay(1)
  }
  if (open > 0) await new Promise<void>((resolve) => (settle = resolve))
  await pool.destroy()
  return late
}

function limits({ timeoutMs }: Target) {
  return {
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    keepAliveTimeout: 600_000,
  }
}

function loop(
  client: Client,
  request: Request,
  over: number,
  record: (sample: Sample) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const next = () => {
      const due = now()
      if (due >= over) return resolve()
      send(client, request, (how) => {
        record({ ...how, due, end: now() })
        // A server that is not there refuses at once: asking on without a pause would only heat the machine.
        if (how.error === undefined) next()
        else setTimeout(next, 10)
      })
    }
    next()
  })
}
