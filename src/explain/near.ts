import { editDistance } from '../base/suggest.ts'
import { hostIn } from '../model/address.ts'
import type { Query } from './query.ts'

/** The number of names that are suggested. */
const MAX_NEAR = 3

/** A host that the query may mean, and an address that has it. */
export interface Near {
  readonly host: string
  readonly address: string
}

/**
 * Hosts that a query without matches may mean: the same host with a longer or a shorter name, as `sensor-7`
 * and `sensor-7.shop.example`, and names that differ in few letters. The nearest first, three at most.
 * @param addresses of targets, with or without ports
 */
export function nearNames(query: Query, addresses: Iterable<string>): Near[] {
  const wanted = hostIn(query.field?.text ?? query.text)
  // A very short name is near to any other.
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
  // The lengths of most names differ too much, which is cheap to check.
  return Math.abs(wanted.length - host.length) > most ? Number.POSITIVE_INFINITY : editDistance(wanted, host)
}

/** Whether a name is the start of another, up to a dot. */
function isShortOf(short: string, long: string): boolean {
  return short !== '' && long.startsWith(`${short}.`)
}
