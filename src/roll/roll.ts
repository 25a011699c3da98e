import { createHash } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'
import { NO_KEY } from '../model/record-key.ts'
import {
  type Answered,
  answeredIn,
  type Comparison,
  compare,
  compose,
  MAX_SAMPLES,
  type Members,
  type Missing,
  pickOut,
  samplesOf,
  takeOut,
} from './members.ts'
import {
  type Absence,
  accepting,
  type Circumstances,
  countedAnew,
  discounted,
  firstMissed,
  type GuardOptions,
  type History,
  judge,
  missedAgain,
  NO_HISTORY,
  type ReasonToStay,
  remember,
  type Scope,
  shifted,
  type Verdict,
} from './rules.ts'

/** The ledger of one source: its served list, and the state of each target in it. */
export interface Roll extends Members {
  /** The absences; `absenceOf` has the index of that of each absent target. */
  readonly absences: readonly Absence[]
  /** The circumstances of the last reading. */
  readonly seen: Circumstances
  readonly history: History
  /** The digests that an operator accepted last. Each digest in the configuration works once. */
  readonly accepted: readonly string[]
  /** The absent targets that are held, with one entry for each reason. */
  readonly held: readonly Held[]
}

/** Absent targets that are held for one reason. */
export interface Held {
  readonly reason: ReasonToStay
  /** SHA-256, in hex, of these targets as a list. An operator accepts them by it. */
  readonly digest: string
  readonly absences: readonly number[]
  readonly targets: number
  /** The first of these targets. */
  readonly samples: readonly string[]
  /** When the first of them went missing, on the monotonic clock. */
  readonly sinceMs: number
  /** When the last of them leaves; undefined: only when an operator accepts it. */
  readonly untilMs: number | undefined
}

/** One complete answer of an inventory, as targets. */
export interface Reading extends Answered {
  /** The keys of records that cannot be read. */
  readonly unreadable: ReadonlySet<number>
  /** The number of records that cannot be read and have no key. */
  readonly keyless: number
  /** The number of records that make no target. */
  readonly idle: number
  /** False while somebody may still be writing the file. Such a reading counts only if it lacks no target. */
  readonly isAtRest: boolean
}

/** The time and the settings of a roll call. */
export interface Occasion {
  /** On the monotonic clock. */
  readonly nowMs: number
  /** When the reading began, on the monotonic clock. */
  readonly startedMs: number
  /** A digest of the part of the configuration that selects targets. */
  readonly selection: string
  readonly options: GuardOptions
  /** The numbers of all sources together. */
  readonly all: Scope
}

/** The result of a roll call. */
export interface Called {
  readonly roll: Roll
  /** Whether the served list changes. */
  readonly isChanged: boolean
  readonly joined: number
  readonly left: number
  /** The number of targets that left because an operator accepted it. */
  readonly accepted: number
  /** The first targets that joined and left: address, and the labels that decide where they are scraped. */
  readonly samples: { readonly added: readonly string[]; readonly removed: readonly string[] }
  /** Whether another reading soon could prove that missing targets are gone. */
  readonly needsConfirmation: boolean
}

/** Makes the roll of the first list of a source. */
export function openRoll(reading: Reading, occasion: Occasion): Called {
  const joined = reading.keys.length
  const list = compose(reading, [])
  const seen = circumstances(reading, new Uint32Array(), occasion)
  const history = remember(NO_HISTORY, occasion.nowMs, { left: 0, returned: 0, sizes: joined })
  return {
    roll: { ...list, absences: [], seen, history, accepted: [], held: [] },
    isChanged: true,
    joined,
    left: 0,
    accepted: 0,
    samples: { added: samplesOf(reading.lines), removed: [] },
    needsConfirmation: false,
  }
}

/**
 * Calls the roll: targets in the reading are served at once; missing ones stay until the rules let them leave.
 * A pure function of the roll, a reading and the time.
 * @returns undefined when the reading may be incomplete (rule 2)
 */
export function callRoll(roll: Roll, reading: Reading, occasion: Occasion): Called | undefined {
  const { nowMs, options, all } = occasion
  const { accepted } = roll
  const present = reading.keys.length
  const { missing, joined, returned } = compare(roll, reading)
  if (!reading.isAtRest && missing.length > 0) return undefined
  const came = returned.filter((absence) => roll.absences[absence]?.isUnreadable === false).length
  const history = remember(roll.history, nowMs, { left: 0, returned: came, sizes: present })
  const seen = circumstances(reading, roll.keys, occasion)
  const absences = assignAbsences(missing, roll, reading, occasion)
  const verdicts = judge(absences, { nowMs, now: seen, history, present, all }, options)
  const numbers = renumber(verdicts)
  for (const one of missing) one.absence = numbers[one.absence] as number
  const stay = missing.filter(({ absence }) => absence !== -1)
  const left = missing.filter(({ absence }) => absence === -1)
  const samples = left.slice(0, MAX_SAMPLES).map(({ identity }) => identity)
  const draft = {
    ...compose(reading, stay),
    ...remaining(absences, verdicts),
    seen,
    history,
    accepted,
  }
  return finish(roll, draft, occasion, { joined, left: left.length, samples })
}

/** Calls the roll with a reading that equals the last one. */
export function callAgain(roll: Roll, occasion: Occasion): Called {
  const { nowMs, startedMs, options, all, selection } = occasion
  const { accepted } = roll
  const seen = { ...roll.seen, selection }
  const present = presentIn(roll)
  const history = remember(roll.history, nowMs, { left: 0, returned: 0, sizes: present })
  const counts = countAbsent(roll)
  const absences = roll.absences.map(
    (absence, index) =>
      [missedAgain(absence, nowMs, absence.isUnreadable, startedMs), counts[index] as number] as const,
  )
  const verdicts = judge(absences, { nowMs, now: seen, history, present, all }, options)
  const { left, samples, ...list } = takeOut(roll, renumber(verdicts))
  const draft = { ...list, ...remaining(absences, verdicts), seen, history, accepted }
  return finish(roll, draft, occasion, { joined: new Map(), left, samples })
}

/**
 * Lets held targets leave because an operator accepted it. Afterwards the circumstances count from now on.
 * @returns undefined when no held targets have this digest
 */
export function letGo(roll: Roll, digest: string, nowMs: number): Called | undefined {
  const held = roll.held.find((one) => one.digest === digest)
  if (held === undefined) return undefined
  const numbers = renumber(roll.absences.map((_, index) => ({ leaves: held.absences.includes(index) })))
  const { left, samples, ...list } = takeOut(roll, numbers)
  // Records of these targets that are still in the inventory can no longer be matched with a target.
  const forgotten = new Set(roll.keys.filter((_, place) => numbers[roll.absenceOf[place] as number] === -1))
  for (const key of list.keys) forgotten.delete(key)
  const unrecognised = held.reason === 'unreadable' ? forgotten.size : 0
  const anew = (one: Circumstances) => ({ ...one, unrecognised: one.unrecognised + unrecognised })
  const absences = roll.absences
    .filter((_, index) => numbers[index] !== -1)
    .map((absence) => ({ ...absence, lastSeen: anew(absence.lastSeen) }))
  const present = presentIn({ ...list, absences })
  return {
    roll: {
      ...list,
      absences: absences.map((absence) => ({ ...absence, rollBefore: present })),
      seen: anew(roll.seen),
      history: remember(NO_HISTORY, nowMs, { left: 0, returned: 0, sizes: present }),
      accepted: accepting(roll.accepted, digest),
      held: roll.held
        .filter((one) => one !== held)
        .map((one) => ({ ...one, absences: one.absences.map((index) => numbers[index] as number) })),
    },
    isChanged: true,
    joined: 0,
    left,
    accepted: left,
    samples: { added: [], removed: samples },
    needsConfirmation: false,
  }
}

/** How many of the served targets the last reading had. */
export function presentIn(roll: Pick<Roll, 'keys' | 'absences' | 'absenceOf'>): number {
  return roll.keys.length - absentIn(roll)
}

/** The same roll on a clock that shows so much more, in milliseconds. */
export function shiftedRoll(roll: Roll, byMs: number): Roll {
  return {
    ...roll,
    absences: roll.absences.map((absence) => ({
      ...absence,
      sinceMs: absence.sinceMs + byMs,
      fromMs: absence.fromMs + byMs,
      countedMs: absence.countedMs + byMs,
    })),
    history: shifted(roll.history, byMs),
    held: roll.held.map((held) => ({
      ...held,
      sinceMs: held.sinceMs + byMs,
      untilMs: held.untilMs === undefined ? undefined : held.untilMs + byMs,
    })),
  }
}

/**
 * Unites the rolls that two replicas made of one source without knowing of each other. No target leaves: a target that only
 * one of them has is absent from now on, and for those that were absent before the count starts again.
 */
export function unite(one: Roll, other: Roll, nowMs: number): Roll {
  const answered = answeredIn(one)
  const { missing } = compare(other, answered)
  for (const each of missing) each.absence = 0
  const { seen, history } = one
  return {
    ...compose(answered, missing),
    absences:
      missing.length === 0 ? [] : [countedAnew(firstMissed(seen, history, nowMs, false), nowMs, nowMs)],
    seen,
    history,
    accepted: [...new Set([...other.accepted, ...one.accepted])],
    held: [],
  }
}

/** The number of absent targets. */
export function absentIn(roll: Pick<Roll, 'absences' | 'absenceOf'>): number {
  return countAbsent(roll).reduce((sum, count) => sum + count, 0)
}

/** The number of targets of each absence. */
function countAbsent({ absences, absenceOf }: Pick<Roll, 'absences' | 'absenceOf'>): number[] {
  const counts = absences.map(() => 0)
  for (const absence of absenceOf) if (absence !== -1) counts[absence] = (counts[absence] as number) + 1
  return counts
}

/** Gives each missing target the index of its absence. Targets share one if they went missing together and are alike in rule 3. */
function assignAbsences(
  missing: readonly Missing[],
  { absences: before, seen, history }: Roll,
  { unreadable }: Reading,
  { nowMs, startedMs }: Occasion,
): (readonly [Absence, number])[] {
  const numbers = new Map<number, number>()
  const absences: Absence[] = []
  const counts: number[] = []
  for (const one of missing) {
    const isUnreadable = one.key !== NO_KEY && unreadable.has(one.key)
    const id = 2 * (one.absence + 1) + Number(isUnreadable)
    const old = before[one.absence]
    const number = numbers.get(id) ?? absences.length
    if (number === absences.length) {
      numbers.set(id, number)
      absences.push(
        old === undefined
          ? firstMissed(seen, history, nowMs, isUnreadable)
          : missedAgain(old, nowMs, isUnreadable, startedMs),
      )
      counts.push(0)
    }
    one.absence = number
    counts[number] = (counts[number] as number) + 1
  }
  return absences.map((absence, index) => [absence, counts[index] as number])
}

/** New indexes for the absences that remain; -1 for those that leave. */
function renumber(verdicts: readonly Pick<Verdict, 'leaves'>[]): number[] {
  let next = 0
  return verdicts.map(({ leaves }) => (leaves ? -1 : next++))
}

/** The absences that remain, and the decisions about them. */
function remaining(absences: readonly (readonly [Absence, number])[], verdicts: readonly Verdict[]) {
  return {
    absences: absences
      .map(([absence], index) => discounted(absence, verdicts[index] as Verdict))
      .filter((_, index) => !verdicts[index]?.leaves),
    verdicts: verdicts.filter((verdict) => !verdict.leaves),
  }
}

/** A roll with decisions, before the held targets are named. */
interface Draft extends Omit<Roll, 'held'> {
  readonly verdicts: readonly Extract<Verdict, { leaves: false }>[]
}

/** Names the held targets, adds to the history, and lets targets leave that `guard.accept` names. */
function finish(
  before: Roll,
  { verdicts, ...draft }: Draft,
  { nowMs, options }: Occasion,
  {
    joined,
    left,
    samples,
  }: Pick<Called, 'left'> & {
    readonly joined: Comparison['joined']
    /** The first targets that left. */
    readonly samples: readonly string[]
  },
): Called {
  const isChanged = draft.body !== before.body && !asBuffer(draft.body).equals(before.body)
  const history = remember(draft.history, nowMs, { left, returned: 0, sizes: presentIn(draft) })
  const isSame = !isChanged && asBuffer(draft.absenceOf).equals(asBuffer(before.absenceOf))
  const held = holdBack(draft, verdicts, isSame ? before.held : [])
  const called: Called = {
    roll: { ...draft, body: isChanged ? draft.body : before.body, history, held },
    isChanged,
    joined: [...joined.values()].reduce((sum, count) => sum + count, 0),
    left,
    accepted: 0,
    samples: { added: firstOf(joined.keys()), removed: samples },
    // A reading soon helps where confirmations are missing; it does not help where only `grace` has to pass.
    needsConfirmation: verdicts.some(
      ({ reason }, index) =>
        reason === 'unconfirmed' && Number(draft.absences[index]?.readings) < options.confirmations,
    ),
  }
  const { accept } = options
  const isNew = accept !== undefined && !draft.accepted.includes(accept)
  const accepted = isNew ? letGo(called.roll, accept, nowMs) : undefined
  if (accepted === undefined) return called
  return {
    ...accepted,
    joined: called.joined,
    left: left + accepted.left,
    samples: {
      added: called.samples.added,
      removed: [...called.samples.removed, ...accepted.samples.removed].slice(0, MAX_SAMPLES),
    },
  }
}

/**
 * The held targets, by reason.
 * @param before the held targets of the same list, whose names are used again
 */
function holdBack(draft: Omit<Roll, 'held'>, verdicts: Draft['verdicts'], before: readonly Held[]): Held[] {
  const byReason = new Map<ReasonToStay, number[]>()
  for (const [index, { reason }] of verdicts.entries()) {
    if (reason !== 'unconfirmed') byReason.set(reason, [...(byReason.get(reason) ?? []), index])
  }
  return [...byReason].map(([reason, absences]) => {
    const known = before.find((one) => one.reason === reason && String(one.absences) === String(absences))
    const untils = absences.map((index) => verdicts[index]?.untilMs)
    const since = absences.map((index) => (draft.absences[index] as Absence).sinceMs)
    return {
      ...(known ?? nameHeld(draft, new Set(absences))),
      reason,
      absences,
      sinceMs: since.reduce((least, one) => Math.min(least, one)),
      untilMs: untils.reduce((most, one) =>
        most === undefined || one === undefined ? undefined : Math.max(most, one),
      ),
    }
  })
}

/** The digest by which an operator accepts absent targets: that of a list of them. */
function nameHeld(
  draft: Members,
  absences: ReadonlySet<number>,
): Pick<Held, 'digest' | 'targets' | 'samples'> {
  const { body, ...rest } = pickOut(draft, (absence) => absences.has(absence))
  return { digest: createHash('sha256').update(body).digest('hex'), ...rest }
}

/** The circumstances of a reading. Unreadable records are matched by their keys with targets served before or now. */
function circumstances(
  { unreadable, keyless, idle, keys }: Reading,
  before: Uint32Array,
  { selection }: Occasion,
): Circumstances {
  const unknown = new Set(unreadable)
  for (const known of unknown.size > 0 ? [before, keys] : []) for (const key of known) unknown.delete(key)
  return { selection, idle, unrecognised: keyless + unknown.size }
}

function firstOf(texts: Iterable<string>): string[] {
  const some: string[] = []
  for (const text of texts) {
    if (some.length === MAX_SAMPLES) break
    some.push(text)
  }
  return some
}
