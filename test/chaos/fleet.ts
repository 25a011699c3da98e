import type { Random } from '../helpers/random.ts'
import type { Inventories } from './inventories.ts'

/** One complete inventory, in pages as it is sent. */
export interface Edition {
  readonly number: number
  /** The id of the list that it makes. */
  readonly list: string
  /** The records of each page, encoded. */
  readonly pages: readonly (readonly string[])[]
  readonly total: number
}

const PAGE = 1_000

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
  function edition(of: ReadonlyMap<string, string>, odd: readonly string[] = []): Edition {
    const records = [...of].map(([host, site]) => JSON.stringify({ host, site }))
    for (const record of odd) records.splice(random.int(records.length + 1), 0, record)
    const pages = Array.from({ length: Math.max(1, Math.ceil(records.length / PAGE)) }, (_, page) =>
      records.slice(page * PAGE, (page + 1) * PAGE),
    )
    number += 1
    return { number, list: inventories.add(of), pages, total: records.length }
  }

  return {
    changes,
    size: () => sensors.size,
    now: (odd?: readonly string[]) => edition(sensors, odd),
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
