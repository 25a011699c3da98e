import { editDistance } from '../base/suggest.ts'
import { hostIn } from '../model/address.ts'
import type { Query } from './query.ts'

/** How many names are told. */
const MAX_NEAR = 3

/** A host that may be meant, and an address that has it. */
export interface Near {
  readonly host: string
  readonly address: string
}

/**
 * Hosts that may be meant by a question that nothing answers: the same host with a longer or a shorter name, as
 * `sensor-7` and `sensor-7.shop.example`, and names that differ in few letters. The nearest first, three at most.
 * @param addresses of targets, with or without ports
 */
export function nearNames(query: Query, addresses: Iterable<string>): Near[] {
  const wanted = hostIn(query.field?.text ?? query.text)
  // Of very short names each is near to any other.
  const most = wanted.length < 4 ? 0 : Math.max(1, Math.floor(wanted.length / 5))
  const near = new Map<string, { readonly address: string; readonly distance: number }>()
  for (const address of addresses) {
    const host = hostIn(address)
    const distance = distanceOf(wanted, host.toLowerCase(), most)
    if (distance <= most) near.set(host, { address, distance })
  }
  const nearest = [...near].sort(([, a], [, b]) => a.distance - b.distance)
  return nearest.slice(0, MAX_NEAR).map(([host, { address }]) => ({ host, address }))
}

function distanceOf(wanted: string, host: string, most: number): number {
  if (isShortOf(wanted, host) || isShortOf(host, wanted)) return 0
  // Most are too long or too short, which costs nothing to see.
  return Math.abs(wanted.length - host.length) > most ? Number.POSITIVE_INFINITY : editDistance(wanted, host)
}

/** Whether a name is the first labels of another. */
function isShortOf(short: string, long: string): boolean {
  return short !== '' && long.startsWith(`${short}.`)
}
