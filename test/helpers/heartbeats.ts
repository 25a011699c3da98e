import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { DEVICE_TOKEN, PUSH_SOURCE } from './replicas.ts'
import type { Scope } from './scope.ts'

/** A heartbeat that is not answered for so long failed, in milliseconds. */
const TIMEOUT_MS = 5_000

/** Devices that register again and again, each over a connection of its own. */
export interface Heartbeats {
  /** Begins to send heartbeats. */
  on(id: string): void
  /** Falls silent. */
  off(id: string): void
  /** Who sends heartbeats. */
  ids(): readonly string[]
  /** How many heartbeats were acknowledged, and what became of the others. */
  acked(): number
  failures(): readonly string[]
}

/** The address of a device, as it is served. */
export const addressOf = (id: string) => `${id}.example:9100`

/**
 * Sends the heartbeats of devices to a URL; the end of the scope ends that.
 * @param onAcked called with each that is acknowledged, and when it was sent
 */
export function createHeartbeats(
  scope: Scope,
  url: string,
  everyMs: number,
  onAcked: (id: string, sentMs: number) => void = () => {},
): Heartbeats {
  const devices = new Map<string, { isOn: boolean }>()
  const failures: string[] = []
  const agent = new Agent({ keepAlive: false })
  const running = new Set<Promise<void>>()
  let acked = 0
  let isOver = false

  function put(id: string): Promise<number | string> {
    return new Promise((resolve) => {
      const sent = request(
        `${url}/api/v1/sources/${PUSH_SOURCE}/instances/${id}`,
        { method: 'PUT', agent, headers: { authorization: `Bearer ${DEVICE_TOKEN}` }, timeout: TIMEOUT_MS },
        (answer) => answer.resume().on('end', () => resolve(answer.statusCode ?? 0)),
      )
      sent.on('error', (error) => resolve(error.message)).on('timeout', () => sent.destroy())
      sent.end(JSON.stringify({ address: addressOf(id) }))
    })
  }

  async function beat(id: string): Promise<void> {
    const device = devices.get(id)
    while (device?.isOn && !isOver) {
      const sentMs = performance.now()
      const status = await put(id)
      if (status === 200 || status === 201) {
        acked += 1
        onAcked(id, sentMs)
      } else failures.push(`${id}: ${status}`)
      await delay(everyMs)
    }
  }

  scope.teardown(async () => {
    isOver = true
    agent.destroy()
    await Promise.all(running)
  })
  return {
    on(id) {
      const device = devices.get(id) ?? { isOn: false }
      if (device.isOn) return
      device.isOn = true
      devices.set(id, device)
      const done = beat(id).finally(() => running.delete(done))
      running.add(done)
    },
    off(id) {
      const device = devices.get(id)
      if (device !== undefined) device.isOn = false
    },
    ids: () => [...devices].filter(([, { isOn }]) => isOn).map(([id]) => id),
    acked: () => acked,
    failures: () => failures,
  }
}
