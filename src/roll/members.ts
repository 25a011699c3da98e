import { compareText, type Labels } from '../model/labels.ts'
import {
  countIn,
  eachLine,
  encodeLines,
  type Lines,
  labelsIn,
  lineOf,
  linesOf,
  targetsIn,
} from '../model/list.ts'
import { NO_KEY } from '../model/record-key.ts'
import { placeOf } from '../model/target-group.ts'

/**
 * Finds the targets of an encoded list that are missing from a reading, keeps them or takes them out. Groups with equal
 * encodings are not decoded, so that an unchanged list costs little.
 */

/** An encoded list, with the targets that were missing from the last reading. */
export interface Members {
  readonly body: Uint8Array
  /** The number of its groups. */
  readonly groups: number
  /** For each target, in the order of the list, the key of its record. */
  readonly keys: Uint32Array
  /** For each target the index of its absence; -1: it is present. Empty while all are present. */
  readonly absenceOf: Int32Array
}

/** The targets of a reading as lines of a list. Groups and targets are sorted. */
export interface Answered {
  readonly lines: Lines
  /** The encoded labels of each group. */
  readonly labels: readonly string[]
  /** The number of targets of each group. */
  readonly sizes: readonly number[]
  /** For each target, in order, the key of its record. */
  readonly keys: Uint32Array
}

/** A target that is missing from a reading. */
export interface Missing {
  readonly target: string
  /** The target, and the labels that decide where it is scraped. */
  readonly identity: string
  /** Encoded. */
  readonly labels: string
  readonly key: number
  /** The index of its absence; -1: it was present in the reading before. */
  absence: number
}

/** The targets of a list, as if a reading had all of them. */
export function answeredIn({ body, keys }: Members): Answered {
  const lines = linesOf(body)
  return { lines, labels: lines.map(labelsIn), sizes: lines.map(countIn), keys }
}

/** The differences between a reading and a list. */
export interface Comparison {
  readonly missing: readonly Missing[]
  /** The number of targets, by identity, that are new in the reading. */
  readonly joined: ReadonlyMap<string, number>
  /** The absences of the targets that came back. */
  readonly returned: readonly number[]
}

/**
 * Finds the targets of a list that are missing from a reading. A target that moved to another group, with other labels, is
 * still the same target. If several targets have one identity, as many count as moved as joined elsewhere.
 */
export function compare({ body, keys, absenceOf }: Members, reading: Answered): Comparison {
  const groups = new Map(reading.labels.map((labels, index) => [labels, index]))
  const missing: Missing[] = []
  const joined = new Map<string, number>()
  const returned: number[] = []
  let place = 0

  function noteAnswer(): void {
    const absence = absenceOf[place++] ?? -1
    if (absence !== -1) returned.push(absence)
  }

  /** Compares the sorted targets of a group with those that it has now. */
  function compareGroups(targets: readonly string[], now: readonly string[], labels: string): void {
    const where = placeIn(labels)
    let at = 0
    for (const target of targets) {
      while (at < now.length && (now[at] as string) < target) count(joined, now[at++] + where, 1)
      if (now[at] === target) {
        at++
        noteAnswer()
      } else {
        const [key, absence] = [keys[place] as number, absenceOf[place] ?? -1]
        missing.push({ target, identity: target + where, labels, key, absence })
        place++
      }
    }
    while (at < now.length) count(joined, now[at++] + where, 1)
  }

  for (const line of eachLine(body)) {
    const labels = labelsIn(line)
    const index = groups.get(labels)
    groups.delete(labels)
    if (index === undefined) compareGroups(targetsIn(line), [], labels)
    else if (reading.lines[index] !== line) compareGroups(targetsIn(line), targetsOf(reading, index), labels)
    else if (absenceOf.length === 0) place += reading.sizes[index] as number
    else for (let left = reading.sizes[index] as number; left > 0; left--) noteAnswer()
  }
  for (const [labels, index] of groups) compareGroups([], targetsOf(reading, index), labels)
  const keysOf = contestedKeys(missing, joined, reading)
  const gone = missing.filter(({ identity, key, absence }) => {
    if (!joined.has(identity) || keysOf.get(identity)?.has(key) === false) return true
    count(joined, identity, -1)
    if (absence !== -1) returned.push(absence)
    return false
  })
  return { missing: gone, joined, returned }
}

/**
 * For each identity with more missing targets than joined ones: the keys of its records in the reading. A missing
 * target with one of these keys moved to another group; the others are absent.
 */
function contestedKeys(missing: readonly Missing[], joined: Comparison['joined'], reading: Answered) {
  const missed = new Map<string, number>()
  for (const { identity } of missing) if (joined.has(identity)) count(missed, identity, 1)
  const keysOf = new Map<string, Set<number>>()
  for (const [identity, many] of missed) {
    if (many > (joined.get(identity) as number)) keysOf.set(identity, new Set())
  }
  let place = 0
  for (const line of keysOf.size === 0 ? [] : reading.lines) {
    const where = placeIn(labelsIn(line))
    for (const target of targetsIn(line)) {
      const key = reading.keys[place++] as number
      if (key !== NO_KEY) keysOf.get(target + where)?.add(key)
    }
  }
  return keysOf
}

/** Adds to a count, and removes counts of 0. */
function count(counts: Map<string, number>, item: string, more: number): void {
  const now = (counts.get(item) ?? 0) + more
  if (now === 0) counts.delete(item)
  else counts.set(item, now)
}

function targetsOf({ lines }: Answered, index: number): readonly string[] {
  return targetsIn(lines[index] as string)
}

/** Makes the list of the present targets and the absent ones that stay. */
export function compose(reading: Answered, stay: readonly Missing[]): Members {
  const { lines } = reading
  if (stay.length === 0) {
    return { body: encodeLines(lines), groups: lines.length, keys: reading.keys, absenceOf: new Int32Array() }
  }
  const staying = new Map<string, Missing[]>()
  for (const one of stay) {
    const others = staying.get(one.labels)
    if (others === undefined) staying.set(one.labels, [one])
    else others.push(one)
  }
  const answered = new Map(reading.labels.map((labels, index) => [labels, index]))
  const alone = [...staying.keys()].filter((labels) => !answered.has(labels))
  const composed: string[] = []
  const keys = new Uint32Array(reading.keys.length + stay.length)
  const absenceOf = new Int32Array(keys.length).fill(-1)
  let from = 0
  let place = 0

  /** Merges the present targets of a group with the absent ones that stay; both are sorted. */
  function merge(targets: readonly string[], others: readonly Missing[]): string[] {
    const merged: string[] = []
    let next = 0
    const addOthers = (isDue: (target: string) => boolean) => {
      for (let one = others[next]; one !== undefined && isDue(one.target); one = others[++next]) {
        keys[place] = one.key
        absenceOf[place++] = one.absence
        merged.push(one.target)
      }
    }
    for (const target of targets) {
      addOthers((other) => other <= target)
      keys[place++] = reading.keys[from++] as number
      merged.push(target)
    }
    addOthers(() => true)
    return merged
  }

  for (const labels of [...reading.labels, ...alone].sort(compareText)) {
    const index = answered.get(labels)
    const others = staying.get(labels)
    if (others !== undefined) {
      const targets = index === undefined ? [] : targetsOf(reading, index)
      composed.push(lineOf(merge(targets, others), labels))
    } else {
      const size = reading.sizes[index as number] as number
      composed.push(lines[index as number] as string)
      keys.set(reading.keys.subarray(from, from + size), place)
      from += size
      place += size
    }
  }
  return { body: encodeLines(composed), groups: composed.length, keys, absenceOf }
}

/** Some of the targets of a list, in the order of the list. */
interface Part {
  readonly lines: Lines
  readonly targets: number
}

/** Divides the targets of a list in two: the wanted ones, and the others. */
function divide(body: Uint8Array, isWanted: (place: number) => boolean): readonly [Part, Part] {
  const createPart = () => ({ lines: [] as string[], targets: 0 })
  const parts = [createPart(), createPart()] as const
  let place = 0
  for (const line of eachLine(body)) {
    const wanted = Array.from({ length: countIn(line) }, () => isWanted(place++))
    const counts = [wanted.filter(Boolean).length, wanted.filter((one) => !one).length]
    for (const [number, part] of parts.entries()) {
      if (counts[number] === 0) continue
      const isWhole = counts[number] === wanted.length
      const some = () => targetsIn(line).filter((_, at) => wanted[at] === (number === 0))
      part.lines.push(isWhole ? line : lineOf(some(), labelsIn(line)))
      part.targets += counts[number] as number
    }
  }
  return parts
}

/**
 * Takes absent targets out of a list.
 * @param numbers for each absence the number that it has from now on; -1: its targets leave
 * @returns the list, and how many left, and some of these
 */
export function takeOut({ absenceOf, ...list }: Members, numbers: readonly number[]) {
  const isLeaving = (place: number) => {
    const absence = absenceOf[place] as number
    return absence !== -1 && numbers[absence] === -1
  }
  if (!numbers.includes(-1)) return { ...list, absenceOf, left: 0, samples: [] }
  const [leaving, staying] = divide(list.body, isLeaving)
  const rest = absenceOf.filter((_, place) => !isLeaving(place)).map((absence) => numbers[absence] ?? -1)
  return {
    body: encodeLines(staying.lines),
    groups: staying.lines.length,
    keys: list.keys.filter((_, place) => !isLeaving(place)),
    absenceOf: rest.every((absence) => absence === -1) ? new Int32Array() : rest,
    left: leaving.targets,
    samples: samplesOf(leaving.lines),
  }
}

/**
 * Copies absent targets out of a list.
 * @param isWanted by the number of their absence
 * @returns them as a list of their own, how many they are, and some of them
 */
export function pickOut({ body, absenceOf }: Members, isWanted: (absence: number) => boolean) {
  const [{ lines, targets }] = divide(body, (place) => isWanted(absenceOf[place] as number))
  return { body: encodeLines(lines), targets, samples: samplesOf(lines) }
}

/** The number of held or removed targets that are shown as samples. */
export const MAX_SAMPLES = 10

/** The first targets of some lines: address, and the labels that decide where they are scraped. */
export function samplesOf(lines: Lines): string[] {
  const targets = lines.slice(0, MAX_SAMPLES).flatMap((line) => {
    const where = placeIn(labelsIn(line))
    return targetsIn(line).map((target) => target + where)
  })
  return targets.slice(0, MAX_SAMPLES)
}

/** The task for a thread: find the targets of an encoded list that no other list has. */
export interface SubtractTask {
  readonly body: Uint8Array
  readonly others: readonly Uint8Array[]
}

/** The targets of a list that no other list has, and some of them. */
export function subtract({ body, others }: SubtractTask) {
  const known = new Map<string, number>()
  for (const identity of others.flatMap(identitiesIn)) count(known, identity, 1)
  const isOwn = identitiesIn(body).map((identity) => {
    const isKnown = known.has(identity)
    if (isKnown) count(known, identity, -1)
    return !isKnown
  })
  const [{ lines, targets }] = divide(body, (place) => isOwn[place] === true)
  return { body: encodeLines(lines), groups: lines.length, targets, samples: samplesOf(lines) }
}

function identitiesIn(body: Uint8Array): string[] {
  return linesOf(body).flatMap((line) => {
    const where = placeIn(labelsIn(line))
    return targetsIn(line).map((target) => target + where)
  })
}

/** Encoded labels without this text have no part of a target's identity. */
const MAYBE_PLACE = /"__(?:scheme__|metrics_path__|param_)/

/** The part of encoded labels that belongs to a target's identity, to be appended to its address. */
export function placeIn(labels: string): string {
  return MAYBE_PLACE.test(labels) ? placeOf(Object.entries(JSON.parse(labels)) as unknown as Labels) : ''
}
