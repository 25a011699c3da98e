/**
 * The rules by which a target that its inventory lacks may leave (docs: "When a target leaves"). Each is a function of
 * values alone; none knows a single target, only how many went missing together and what was so at that time.
 */

/** What proof a source asks for. Times in milliseconds. */
export interface GuardOptions {
  /** How many readings in a row must lack a target. */
  readonly confirmations: number
  /** How long a target must have been missing. */
  readonly graceMs: number
  /** The largest share of the roll, 0 to 1, that may leave within an hour without being held. */
  readonly maxDrop: number
  /** So many targets may leave within an hour, whatever share they are, unless they are all. */
  readonly minTargets: number
  /** How long every reading must lack what is held. */
  readonly holdMs: number
  /** The same when nothing would be left of a roll of `minTargets` or more. */
  readonly holdEmptyMs: number
  /** A reading with fewer targets fails. */
  readonly minExpected: number
  /** The digest of held targets that may leave at once, one time; undefined: an operator has said nothing. */
  readonly accept?: string | undefined
}

/** What a source asks for that configures nothing. */
export const DEFAULT_GUARD: GuardOptions = {
  confirmations: 2,
  graceMs: 0,
  maxDrop: 0.5,
  minTargets: 10,
  holdMs: 15 * 60_000,
  holdEmptyMs: 24 * 3_600_000,
  minExpected: 0,
}

/** A device that says goodbye, or whose registration expired, needs no second proof. */
export const PUSH_CONFIRMATIONS = 1

/** What was so in one reading, beside its targets. */
export interface Circumstances {
  /** Tells apart what the configuration selects. */
  readonly selection: string
  /** Records that made no target: not selected, dropped or quarantined. */
  readonly idle: number
  /** Quarantined records that are not known to have made a target that is served. */
  readonly unrecognised: number
}

/** Targets that went missing in the same reading, and what speaks for their being gone. */
export interface Absence {
  /** What was so in the last reading that had them. */
  readonly lastSeen: Circumstances
  /** The most targets that a reading of the hour before had. */
  readonly rollBefore: number
  /** Readings in a row that lacked them, not counting those that came within a second of another. */
  readonly readings: number
  /** Since when they are missing, when the first of these readings was made, and the last; on the monotonic clock. */
  readonly sinceMs: number
  readonly fromMs: number
  readonly countedMs: number
  /** Their records are there and cannot be read. */
  readonly isUnreadable: boolean
}

/** So many targets, at a time on the monotonic clock. */
export interface Tally {
  readonly atMs: number
  readonly count: number
}

/** What happened within the last hour. */
export interface History {
  /** Targets that left without an operator's word. */
  readonly left: readonly Tally[]
  /** Targets that came back after a reading had lacked them. */
  readonly returned: readonly Tally[]
  /** How many targets readings had. */
  readonly sizes: readonly Tally[]
}

/** Why absent targets are still served. */
export const REASONS_TO_STAY = {
  unconfirmed: 'too few readings have lacked them yet',
  unreadable: 'their records are in the inventory, and cannot be read',
  unreadable_records: 'more records cannot be read than before, and these targets may be theirs',
  too_many: 'too many of the targets would leave within an hour',
  too_many_of_all: 'too many of the targets of all sources would leave within an hour',
  all: 'no target would be left',
  idle_records:
    'about as many more records make no target as targets are missing: a filter, or a field, changed',
  configuration: 'the configuration of the source changed since the inventory had them',
  flapping: 'other targets were missing and came back',
  replaced: 'their source is not configured any more, and those that were added have not been read yet',
  removed: 'their source is not configured any more, and too many of the targets of all sources would leave',
} as const

export type ReasonToStay = keyof typeof REASONS_TO_STAY

/** What becomes of absent targets. */
export type Verdict =
  | { readonly leaves: true }
  | {
      readonly leaves: false
      readonly reason: ReasonToStay
      /** When they leave if every reading until then lacks them; undefined: only an operator's word lets them leave. */
      readonly untilMs?: number | undefined
    }

/** How far what happened counts, in milliseconds. */
const HOUR_MS = 3_600_000

/** Readings that are closer together than this, in milliseconds, see the same hiccup. */
const APART_MS = 1_000

/** However short `hold` is, so many readings must lack what is held. */
const HELD_READINGS = 3

/** A first list that is empty is believed after so many readings over so long, in milliseconds. */
const FIRST_READINGS = 3
const FIRST_MS = 60_000

/** A reading that lacks targets for such a reason is none that shows them to be gone. */
const UNTELLING: ReadonlySet<ReasonToStay> = new Set(['unreadable_records', 'idle_records', 'configuration'])

/** A source that flaps brought back at least this share of what would leave. */
const FLAPPING_SHARE = 0.1

/** The first reading that lacks targets. */
export function firstMissed(
  lastSeen: Circumstances,
  history: History,
  nowMs: number,
  isUnreadable: boolean,
): Absence {
  const rollBefore = Math.max(0, ...history.sizes.map(({ count }) => count))
  return { lastSeen, rollBefore, readings: 1, sinceMs: nowMs, fromMs: nowMs, countedMs: nowMs, isUnreadable }
}

/**
 * One more reading lacks them. While their records cannot be read nothing counts (rule 3).
 * @param startedMs when the reading began: what was sent before may be what the one before said
 */
export function missedAgain(
  absence: Absence,
  nowMs: number,
  isUnreadable: boolean,
  startedMs = nowMs,
): Absence {
  if (isUnreadable) return absence.isUnreadable ? absence : { ...absence, isUnreadable }
  if (absence.isUnreadable) {
    return { ...absence, isUnreadable, readings: 1, sinceMs: nowMs, fromMs: nowMs, countedMs: nowMs }
  }
  if (startedMs - absence.countedMs < APART_MS) return absence
  const fromMs = absence.readings === 0 ? nowMs : absence.fromMs
  return { ...absence, readings: absence.readings + 1, fromMs, countedMs: nowMs }
}

/** A reading that says nothing of whether they are gone is none: those after it count anew (rules 3 and 4). */
export function discounted(absence: Absence, verdict: Verdict): Absence {
  return !verdict.leaves && UNTELLING.has(verdict.reason) ? { ...absence, readings: 0 } : absence
}

/** Counts anew: of what a former process saw only that they were missing, and since when, is kept (rule 8). */
export function countedAnew(
  absence: Pick<Absence, 'lastSeen' | 'rollBefore' | 'isUnreadable'>,
  nowMs: number,
  sinceMs: number,
): Absence {
  return { ...absence, readings: 0, sinceMs, fromMs: nowMs, countedMs: nowMs - APART_MS }
}

/** The history with what just happened, without what is older than an hour. */
export function remember(
  history: History,
  nowMs: number,
  now: { readonly [Key in keyof History]: number },
): History {
  const add = (tallies: readonly Tally[], count: number) => [
    ...tallies.filter(({ atMs }) => nowMs - atMs <= HOUR_MS),
    ...(count > 0 ? [{ atMs: nowMs, count }] : []),
  ]
  // Of the sizes those matter that are larger than every later one.
  const sizes = history.sizes.filter(({ count }) => count > now.sizes)
  return {
    left: add(history.left, now.left),
    returned: add(history.returned, now.returned),
    sizes: add(sizes, now.sizes),
  }
}

/** The same history on a clock that shows so much more, in milliseconds. */
export function shifted({ left, returned, sizes }: History, byMs: number): History {
  const shift = (tallies: readonly Tally[]) =>
    tallies.map(({ atMs, count }) => ({ atMs: atMs + byMs, count }))
  return { left: shift(left), returned: shift(returned), sizes: shift(sizes) }
}

/** How many accepted digests are remembered. */
const MAX_ACCEPTED = 20

/** The digests that an operator accepted last, with one more: in the configuration each counts once. */
export function accepting(accepted: readonly string[], digest: string): readonly string[] {
  return [...accepted, digest].slice(-MAX_ACCEPTED)
}

/** Nothing has happened yet. */
export const NO_HISTORY: History = { left: [], returned: [], sizes: [] }

export function sumOf(tallies: readonly Tally[]): number {
  return tallies.reduce((sum, { count }) => sum + count, 0)
}

/** What a decision about absent targets depends on, beside themselves. */
export interface Situation {
  readonly nowMs: number
  readonly now: Circumstances
  readonly history: History
  /** How many targets the reading had. */
  readonly present: number
  /** What left within the hour, and the most that there was, of all sources together. */
  readonly all: Scope
}

/** What left within the last hour, and the largest roll of that hour. */
export interface Scope {
  readonly left: number
  readonly roll: number
  readonly options: Pick<GuardOptions, 'maxDrop' | 'minTargets'>
}

/** Whether so many targets may leave only when they are held first (rules 4 and 5). */
export function isTooMany(absent: number, { left, roll, options }: Scope): boolean {
  const drop = left + absent
  return drop > options.maxDrop * roll && (drop > options.minTargets || drop >= roll)
}

/**
 * Decides about all absent targets of a source.
 * @param absences those that went missing together, and how many they are
 * @returns what becomes of each, in the same order
 */
export function judge(
  absences: readonly (readonly [absence: Absence, targets: number])[],
  situation: Situation,
  options: GuardOptions,
): Verdict[] {
  const counted = absences.filter(([{ isUnreadable }]) => !isUnreadable)
  const absent = counted.reduce((sum, [, targets]) => sum + targets, 0)
  const proven = counted
    .filter(([absence]) => isProven(absence, situation.nowMs, options))
    .reduce((sum, [, targets]) => sum + targets, 0)
  const own: Scope = {
    left: sumOf(situation.history.left),
    roll: counted.reduce((most, [{ rollBefore }]) => Math.max(most, rollBefore), 0),
    options,
  }
  const many = isTooMany(absent, own) ? 'too_many' : 'too_many_of_all'
  const isHeld = many === 'too_many' || isTooMany(absent, situation.all)
  // What stays because its record cannot be read is left too.
  const isAll = situation.present === 0 && counted.length === absences.length
  return absences.map(([absence]) => {
    if (absence.isUnreadable) return { leaves: false, reason: 'unreadable' }
    // Rule 3: what cannot be read, and cannot be recognised, may be what is missing.
    if (situation.now.unrecognised > absence.lastSeen.unrecognised)
      return { leaves: false, reason: 'unreadable_records' }
    if (isHeld) return judgeHeld(absence, { absent, many, isAll }, situation, options)
    if (isProven(absence, situation.nowMs, options)) {
      return isFlapping(absence, proven, situation)
        ? hold(absence, 'flapping', options.holdMs, situation.nowMs, options)
        : { leaves: true }
    }
    return { leaves: false, reason: 'unconfirmed', untilMs: absence.fromMs + options.graceMs }
  })
}

/** Rule 2: enough readings in a row lacked the target, for long enough. */
export function isProven({ readings, fromMs }: Absence, nowMs: number, options: GuardOptions): boolean {
  return readings >= options.confirmations && nowMs - fromMs >= options.graceMs
}

/** A drop that is too large to be believed soon. */
interface Drop {
  readonly absent: number
  readonly many: 'too_many' | 'too_many_of_all'
  /** Nothing would be left. */
  readonly isAll: boolean
}

/** Rule 4: only time, or an operator, lets these leave. */
function judgeHeld(
  absence: Absence,
  { absent, many, isAll }: Drop,
  { now, nowMs }: Situation,
  options: GuardOptions,
): Verdict {
  if (now.idle - absence.lastSeen.idle >= absent / 2) return { leaves: false, reason: 'idle_records' }
  if (now.selection !== absence.lastSeen.selection) return { leaves: false, reason: 'configuration' }
  return isAll && absence.rollBefore >= options.minTargets
    ? hold(absence, 'all', options.holdEmptyMs, nowMs, options)
    : hold(absence, many, options.holdMs, nowMs, options)
}

/** What is held has to be missing for longer than what is not, in more readings. */
function hold(
  absence: Absence,
  reason: ReasonToStay,
  ms: number,
  nowMs: number,
  options: GuardOptions,
): Verdict {
  const untilMs = absence.fromMs + Math.max(ms, options.graceMs)
  const isOver = nowMs >= untilMs && absence.readings >= HELD_READINGS
  return isOver && isProven(absence, nowMs, options) ? { leaves: true } : { leaves: false, reason, untilMs }
}

/**
 * Rule 4: an inventory that lacks targets and has them again proves little. Others came back since these went missing,
 * or, when that happened in two readings or more, within the hour; a tenth of what would leave at least.
 */
function isFlapping({ sinceMs }: Absence, proven: number, { history }: Situation): boolean {
  const since = history.returned.filter(({ atMs }) => atMs > sinceMs)
  const returned = history.returned.length > 1 ? history.returned : since
  return returned.length > 0 && sumOf(returned) >= proven * FLAPPING_SHARE
}

/** Rule 7: a first list that is empty, and in how many readings since when it was. */
export function isEmptyBelieved(readings: number, sinceMs: number, nowMs: number): boolean {
  return readings >= FIRST_READINGS && nowMs - sinceMs >= FIRST_MS
}
