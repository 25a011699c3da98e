import { createHash } from 'node:crypto'

/** Every complete inventory that ever was, by the id of the list that it makes. */
export interface Inventories {
  add(sensors: ReadonlyMap<string, string>): string
  has(list: string): boolean
  /** The addresses of a list; empty for one that is not known. */
  addresses(list: string): ReadonlySet<string>
}

/** Below so many served targets the default guard holds a drop to nothing only. */
const MIN_TARGETS = 10

/** The port of records that name none. */
const PORT = 9100

export function createInventories(): Inventories {
  const known = new Map<string, ReadonlySet<string>>()
  return {
    add(sensors) {
      const list = idOf([...sensors].map(([host, site]) => `${host}:${PORT} ${site}`))
      if (!known.has(list)) known.set(list, new Set([...sensors.keys()].map((host) => `${host}:${PORT}`)))
      return list
    },
    has: (list) => known.has(list),
    addresses: (list) => known.get(list) ?? new Set(),
  }
}

/** The id of a list that Rollcall served: of its addresses and their sites, whatever their order. */
export function idOfBody(body: string): string {
  const groups = JSON.parse(body) as { targets: string[]; labels: Record<string, string> }[]
  return idOf(groups.flatMap(({ targets, labels }) => targets.map((target) => `${target} ${labels.site}`)))
}

function idOf(lines: readonly string[]): string {
  return createHash('sha256')
    .update([...lines].sort().join('\n'))
    .digest('hex')
}

/**
 * Whether readings in a row, the last one included, all lack so many of the served targets that the default
 * guard must not believe one of them alone.
 */
export function isDrop(
  inventories: Inventories,
  served: string | undefined,
  readings: readonly string[],
): boolean {
  const lists = readings.map((list) => inventories.addresses(list))
  const offered = lists.at(-1)?.size ?? 0
  if (served === undefined) return offered === 0
  const before = inventories.addresses(served)
  if (before.size === 0) return false
  const missing = [...before].filter((address) => lists.every((list) => !list.has(address))).length
  if (offered === 0) return missing === before.size
  return before.size >= MIN_TARGETS && missing / before.size > 0.5
}
