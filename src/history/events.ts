import { asBuffer } from '../base/bytes.ts'
import { collectGarbageOf } from '../base/heap.ts'
import type { Draft, Ending, EventKind } from '../model/history.ts'
import { compareText, type Labels } from '../model/labels.ts'
import { countIn, eachLine, labelsIn, targetsIn } from '../model/list.ts'
import { createMasker } from '../model/mask.ts'
import { CUT } from '../model/nested.ts'
import { NO_KEY } from '../model/record-key.ts'
import { isPlaceLabel } from '../model/target-group.ts'
import { placeIn } from '../roll/members.ts'
import type { Roll } from '../roll/roll.ts'
import { type Absence, REASONS_TO_STAY } from '../roll/rules.ts'
import { type Differing, differingLines } from './differing.ts'

/** The part of a roll that is needed to compare it with another one. */
export type ListState = Pick<
  Roll,
  'body' | 'groups' | 'keys' | 'absenceOf' | 'absences' | 'held' | 'accepted'
> & {
  readonly seen: Pick<Roll['seen'], 'selection'>
}

/** Two consecutive lists of one source, and the circumstances of the change. */
export interface ListChange {
  /** Undefined: there was no list. */
  readonly before: ListState | undefined
  readonly after: ListState
  /** The wall clock minus the monotonic clock, in milliseconds. */
  readonly wallAheadMs: number
  /** Whether it is a `push` source. */
  readonly isPush: boolean
  /** How registrations ended, by the keys of their targets. */
  readonly endings?: ReadonlyMap<number, Ending> | undefined
  /** The replica that read the source; undefined: this one. */
  readonly reader?: string | undefined
  /** Why targets left; undefined: the rolls say so. */
  readonly why?: string | undefined
}

/** Makes a roll from a list alone. */
export function bareList(body: Uint8Array): ListState {
  const nothing = { absences: [], held: [], accepted: [] }
  return {
    body,
    groups: 0,
    keys: new Uint32Array(),
    absenceOf: new Int32Array(),
    ...nothing,
    seen: { selection: '' },
  }
}

/** The number of targets with events of their own in one change. One more event of each kind counts the others. */
export const MAX_EVENTS = 1_000

/** The number of changed labels that an event names. */
const MAX_LABELS = 10

/** The number of UTF-16 units of a text that are shown, and the longest value that is masked; a longer one is not shown. */
const MAX_TEXT = 500
const MAX_VALUE = 80
const MAX_MASKED = 16_384

/** A target of the later list that is not in the earlier one with these labels. */
interface Newcomer {
  readonly address: string
  /** The address, and the labels that decide where it is scraped. */
  readonly identity: string
  /** Its line. */
  readonly text: string
}

/** A target of the earlier list that is not in the later one with these labels. */
interface Missing extends Newcomer {
  /** The byte at which its line begins, and its index in the line. */
  readonly at: number
  readonly index: number
}

/** A target whose labels changed. */
interface Relabelled extends Newcomer {
  /** Its line in the earlier list. */
  readonly from: string
}

const NEWS = {
  left: (count: number) => `${count} more targets left`,
  joined: (count: number) => `${count} more targets joined`,
  changed: (count: number) => `the labels of ${count} more targets changed`,
}

/**
 * Makes the events of a change: up to {@link MAX_EVENTS} targets that left, joined or changed labels, in this order, and the
 * number of all others. Secrets are masked.
 * @param differing the lines that may differ, if known
 */
export function eventsOf(change: ListChange, differing?: Differing): Draft[] {
  const { before, after, reader } = change
  const by = reader === undefined ? '' : ` (read by the replica ${reader})`
  if (before === undefined) {
    return [summary('joined', `first list: ${after.keys.length} targets${by}`)]
  }
  const { left, joined, changed } = compareLists(
    differing ?? (differingLines(before.body, after.body, Number.POSITIVE_INFINITY) as Differing),
  )
  const note = before.seen.selection === after.seen.selection ? by : `; its configuration changed${by}`
  const places = placesOf(left.slice(0, MAX_EVENTS), before)
  const whyLeft = createWhyLeft(before, after, change, replacements(places, before, after))
  let room = MAX_EVENTS

  function draft<One>(kind: EventKind, all: readonly One[], of: (one: One, index: number) => Draft): Draft[] {
    const some = all.slice(0, room)
    room -= some.length
    const events = some.map(of)
    const more = all.length - some.length
    return more === 0 ? events : [...events, summary(kind, `${NEWS[kind](more)}${note}`)]
  }

  return [
    ...draft('left', left, ({ address, text }, index) =>
      target('left', address, labelsOf(text), `${whyLeft(places[index] as number)}${by}`),
    ),
    ...draft('joined', joined, ({ address, text }) => {
      const why = change.isPush ? 'its device registered' : 'the inventory has it'
      return target('joined', address, labelsOf(text), `${why}${note}`)
    }),
    ...draft('changed', changed, ({ address, text, from }) => {
      const why = labelChanges(labelsOf(from), labelsOf(text))
      return target('changed', address, labelsOf(text), `${why}${note}`)
    }),
  ]
}

/** The work of {@link eventsOf} in a thread, which keeps no garbage of it for its next job. */
export function eventsInThread(change: ListChange): Draft[] {
  const events = eventsOf(change)
  collectGarbageOf(change.after.body.byteLength)
  return events
}

/** An event for many targets, without their names. */
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

/** The labels of a line. A value that is too long to be masked is not shown. */
function labelsOf(line: string): Labels {
  const labels = Object.entries(JSON.parse(labelsIn(line)) as Record<string, string>)
  return labels.map(([name, value]) => [name, value.length > MAX_MASKED ? CUT : value] as const)
}

/** The names of the labels that differ. */
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

/** Finds the differences. Common lines are not decoded. */
function compareLists(lines: Differing) {
  const { missing, newcomers } = unmatchedIn(lines)
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
    else changed.push({ ...one, from: old.text })
  }
  const left = [...byIdentity.values()].flat().sort((a, b) => a.at - b.at || a.index - b.index)
  return { left, joined, changed }
}

/** The targets of each list that are not in the other one with the same labels. */
function unmatchedIn({ before, after }: Differing) {
  const byLabels = new Map(after.map(({ text }) => [labelsIn(text), text]))
  const missing: Missing[] = []
  const newcomers: Newcomer[] = []
  const join = (text: string, where: string, addresses: readonly string[]) => {
    for (const address of addresses) newcomers.push({ address, identity: address + where, text })
  }
  for (const { text, at } of before) {
    const labels = labelsIn(text)
    const same = byLabels.get(labels)
    byLabels.delete(labels)
    if (same === text) continue
    const where = placeIn(labels)
    const old = targetsIn(text)
    const { gone, come } = compareSorted(old, same === undefined ? [] : targetsIn(same))
    for (const index of gone) {
      const address = old[index] as string
      missing.push({ address, identity: address + where, text, at, index })
    }
    if (same !== undefined) join(same, where, come)
  }
  for (const [labels, text] of byLabels) join(text, placeIn(labels), targetsIn(text))
  return { missing, newcomers }
}

/** The indexes of targets, sorted by target. */
function placesOf(targets: readonly Missing[], { body, groups, keys }: ListState): number[] {
  const bytes = asBuffer(body)
  const isOneEach = groups === keys.length
  let at = 2
  let place = 0
  return targets.map((one) => {
    while (at < one.at) {
      const next = bytes.indexOf(10, at) + 1
      place += isOneEach ? 1 : countIn(bytes.toString('utf8', at, next))
      at = next
    }
    return place + one.index
  })
}

/** Compares sorted addresses: the indexes of the removed ones, and the new ones. */
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

/** The present addresses of the records whose targets left, by key. */
function replacements(
  places: readonly number[],
  before: ListState,
  after: ListState,
): ReadonlyMap<number, string> {
  const wanted = new Set(places.map((place) => before.keys[place] ?? NO_KEY))
  wanted.delete(NO_KEY)
  const found = new Map<number, string>()
  // Usually the record leaves with its target.
  const lines = after.keys.some((key) => wanted.has(key)) ? eachLine(after.body) : []
  let place = 0
  for (const line of lines) {
    const count = countIn(line)
    const keys = after.keys.subarray(place, place + count)
    place += count
    if (!keys.some((key) => wanted.has(key))) continue
    for (const [at, address] of targetsIn(line).entries()) {
      const key = keys[at] as number
      // Once for each key, because any number of records may share one.
      if (wanted.delete(key)) found.set(key, createMasker(null, [labelsOf(line)]).text(address))
    }
  }
  return found
}

/** The reason why a target left, by its index in the list before. */
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
  if (ending === 'left') return 'its device unregistered'
  if (ending === 'expired') return 'its lease expired without a heartbeat'
  return 'it is no longer registered'
}

/** @param absence the one before the reading by which it left; undefined: none */
function missed(absence: Absence | undefined, wallAheadMs: number): string {
  if (absence === undefined) return 'the last reading lacked it'
  const since = new Date(absence.sinceMs + wallAheadMs).toISOString()
  return `the inventory lacked it for ${absence.readings + 1} readings, since ${since}`
}
