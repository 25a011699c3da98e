import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../helpers/random.ts'
import type { History } from './history.ts'
import { DEVICES, targetOf } from './inventories.ts'
import type { Watched } from './watch.ts'

/** How long a registration lasts, in milliseconds. */
export const TTL_MS = 5_000

const REGISTER_EVERY_MS = 500

/** A device is served so soon after its registration was acknowledged, in milliseconds, and from then on. */
const SERVED_WITHIN_MS = 3_000

/** A device that is silent is served for so long at most, in milliseconds. */
export const GONE_WITHIN_MS = TTL_MS + 10_000

/** A process is ready so soon after the one before was killed, in milliseconds. */
const START_MS = 1_000

interface Device {
  /** When a registration was first acknowledged by this process. */
  acknowledgedMs?: number
  silentMs?: number
}

/** What is promised of devices that register themselves, by the life of each process; times in milliseconds. */
export function createDeviceModel(nowMs: () => number = () => performance.now()) {
  const devices = new Map<string, Device>()
  let startedMs = nowMs()
  // A process that knows of no earlier registrations waits for half a time to live.
  let settledMs = startedMs + TTL_MS / 2
  let disturbedMs = startedMs
  let unlistedMs = startedMs

  const device = (id: string) => {
    const target = targetOf(id)
    const known = devices.get(target) ?? {}
    devices.set(target, known)
    return known
  }

  function judge(
    target: string,
    isServed: boolean,
    { acknowledgedMs, silentMs }: Device,
  ): string | undefined {
    const since = (...times: number[]) => Math.round(nowMs() - Math.max(...times))
    if (silentMs !== undefined) {
      const ms = since(silentMs, startedMs, disturbedMs)
      return isServed && ms > GONE_WITHIN_MS ? `${target} is served, and silent for ${ms} ms` : undefined
    }
    if (isServed || acknowledgedMs === undefined) return undefined
    const ms = since(acknowledgedMs, unlistedMs, settledMs)
    return ms > SERVED_WITHIN_MS ? `${target} is not served, and registered for ${ms} ms` : undefined
  }

  return {
    /** A device begins to register. */
    begins: (id: string) => void device(id),
    acknowledged(id: string) {
      device(id).acknowledgedMs ??= nowMs()
    },
    /** The disk takes no registration: until it is settled the process then waits for all devices anew. */
    refused() {
      if (nowMs() <= settledMs + START_MS) settledMs = nowMs() + TTL_MS
    },
    silent(id: string) {
      device(id).silentMs = nowMs()
    },
    /** The process is another one, and what the one before acknowledged counts no more. */
    restarts() {
      startedMs = nowMs()
      settledMs = startedMs + TTL_MS / 2
      for (const one of devices.values()) delete one.acknowledgedMs
    },
    /** The clock or the disk changed: who is silent may be believed anew. */
    disturbed() {
      disturbedMs = nowMs()
    },
    /** @returns the promise that is broken, or undefined */
    shows(seen: ReadonlySet<string> | 'no list'): string | undefined {
      if (seen === 'no list') unlistedMs = nowMs()
      if (seen === 'no list') return undefined
      const stranger = [...seen].find((target) => !devices.has(target))
      if (stranger !== undefined) return `${stranger} is served, and never registered`
      const wrong = [...devices].map(([target, one]) => judge(target, seen.has(target), one))
      return wrong.find((one) => one !== undefined)
    },
  }
}

/** Devices that register with a Rollcall again and again, until they fall silent for good; and what is promised of them. */
export function createDevices(
  watched: Watched,
  { random, history, token }: { random: Random; history: History; token: string },
) {
  const model = createDeviceModel()
  let made = 0
  let stopped = false
  const ids: string[] = []

  function join(): void {
    const id = `device-${made++}.example.com`
    model.begins(id)
    ids.push(id)
  }

  async function register(id: string): Promise<void> {
    const epoch = watched.epoch()
    const answer = await fetch(`${watched.url()}/api/v1/sources/${DEVICES}/instances/${id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ address: targetOf(id) }),
      signal: AbortSignal.timeout(TTL_MS),
    })
    const text = await answer.text()
    if (epoch !== watched.epoch()) return
    if (answer.ok) model.acknowledged(id)
    else if (text.includes('"storage_unavailable"')) model.refused()
    else if (answer.status !== 503) history.violated(`${id} is answered ${answer.status}: ${text}`)
  }

  async function loop(): Promise<void> {
    while (!stopped) {
      if (watched.isUp()) await Promise.allSettled(ids.map(register))
      await delay(REGISTER_EVERY_MS)
    }
  }

  for (let one = 0; one < 20; one++) join()
  const done = loop()
  return {
    ...model,
    /** The targets of those that register. */
    targets: () => ids.map(targetOf),
    /** One falls silent for good, and another one comes. */
    change() {
      const [silent] = ids.splice(random.int(ids.length), 1)
      model.silent(silent as string)
      join()
      history.add(`${silent} falls silent`)
    },
    async stop() {
      stopped = true
      await done
    },
  }
}

export type Devices = ReturnType<typeof createDevices>
