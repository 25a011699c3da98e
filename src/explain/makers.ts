import { shown } from '../mapping/rejection.ts'
import type { Labels } from '../model/labels.ts'
import type { Masker } from '../model/mask.ts'
import { createMasker } from '../model/mask.ts'
import { placeOf, type Target } from '../model/target-group.ts'
import type { RecordPosition } from './explain-record.ts'

/** The origin of a target: a record of a source; undefined: an unknown one. */
export interface Maker {
  readonly source: string
  readonly position: RecordPosition | undefined
}

/** The origins of all targets, to find targets that several records or sources make. */
export interface Makers {
  add(target: Target, maker: Maker): void
  /** Describes the other origins of a target, and how their labels differ. */
  othersOf(target: Target, maker: Maker): string[]
}

interface Made extends Maker {
  readonly labels: Labels
}

/** The number of origins that are remembered per target. */
const MAX_MAKERS = 4

/** The number of differing labels that are shown. */
const MAX_LABELS = 3

/** Creates an empty collection. */
export function createMakers(): Makers {
  // Most targets have one origin, which needs no list.
  const makers = new Map<string, Made | Made[]>()
  return {
    add(target, { source, position }) {
      const key = keyOf(target)
      const made = { source, position, labels: target.labels }
      const known = makers.get(key)
      if (known === undefined) makers.set(key, made)
      else if (!Array.isArray(known)) makers.set(key, [known, made])
      else if (known.length < MAX_MAKERS) known.push(made)
    },
    othersOf(target, maker) {
      return [makers.get(keyOf(target)) ?? []]
        .flat()
        .filter((other) => !isSame(other, maker))
        .map((other) => describe(other, maker, target.labels))
    },
  }
}

/** The identity of a target to Prometheus, as the guard compares targets. */
export function keyOf({ address, labels }: Target): string {
  return address + placeOf(labels)
}

function isSame(one: Maker, other: Maker): boolean {
  return (
    one.source === other.source &&
    one.position?.document === other.position?.document &&
    one.position?.index === other.position?.index
  )
}

function describe({ source, position, labels }: Made, maker: Maker, own: Labels): string {
  const masker = createMasker(null, [labels])
  const record =
    position === undefined ? '' : `record ${position.index} (from 0) of ${masker.text(position.document)}`
  const who = source === maker.source ? record : `the source ${source}${record === '' ? '' : ` (${record})`}`
  return `${who} makes the same target too${difference(labels, own, masker)}`
}

/** The labels of another origin that differ, except those that start with `__`, which no series has. */
function difference(labels: Labels, own: Labels, masker: Masker): string {
  const others = labels.filter(
    ([name, value]) => !name.startsWith('__') && own.find(([one]) => one === name)?.[1] !== value,
  )
  const lacking = own.filter(([name]) => !name.startsWith('__') && labels.every(([one]) => one !== name))
  const texts = [
    ...others.map(([name, value]) => `${name}=${shown(masker.label(name, value))}`),
    ...lacking.map(([name]) => `no ${name}`),
  ]
  return texts.length === 0 ? '' : `, with ${texts.slice(0, MAX_LABELS).join(', ')}`
}
