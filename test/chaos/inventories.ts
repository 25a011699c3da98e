import { createHash } from 'node:crypto'

/** The source of devices that register themselves. */
export const DEVICES = 'devices'

/** The targets of a list, by their addresses, and where each is. */
export type Sites = ReadonlyMap<string, string>

/** Every complete inventory that ever was, by the id of the list that it makes. */
export interface Inventories {
  add(sensors: Sites): string
  /** The targets that it makes; none for a list that is not known. */
  sites(list: string): Sites
}

/** The target that a record of this host makes. */
export const targetOf = (host: string) => `${host}:9100`

/** A list that Rollcall served. */
export interface Served {
  /** The targets of the inventory. */
  readonly sites: Sites
  /** The targets of devices that registered themselves. */
  readonly devices: ReadonlySet<string>
  /** How many targets there are, those that two sources have twice. */
  readonly size: number
}

export function createInventories(): Inventories {
  const known = new Map<string, Sites>()
  return {
    add(sensors) {
      const sites = new Map([...sensors].map(([host, site]) => [targetOf(host), site]))
      const list = idOf(sites)
      if (!known.has(list)) known.set(list, sites)
      return list
    },
    sites: (list) => known.get(list) ?? new Map(),
  }
}

/** Reads a list that Rollcall served. */
export function readServed(body: string): Served {
  const groups = JSON.parse(body) as { targets: string[]; labels: Record<string, string> }[]
  const all = groups.flatMap(({ targets, labels }) => targets.map((target) => ({ target, labels })))
  const isDevice = ({ labels }: (typeof all)[number]) => labels.__meta_rollcall_source === DEVICES
  const sensors = all.filter((one) => !isDevice(one))
  return {
    sites: new Map(sensors.map(({ target, labels }) => [target, String(labels.site)])),
    devices: new Set(all.filter(isDevice).map(({ target }) => target)),
    size: all.length,
  }
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
