import { createMasker } from '../model/mask.ts'
import { CUT } from '../model/nested.ts'
import { splitIdentity } from '../model/target-group.ts'

/** Some of the targets that joined and left, for people: each with its address, and its place if it has one. */
export interface ChangeSamples {
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

/** The value of a parameter that is longer is not shown, in UTF-16 units: looking for secrets takes time. */
const MAX_MASKED = 16_384

/** How much of a sample is shown, in UTF-16 units. */
const MAX_LENGTH = 500

/** A target with its place as it may be shown: secrets masked by the rule of explanations, and what is long cut. */
export function shownSample(sample: string): string {
  const masked = maskPlace(sample)
  return masked.length <= MAX_LENGTH ? masked : `${masked.slice(0, MAX_LENGTH).toWellFormed()}${CUT}`
}

/** Masks the place, and whatever is a secret there, or by its form, in the address too. */
function maskPlace(sample: string): string {
  const { address, place: whole } = splitIdentity(sample)
  const place = whole.map(([name, value]) => [name, value.length > MAX_MASKED ? CUT : value] as const)
  const masker = createMasker(null, [place])
  const labels = place.map(([name, value]) => [name, masker.label(name, value)])
  return masker.text(address) + (labels.length === 0 ? '' : ` ${JSON.stringify(labels)}`)
}

/** A change with its place in the order of all, from 1: the wall clock may be set back. */
export interface NotedChange extends Change {
  readonly order: number
}

/** One change of a served list. */
export interface Change {
  readonly source: string
  /** On the wall clock, in milliseconds. */
  readonly atMs: number
  /** How many targets are served since. */
  readonly targets: number
  readonly added: number
  readonly removed: number
  readonly samples: ChangeSamples
}

/** The last changes of each source. */
export interface Changes {
  /** Remembers a change, without the secrets that its samples may hold. */
  note(change: Change): void
  /** Those of all sources, the newest first. */
  list(): readonly NotedChange[]
}

/** How many changes of one source are remembered. */
const MAX_CHANGES = 200

/** How much all of them together may be, in UTF-16 units of their samples. */
const MAX_SIZE = 2 ** 20

/** What a change counts for beside its samples. */
const BARE_SIZE = 200

interface Noted {
  readonly change: NotedChange
  readonly size: number
}

/**
 * Remembers no change yet. Each source has a row of its own, and when all of them are too much the largest row is cut:
 * a source that changes all the time pushes out nothing but its own.
 */
export function createChanges(): Changes {
  const rows = new Map<string, readonly Noted[]>()
  let order = 1

  /** The source whose changes take the most room, and how much all of them take. */
  function weighAll() {
    let total = 0
    let most = 0
    let largest = ''
    for (const [source, row] of rows) {
      const size = row.reduce((sum, one) => sum + one.size, 0)
      total += size
      if (size > most) largest = source
      most = Math.max(most, size)
    }
    return { total, largest }
  }

  return {
    note(change) {
      const shown = { ...change, samples: shownAll(change.samples), order: order++ }
      const row = rows.get(change.source) ?? []
      const noted = { change: shown, size: sizeOf(shown.samples) }
      rows.set(change.source, [noted, ...row].slice(0, MAX_CHANGES))
      for (let all = weighAll(); all.total > MAX_SIZE; all = weighAll()) {
        rows.set(all.largest, (rows.get(all.largest) as readonly Noted[]).slice(0, -1))
      }
    },
    list() {
      const all = [...rows.values()].flat().map(({ change }) => change)
      return all.sort((a, b) => b.order - a.order)
    },
  }
}

function shownAll({ added, removed }: ChangeSamples): ChangeSamples {
  return { added: added.map(shownSample), removed: removed.map(shownSample) }
}

function sizeOf({ added, removed }: ChangeSamples): number {
  return [...added, ...removed].reduce((sum, sample) => sum + sample.length, BARE_SIZE)
}
