import { compareText, type Labels } from '../model/labels.ts'
import { countIn, encodeLines, type Lines, labelsIn, lineOf, linesOf, targetsIn } from '../model/list.ts'
import { placeOf } from '../model/target-group.ts'

/**
 * Targets of an encoded list that are missing from a reading: found, kept and taken out. Groups that are written alike
 * are never decoded, so that it costs little to find that nothing changed.
 */

/** An encoded list, and which of its targets the last reading lacked. */
export interface Members {
  readonly body: Uint8Array
  /** How many groups it has. */
  readonly groups: number
  /** For each target, in the order of the list, the key of its record: four bytes for one that answers. */
  readonly keys: Uint32Array
  /** The places in that order of the absent targets, ascending. */
  readonly absent: Uint32Array
  /** For each of these the number of its absence. */
  readonly absenceOf: Uint32Array
}

/** The targets of a reading, packed: groups and targets are sorted. */
export interface Answered {
  readonly groups: readonly { readonly targets: readonly string[] }[]
  /** The labels of each group as they are encoded. */
  readonly labels: readonly string[]
  /** For each target, in order, the key of its record. */
  readonly keys: Uint32Array
}

/** A target that a reading lacks. */
export interface Missing {
  readonly target: string
  /** The target, and what else decides where it is scraped. */
  readonly identity: string
  /** As they are encoded. */
  readonly labels: string
  readonly key: number
  /** The number of the absence that it is part of; -1: it answered the reading before. */
  absence: number
}

/** Nobody is absent. */
export const NO_ABSENT = { absent: new Uint32Array(), absenceOf: new Uint32Array() } as const

/** The targets of a reading as lines. */
export function linesFrom({ groups, labels }: Answered): Lines {
  return groups.map(({ targets }, index) => lineOf(targets, labels[index] as string))
}

/** How a reading differs from a list. */
export interface Comparison {
  readonly missing: readonly Missing[]
  /** The targets that the list lacks: how many have each identity. */
  readonly joined: ReadonlyMap<string, number>
  /** The absences of the targets that were absent and answer again. */
  readonly returned: readonly number[]
}

/**
 * Finds the targets of a list that a reading lacks. A target that joined another group, with other labels, is the same
 * target; as many of them as joined, when several have one identity and differ in their labels only.
 * @param lines of the reading
 */
export function compare(list: Members, reading: Answered, lines: Lines): Comparison {
  const groups = new Map(reading.labels.map((labels, index) => [labels, index]))
  const missing: Missing[] = []
  const joined = new Map<string, number>()
  const returned: number[] = []
  const absences = createCursor(list)
  for (const line of linesOf(list.body)) {
    const labels = labelsIn(line)
    const index = groups.get(labels)
    groups.delete(labels)
    const now = index === undefined ? [] : targetsOf(reading, index)
    if (index !== undefined && lines[index] === line) absences.skip(now.length, returned)
    else
      compareGroups({ targets: targetsIn(line), labels }, now, { list, absences, missing, joined, returned })
  }
  for (const [labels, index] of groups) {
    const place = placeIn(labels)
    for (const target of targetsOf(reading, index)) count(joined, target + place, 1)
  }
  const gone = missing.filter(({ identity, absence }) => {
    if (!joined.has(identity)) return true
    count(joined, identity, -1)
    if (absence !== -1) returned.push(absence)
    return false
  })
  return { missing: gone, joined, returned }
}

/** Counts so many more of something; what there is none of is not kept. */
function count(counts: Map<string, number>, item: string, more: number): void {
  const now = (counts.get(item) ?? 0) + more
  if (now === 0) counts.delete(item)
  else counts.set(item, now)
}

function targetsOf({ groups }: Answered, index: number): readonly string[] {
  return (groups[index] as Answered['groups'][number]).targets
}

/** Goes through the places of a list, and knows which of them are absent. */
function createCursor({ absent, absenceOf }: Pick<Members, 'absent' | 'absenceOf'>) {
  let place = 0
  let next = 0
  return {
    place: () => place,
    /** The absence of this place, -1 for none; and on to the next place. */
    step: () => (absent[next] === place++ ? (absenceOf[next++] as number) : -1),
    /** Goes on by so many places, and gives the absences of those that are absent. */
    skip(count: number, found: number[]): void {
      place += count
      for (; next < absent.length && (absent[next] as number) < place; next++)
        found.push(absenceOf[next] as number)
    },
    /** Whether any of the next places is absent. */
    isNear: (count: number) => next < absent.length && (absent[next] as number) < place + count,
  }
}

/** Where the comparison of two groups puts what it finds. */
interface Findings {
  readonly list: Members
  readonly absences: ReturnType<typeof createCursor>
  readonly missing: Missing[]
  readonly joined: Map<string, number>
  readonly returned: number[]
}

/** Compares the sorted targets of a group with those that it has now. */
function compareGroups(
  { targets, labels }: { readonly targets: readonly string[]; readonly labels: string },
  now: readonly string[],
  { list, absences, missing, joined, returned }: Findings,
): void {
  const where = placeIn(labels)
  let at = 0
  for (const target of targets) {
    const key = list.keys[absences.place()] as number
    const absence = absences.step()
    while (at < now.length && (now[at] as string) < target) count(joined, now[at++] + where, 1)
    if (now[at] !== target) missing.push({ target, identity: target + where, labels, key, absence })
    else if (absence !== -1) returned.push(absence)
    if (now[at] === target) at++
  }
  while (at < now.length) count(joined, now[at++] + where, 1)
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

/** The list of those who answered and those who stay. */
export function compose(reading: Answered, lines: Lines, stay: readonly Missing[]): Members {
  if (stay.length === 0) {
    return { body: encodeLines(lines), groups: lines.length, keys: reading.keys, ...NO_ABSENT }
  }
  const staying = groupBy(stay, ({ labels }) => labels)
  const answered = new Map(reading.labels.map((labels, index) => [labels, index]))
  const alone = [...staying.keys()].filter((labels) => !answered.has(labels)).sort(compareText)
  const list = createList(reading.keys.length + stay.length)
  let start = 0
  for (const labels of mergeSorted(reading.labels, alone)) {
    const index = answered.get(labels)
    const targets = index === undefined ? [] : targetsOf(reading, index)
    const keys = reading.keys.subarray(start, start + targets.length)
    start += targets.length
    const others = staying.get(labels)
    if (others === undefined) list.addLine(lines[index as number] as string, keys)
    else list.merge(labels, { targets, keys }, others)
  }
  return list.done()
}

/** Two sorted lists as one. */
function* mergeSorted(some: readonly string[], others: readonly string[]): Generator<string> {
  let next = 0
  for (const one of some) {
    while (next < others.length && (others[next] as string) < one) yield others[next++] as string
    yield one
  }
  yield* others.slice(next)
}

/** Builds a list of so many targets line by line. */
function createList(size: number) {
  const lines: string[] = []
  const keys = new Uint32Array(size)
  const absent: number[] = []
  const absenceOf: number[] = []
  let place = 0
  return {
    /** A group of which all targets answered. */
    addLine(line: string, some: Uint32Array): void {
      lines.push(line)
      keys.set(some, place)
      place += some.length
    },
    /** A group of those who answered and of those who stay; both are sorted. */
    merge(
      labels: string,
      answered: { readonly targets: readonly string[]; readonly keys: Uint32Array },
      others: readonly Missing[],
    ): void {
      const merged: string[] = []
      let next = 0
      const addOthers = (before: string | undefined) => {
        for (; next < others.length; next++) {
          const { target, key, absence } = others[next] as Missing
          if (before !== undefined && target > before) return
          merged.push(target)
          absent.push(place)
          absenceOf.push(absence)
          keys[place++] = key
        }
      }
      for (const [index, target] of answered.targets.entries()) {
        addOthers(target)
        merged.push(target)
        keys[place++] = answered.keys[index] as number
      }
      addOthers(undefined)
      lines.push(lineOf(merged, labels))
    },
    done: (): Members => ({
      body: encodeLines(lines),
      groups: lines.length,
      keys,
      absent: Uint32Array.from(absent),
      absenceOf: Uint32Array.from(absenceOf),
    }),
  }
}

/**
 * Takes absent targets out of a list.
 * @param numbers for each absence the number that it has from now on; -1: its targets leave
 * @returns the list, and the identities of those that left
 */
export function takeOut(
  list: Members,
  numbers: readonly number[],
): Members & { readonly removed: readonly string[] } {
  if (!numbers.includes(-1)) return { ...list, removed: [] }
  const isLeaving = (index: number) => numbers[list.absenceOf[index] as number] === -1
  const leaving = new Set<number>()
  const absent: number[] = []
  const absenceOf: number[] = []
  for (const [index, place] of list.absent.entries()) {
    if (isLeaving(index)) leaving.add(place)
    else {
      absent.push(place - leaving.size)
      absenceOf.push(numbers[list.absenceOf[index] as number] as number)
    }
  }
  const { lines, removed } = withoutPlaces(list, leaving)
  return {
    body: encodeLines(lines),
    groups: lines.length,
    keys: list.keys.filter((_, place) => !leaving.has(place)),
    absent: Uint32Array.from(absent),
    absenceOf: Uint32Array.from(absenceOf),
    removed,
  }
}

/** The lines of a list without the targets in some places. */
function withoutPlaces({ body, absent, absenceOf }: Members, leaving: ReadonlySet<number>) {
  const lines: string[] = []
  const removed: string[] = []
  const cursor = createCursor({ absent, absenceOf })
  for (const line of linesOf(body)) {
    const count = countIn(line)
    const start = cursor.place()
    const isTouched = cursor.isNear(count)
    cursor.skip(count, [])
    if (!isTouched) {
      lines.push(line)
      continue
    }
    const targets = targetsIn(line)
    const labels = labelsIn(line)
    const left = targets.filter((_, at) => !leaving.has(start + at))
    const gone = targets.filter((_, at) => leaving.has(start + at))
    for (const target of gone) removed.push(target + placeIn(labels))
    if (left.length > 0) lines.push(gone.length === 0 ? line : lineOf(left, labels))
  }
  return { lines, removed }
}

/**
 * Copies absent targets out of a list.
 * @param isWanted by the number of their absence
 * @returns them as a list of their own, and their identities
 */
export function pickOut(list: Members, isWanted: (absence: number) => boolean) {
  const lines: string[] = []
  const identities: string[] = []
  const absences = createCursor(list)
  for (const line of linesOf(list.body)) {
    const count = countIn(line)
    if (!absences.isNear(count)) {
      absences.skip(count, [])
      continue
    }
    const wanted = targetsIn(line).filter(() => {
      const absence = absences.step()
      return absence !== -1 && isWanted(absence)
    })
    if (wanted.length === 0) continue
    const labels = labelsIn(line)
    const where = placeIn(labels)
    lines.push(lineOf(wanted, labels))
    for (const target of wanted) identities.push(target + where)
  }
  return { body: encodeLines(lines), identities }
}

/** How many targets are shown of those that are held or left. */
export const MAX_SAMPLES = 10

/**
 * The targets of a list that no other list has, and the identities of some.
 * @param others encoded lists
 */
export function subtract(body: Uint8Array, others: readonly Uint8Array[]) {
  const known = new Map<string, number>()
  for (const line of others.flatMap(linesOf)) {
    const where = placeIn(labelsIn(line))
    for (const target of targetsIn(line)) count(known, target + where, 1)
  }
  const lines: string[] = []
  const samples: string[] = []
  let targets = 0
  for (const line of linesOf(body)) {
    const labels = labelsIn(line)
    const where = placeIn(labels)
    const left = targetsIn(line).filter((target) => {
      const isKnown = known.has(target + where)
      if (isKnown) count(known, target + where, -1)
      return !isKnown
    })
    if (left.length > 0) lines.push(lineOf(left, labels))
    for (const target of left.slice(0, MAX_SAMPLES - samples.length)) samples.push(target + where)
    targets += left.length
  }
  return { body: encodeLines(lines), groups: lines.length, targets, samples }
}

/** Encoded labels without this have nothing that is part of a target's identity. */
const MAYBE_PLACE = /"__(?:scheme__|metrics_path__|param_)/

/** What of encoded labels is part of a target's identity, to follow its address. */
export function placeIn(labels: string): string {
  return MAYBE_PLACE.test(labels) ? placeOf(Object.entries(JSON.parse(labels)) as unknown as Labels) : ''
}
