import { createHash } from 'node:crypto'

/** The targets of a list, by their addresses, and where each is. */
export type Sites = ReadonlyMap<string, string>

/** Every complete inventory that ever was, by the id of the list that it makes. */
export interface Inventories {
  add(sensors: Sites): string
  /** The targets that it makes; none for a list that is not known. */
  sites(list: string): Sites
}

/** The port of records that name none. */
const PORT = 9100

export function createInventories(): Inventories {
  const known = new Map<string, Sites>()
  return {
    add(sensors) {
      const sites = new Map([...sensors].map(([host, site]) => [`${host}:${PORT}`, site]))
      const list = idOf(sites)
      if (!known.has(list)) known.set(list, sites)
      return list
    },
    sites: (list) => known.get(list) ?? new Map(),
  }
}

/** The targets of a list that Rollcall served. */
export function sitesOfBody(body: string): Sites {
  const groups = JSON.parse(body) as { targets: string[]; labels: Record<string, string> }[]
  return new Map(
    groups.flatMap(({ targets, labels }) => targets.map((target) => [target, String(labels.site)] as const)),
  )
}

/** The id of a list: of its addresses and their sites, whatever their order. */
export function idOf(sites: Sites): string {
  return createHash('sha256')
    .update(
      [...sites]
        .map(([target, site]) => `${target} ${site}`)
        .sort()
        .join('\n'),
    )
    .digest('hex')
}
