import type { LabelMap } from '../model/explanation.ts'
import type { Ending, EventKind } from '../model/history.ts'
import { compareText, type Labels } from '../model/labels.ts'
import { countIn, type Lines, labelsIn, linesOf, targetsIn } from '../model/list.ts'
import { createMasker } from '../model/mask.ts'
import { CUT } from '../model/nested.ts'
import { NO_KEY } from '../model/record-key.ts'
import { isPlaceLabel } from '../model/target-group.ts'
import { placeIn } from '../roll/members.ts'
import type { Roll } from '../roll/roll.ts'
import { type Absence, REASONS_TO_STAY } from '../roll/rules.ts'

/** What of a roll is needed to tell how it differs from another. */
export type ListState = Pick<Roll, 'body' | 'keys' | 'absenceOf' | 'absences' | 'held' | 'accepted'> & {
  readonly seen: Pick<Roll['seen'], 'selection'>
}

/** Two lists of one source, one after the other, and what is known of how one became the other. */
export interface ListChange {
  /** Undefined: there was none. */
  readonly before: ListState | undefined
  readonly after: ListState
  /** What the wall clock shows more than the monotonic one, in milliseconds. */
  readonly wallAheadMs: number
  /** Whether devices register with the source themselves. */
  readonly isPush: boolean
  /** How registrations ended, by the keys of their targets. */
  readonly endings?: ReadonlyMap<number, Ending> | undefined
  /** The replica that read the source; undefined: this one. */
  readonly reader?: string | undefined
  /** Why targets left; undefined: the rolls say so. */
  readonly why?: string | undefined
}

/** A list of which only the targets are known. */
export function bareList(body: Uint8Array): ListState {
  const nothing = { absences: [], held: [], accepted: [] }
  return { body, keys: new Uint32Array(), absenceOf: new Int32Array(), ...nothing, seen: { selection: '' } }
}

/** An event without its place in the order of all. */
export interface Draft {
  readonly kind: EventKind
  readonly address: string
  readonly place: LabelMap
  readonly why: string
}

/** How many targets one change has events of; one more event of each kind says how many others there were. */
export const MAX_EVENTS = 1_000

/** How many changed labels an event names. */
const MAX_LABELS = 10

/** Of a text, so many UTF-16 units are shown; of a longer value than can be masked quickly nothing is. */
const MAX_TEXT = 500
const MAX_VALUE = 80
const MAX_MASKED = 16_384

/** A target of the later list that the earlier one has not, or not with these labels. */
interface Newcomer {
  readonly address: string
  /** The address, and what else decides where it is scraped. */
  readonly identity: string
  /** The number of its line. */
  readonly line: number
}

/** A target of the earlier list that the later one has not, or not with these labels. */
interface Missing extends Newcomer {
  /** Its place in the list. */
  readonly place: number
}

/** A target that has other labels now. */
interface Relabelled extends Newcomer {
  /** The number of its line in the earlier list. */
  readonly from: number
}

const NEWS = {
  left: (count: number) => `${count} more targets left`,
  joined: (count: number) => `${count} more targets joined`,
  changed: (count: number) => `the labels of ${count} more targets changed`,
}

/**
 * Tells how a list differs from the one before: at most {@link MAX_EVENTS} targets that left, joined or have other
 * labels, in this order, and how many more there were. Secrets are masked.
 */
export function eventsOf(change: ListChange): Draft[] {
  const { before, after, reader } = change
  const by = reader === undefined ? '' : ` (read by the replica ${reader})`
  if (before === undefined) {
    return [summary('joined', `first list: ${after.keys.length} targets${by}`)]
  }
  const lines = { before: linesOf(before.body), after: linesOf(after.body) }
  const { left, joined, changed } = compareLists(lines.before, lines.after)
  const note = before.seen.selection === after.seen.selection ? by : `; its configuration changed${by}`
  const replaced = replacements(left.slice(0, MAX_EVENTS), before, after, lines.after)
  const whyLeft = createWhyLeft(before, after, change, replaced)
  const oldLabels = (line: number) => labelsOf(lines.before[line] as string)
  const newLabels = (line: number) => labelsOf(lines.after[line] as string)
  let room = MAX_EVENTS

  function draft<One>(kind: EventKind, all: readonly One[], of: (one: One) => Draft): Draft[] {
    const some = all.slice(0, room)
    room -= some.length
    const events = some.map(of)
    const more = all.length - some.length
    return more === 0 ? events : [...events, summary(kind, `${NEWS[kind](more)}${note}`)]
  }

  return [
    ...draft('left', left, ({ address, line, place }) =>
      target('left', address, oldLabels(line), `${whyLeft(place)}${by}`),
    ),
    ...draft('joined', joined, ({ address, line }) => {
      const why = change.isPush ? 'its device registered' : 'the inventory has it'
      return target('joined', address, newLabels(line), `${why}${note}`)
    }),
    ...draft('changed', changed, ({ address, line, from }) => {
      const why = labelChanges(oldLabels(from), newLabels(line))
      return target('changed', address, newLabels(line), `${why}${note}`)
    }),
  ]
}

/** An event of many targets, which names none. */
export function summary(kind: EventKind, why: string): Draft {
  return { kind, address: '', place: {}, why }
}

function target(kind: EventKind, address: string, labels: Labels, why: string): Draft {
  const masker = createMasker(null, [labels])
  const place = labels.filter(([name]) => isPlaceLabel(name))
  const shownPlace = place.map(([name, value]) => [name, cut(masker.label(name, value), MAX_TEXT)])
  return { kind, address: cut(masker.text(address), MAX_TEXT), place: Object.fromEntries(shownPlace), why }
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length).toWellFormed()}${CUT}`
}

/** The labels of a line; a value that is too long to be searched for secrets is not shown. */
function labelsOf(line: string): Labels {
  const labels = Object.entries(JSON.parse(labelsIn(line)) as Record<string, string>)
  return labels.map(([name, value]) => [name, value.length > MAX_MASKED ? CUT : value] as const)
}

/** Which labels differ, by name. */
function labelChanges(before: Labels, after: Labels): string {
  const masker = createMasker(null, [before, after])
  const [old, now] = [new Map(before), new Map(after)]
  const names = [...new Set([...old.keys(), ...now.keys()])].sort(compareText)
  const text = (name: string, value: string | undefined) =>
    value === undefined ? '(none)' : JSON.stringify(cut(masker.label(name, value), MAX_VALUE))
  const changed = names
    .filter((name) => old.get(name) !== now.get(name))
    .map(
      (name) =>
        `${cut(masker.text(name), MAX_VALUE)} ${text(name, old.get(name))} → ${text(name, now.get(name))}`,
    )
  const more = changed.length - MAX_LABELS
  const named = changed.slice(0, MAX_LABELS).join(', ')
  return `labels changed: ${named}${more > 0 ? ` and ${more} more` : ''}`
}

/** Finds what differs. Lines that both lists have are not decoded. */
function compareLists(before: Lines, after: Lines) {
  const { missing, newcomers } = unmatchedIn(before, after)
  const joined: Newcomer[] = []
  const changed: Relabelled[] = []
  const byIdentity = new Map<string, Missing[]>()
  for (const one of missing) {
    const others = byIdentity.get(one.identity)
    if (others === undefined) byIdentity.set(one.identity, [one])
    else others.push(one)
  }
  for (const one of newcomers) {
    const old = byIdentity.get(one.identity)?.pop()
    if (old === undefined) joined.push(one)
    else changed.push({ ...one, from: old.line })
  }
  const left = [...byIdentity.values()].flat().sort((a, b) => a.place - b.place)
  return { left, joined, changed }
}

/** The targets of each list that the other one has not with the same labels. */
function unmatchedIn(before: Lines, after: Lines) {
  const linesByLabels = new Map(after.map((text, line) => [labelsIn(text), line]))
  const missing: Missing[] = []
  const newcomers: Newcomer[] = []
  let place = 0
  const join = (line: number, where: string, addresses: readonly string[]) => {
    for (const address of addresses) newcomers.push({ address, identity: address + where, line })
  }
  for (const [line, text] of before.entries()) {
    const labels = labelsIn(text)
    const same = linesByLabels.get(labels)
    linesByLabels.delete(labels)
    if (same !== undefined && after[same] === text) {
      place += countIn(text)
      continue
    }
    const where = placeIn(labels)
    const now = same === undefined ? [] : targetsIn(after[same] as string)
    const old = targetsIn(text)
    const { gone, come } = compareSorted(old, now)
    for (const at of gone) {
      const address = old[at] as string
      missing.push({ address, identity: address + where, line, place: place + at })
    }
    join(same as number, where, come)
    place += old.length
  }
  for (const [labels, line] of linesByLabels) {
    join(line, placeIn(labels), targetsIn(after[line] as string))
  }
  return { missing, newcomers }
}

/** Compares sorted addresses: the places of those that are gone, and those that came. */
function compareSorted(old: readonly string[], now: readonly string[]) {
  const gone: number[] = []
  const come: string[] = []
  let at = 0
  for (const [place, address] of old.entries()) {
    while (at < now.length && (now[at] as string) < address) come.push(now[at++] as string)
    if (now[at] === address) at++
    else gone.push(place)
  }
  return { gone, come: [...come, ...now.slice(at)] }
}

/** The addresses that the records of targets that left have now, by their keys. */
function replacements(
  left: readonly Missing[],
  before: ListState,
  after: ListState,
  lines: Lines,
): ReadonlyMap<number, string> {
  const wanted = new Set(left.map(({ place }) => before.keys[place] ?? NO_KEY))
  wanted.delete(NO_KEY)
  const found = new Map<number, string>()
  let place = 0
  for (const line of wanted.size === 0 ? [] : lines) {
    const count = countIn(line)
    const keys = after.keys.subarray(place, place + count)
    place += count
    if (!keys.some((key) => wanted.has(key))) continue
    for (const [at, address] of targetsIn(line).entries()) {
      const key = keys[at] as number
      // Once a key: any number of records may share one.
      if (wanted.delete(key)) found.set(key, createMasker(null, [labelsOf(line)]).text(address))
    }
  }
  return found
}

/** Says why a target left, by its place in the list before. */
function createWhyLeft(
  before: ListState,
  after: ListState,
  { wallAheadMs, endings, isPush, why }: ListChange,
  replaced: ReadonlyMap<number, string>,
): (place: number) => string {
  const accepted = after.accepted.filter((digest) => !before.accepted.includes(digest))
  return (place) => {
    if (why !== undefined) return why
    const key = before.keys[place] ?? NO_KEY
    const number = before.absenceOf[place] ?? -1
    const held = before.held.find(({ absences }) => absences.includes(number))
    const now = replaced.get(key)
    const parts = [
      ...(held !== undefined && accepted.includes(held.digest) ? ['an operator accepted it'] : []),
      ...(now === undefined ? [] : [`its record has the address ${cut(now, MAX_TEXT)} now`]),
      isPush ? endingOf(endings?.get(key)) : missed(before.absences[number], wallAheadMs),
      ...(held === undefined ? [] : [`it was held: ${REASONS_TO_STAY[held.reason]}`]),
    ]
    return parts.join('; ')
  }
}

function endingOf(ending: Ending | undefined): string {
  if (ending === 'left') return 'its device said goodbye'
  if (ending === 'expired') return 'its lease expired without a heartbeat'
  return 'it is not registered any more'
}

/** @param absence before the reading that let it leave; undefined: there was none */
function missed(absence: Absence | undefined, wallAheadMs: number): string {
  if (absence === undefined) return 'the last reading lacked it'
  const since = new Date(absence.sinceMs + wallAheadMs).toISOString()
  return `the inventory had it no more for ${absence.readings + 1} readings, since ${since}`
}
