import type { Random } from '../helpers/random.ts'
import { type Inventories, type Sites, targetOf } from './inventories.ts'

/** One complete inventory, in pages as it is sent. */
export interface Edition {
  readonly number: number
  /** The id of the list that it makes. */
  readonly list: string
  /** The targets of that list. */
  readonly sites: Sites
  /** The targets of records that cannot be read. */
  readonly unreadable: ReadonlySet<string>
  /** The records of each page, encoded. */
  readonly pages: readonly (readonly string[])[]
  readonly total: number
}

const PAGE = 1_000

/** The sites that change as a whole, and of which views are asked for. */
export const SOME_SITES = 3

/** Hosts that no target can be made of. */
const UNREADABLE_HOSTS = [{ nested: true }, 'null\0byte', 'two words']

/** The sensors that there are in truth, and what happens to them. */
export function createFleet(size: number, random: Random, inventories: Inventories) {
  let sensors = new Map(Array.from({ length: size }, (_, index) => [nameOf(index), siteOf(index)]))
  let made = size
  let number = 0

  const pickSome = (count: number) => {
    const hosts = [...sensors.keys()]
    return Array.from({ length: Math.min(count, hosts.length) }, () => random.pick(hosts))
  }

  const changes = {
    'sensors join'(count: number) {
      for (let one = 0; one < count; one++) sensors.set(nameOf(made), siteOf(made++))
    },
    'sensors leave'(count: number) {
      for (const host of pickSome(count)) sensors.delete(host)
    },
    'sensors move'(count: number) {
      for (const host of pickSome(count)) sensors.set(host, siteOf(random.int(1_000_000)))
    },
    'a site closes'() {
      const closed = siteOf(random.int(SOME_SITES))
      sensors = new Map([...sensors].filter(([, site]) => site !== closed))
    },
    'two of three sensors leave'() {
      sensors = new Map([...sensors].filter((_, index) => index % 3 === 0))
    },
    'all sensors leave'() {
      sensors = new Map()
    },
    'the fleet is replaced'() {
      sensors = new Map()
      changes['sensors join'](size)
    },
  }

  /** Makes an edition of any sensors; the same ones make the same list. */
  function edition(
    of: ReadonlyMap<string, string>,
    odd: readonly string[] = [],
    unreadable: ReadonlySet<string> = new Set(),
  ): Edition {
    const records = [...of].map(([host, site]) => {
      const id = Number(/\d+/.exec(host)?.[0])
      const shown = unreadable.has(host) ? UNREADABLE_HOSTS[id % UNREADABLE_HOSTS.length] : host
      return JSON.stringify({ id, host: shown, site })
    })
    for (const record of odd) records.splice(random.int(records.length + 1), 0, record)
    const pages = Array.from({ length: Math.max(1, Math.ceil(records.length / PAGE)) }, (_, page) =>
      records.slice(page * PAGE, (page + 1) * PAGE),
    )
    number += 1
    const list = inventories.add(new Map([...of].filter(([host]) => !unreadable.has(host))))
    return {
      number,
      list,
      sites: inventories.sites(list),
      unreadable: new Set([...unreadable].map(targetOf)),
      pages,
      total: records.length,
    }
  }

  return {
    changes,
    size: () => sensors.size,
    now: (odd?: readonly string[]) => edition(sensors, odd),
    /** The records of about so many sensors are there and cannot be read. */
    unreadable: (count: number) => edition(sensors, [], new Set(pickSome(count))),
    /** What a broken inventory may believe: so many of a hundred sensors. */
    part: (percent: number) => edition(new Map([...sensors].filter((_, index) => index % 100 < percent))),
  }
}

export type Fleet = ReturnType<typeof createFleet>
export type Change = keyof Fleet['changes']

function nameOf(index: number): string {
  return `sensor-${index}.example.com`
}

function siteOf(index: number): string {
  return `site-${index % 50}`
}
