// Devices that register and send heartbeats, in a process of their own: requests are sent at their times, whatever
// became of earlier ones, and count from when they were due. Who is not answered asks the next replica.
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { send } from '../load/send.ts'
import { answerMessages } from './ask-process.ts'

/** What the devices are to do. */
export type HeartbeatOrder =
  /** Where replicas take registrations, and with what. */
  | { readonly kind: 'use'; readonly urls: readonly string[]; readonly token: string }
  /** Registers these at once, as fast as it goes. */
  | { readonly kind: 'register'; readonly from: number; readonly to: number }
  /** So many send heartbeats from now on. */
  | { readonly kind: 'start'; readonly devices: number; readonly everyMs: number }
  | { readonly kind: 'stop' }

/** What became of the requests since the order before. */
export interface HeartbeatResult {
  /** How long each took from when it was due until it was acknowledged, in milliseconds. */
  readonly tookMs: readonly number[]
  /** How many were asked again of another replica. */
  readonly retries: number
  /** How many were never acknowledged. */
  readonly failed: number
}

/** Connections to each replica, and how many are under way while all register. */
const CONNECTIONS = 60
const AT_ONCE = 150

/** A device asks so often before it waits for its next heartbeat. */
const ATTEMPTS = 6

let pools: Pool[] = []
let token = ''
let result = { tookMs: [] as number[], retries: 0, failed: 0 }
let isOver = true
let done: Promise<unknown> = Promise.resolve()

answerMessages(async (order: HeartbeatOrder): Promise<HeartbeatResult> => {
  if (order.kind === 'use') {
    pools = order.urls.map(
      (url) => new Pool(url, { connections: CONNECTIONS, headersTimeout: 5_000, bodyTimeout: 5_000 }),
    )
    token = order.token
  }
  if (order.kind === 'register') await registerAll(order.from, order.to)
  if (order.kind === 'start') {
    isOver = false
    done = beat(order.devices, order.everyMs)
  }
  if (order.kind === 'stop') {
    isOver = true
    await done
  }
  const told = result
  if (order.kind !== 'use') result = { tookMs: [], retries: 0, failed: 0 }
  return told
})

function put(pool: Pool, id: number): Promise<boolean> {
  const request = {
    path: `/api/v1/sources/devices/instances/device-${id}`,
    method: 'PUT' as const,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ address: `device-${id}.example:9100` }),
  }
  return new Promise((resolve) =>
    send(pool, request, ({ status }) => resolve(status === 200 || status === 201)),
  )
}

async function register(id: number, dueMs: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await put(pools[(id + attempt) % pools.length] as Pool, id)) {
      result.tookMs.push(performance.now() - dueMs)
      return
    }
    result.retries += 1
    await delay(50 * attempt)
  }
  result.failed += 1
}

async function registerAll(from: number, to: number): Promise<void> {
  let next = from
  const one = async () => {
    while (next < to) await register(next++, performance.now())
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
}

/** Each device has its own time in the interval. */
async function beat(devices: number, everyMs: number): Promise<void> {
  const under = new Set<Promise<void>>()
  const beganMs = performance.now()
  for (let sent = 0; !isOver; ) {
    const due = ((performance.now() - beganMs) / everyMs) * devices
    for (; sent < due; sent++) {
      const dueMs = beganMs + (sent * everyMs) / devices
      const one: Promise<void> = register(sent % devices, dueMs).finally(() => under.delete(one))
      under.add(one)
    }
    await delay(5)
  }
  await Promise.all(under)
}
