import type { Clock } from '../base/clock.ts'
import { formatAge } from '../model/duration.ts'
import { maskText } from '../model/mask-text.ts'
import { MAX_ID_LENGTH } from '../model/registration.ts'

/** How many devices are remembered. */
const MAX_DEVICES = 256

/** The longest message that is remembered, in UTF-16 units. */
const MAX_TEXT = 300

/** At most so many are told at a time. */
const MAX_TOLD = 3

/** A device whose last request to register, or to leave, was refused. */
interface Refused {
  readonly source: string
  readonly id: string
  /** The IP address that it asks from. */
  readonly address: string
  readonly why: string
  /** How often in a row. */
  readonly times: number
  /** The last time, on the wall clock, in milliseconds. */
  readonly atMs: number
}

/** Remembers the devices that could not register, until they can. */
export interface Refusals {
  /** @param error that of the catalogue, or of the framework */
  refused(device: DeviceAsking, error: { readonly code?: string; readonly message: string }): void
  /** The device was admitted. */
  admitted(device: Pick<DeviceAsking, 'source' | 'id'>): void
  /** Why devices of this id or IP address were refused, a sentence each. @param source undefined: of any */
  find(idOrAddress: string, source: string | undefined): string[]
}

/** A device that asks; the id may be any text. */
export interface DeviceAsking {
  readonly source: string
  readonly id: string
  readonly address: string | undefined
}

/** Starts with none. */
export function createRefusals(clock: Pick<Clock, 'now'>): Refusals {
  const devices = new Map<string, Refused>()

  /** Of the address that has most of them the one that asked first: a flood pushes out nobody else. */
  function makeRoom(): void {
    const perAddress = new Map<string, number>()
    for (const { address } of devices.values()) perAddress.set(address, (perAddress.get(address) ?? 0) + 1)
    const most = Math.max(...perAddress.values())
    const [oldest] = [...devices].filter(([, { address }]) => perAddress.get(address) === most)
    devices.delete(oldest?.[0] as string)
  }

  return {
    refused({ source, id, address = '' }, { code = 'bad_request', message }) {
      const key = keyOf({ source, id })
      const times = (devices.get(key)?.times ?? 0) + 1
      // The newest last.
      devices.delete(key)
      devices.set(key, {
        source,
        id: id.slice(0, MAX_ID_LENGTH),
        address: address.replace(/^::ffff:/i, ''),
        why: maskText(`${code}: ${message}`, () => {}).slice(0, MAX_TEXT),
        times,
        atMs: clock.now(),
      })
      if (devices.size > MAX_DEVICES) makeRoom()
    },
    admitted(device) {
      // Nearly always there is none, and heartbeats are many.
      if (devices.size > 0) devices.delete(keyOf(device))
    },
    find(idOrAddress, source) {
      const wanted = idOrAddress.trim().toLowerCase()
      const found = [...devices.values()].filter(
        (one) =>
          (source === undefined || one.source === source) &&
          (one.id.toLowerCase() === wanted || one.address === wanted),
      )
      const told = found.reverse().slice(0, MAX_TOLD)
      return told.map((one) => describe(one, clock.now()))
    },
  }
}

function keyOf({ source, id }: Pick<DeviceAsking, 'source' | 'id'>): string {
  return `${source}\n${id.slice(0, MAX_ID_LENGTH)}`
}

function describe({ source, id, address, why, times, atMs }: Refused, nowMs: number): string {
  const ago = formatAge(nowMs - atMs)
  const often = times === 1 ? '' : `, ${times} times in a row`
  const from = address === '' ? '' : `, from ${address}`
  return `the registration of ${id} with ${source} was refused ${ago} ago${from}${often}: ${why}`
}
