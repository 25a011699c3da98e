/**
 * The rules by which a target that is missing from its inventory may leave (docs: "When a target leaves"). All are pure
 * functions. None of them sees a single target: they see how many targets went missing together, and the circumstances.
 */

/** The proof that a source requires before a target leaves. Times are in milliseconds. */
export interface GuardOptions {
  /** The number of consecutive readings that must lack a target. */
  readonly confirmations: number
  /** How long a target must have been missing. */
  readonly graceMs: number
  /** The largest share of the targets (0 to 1) that may leave within an hour without being held. */
  readonly maxDrop: number
  /** This number of targets may leave within an hour whatever their share is, unless they are all. */
  readonly minTargets: number
  /** How long held targets must be missing from every reading. */
  readonly holdMs: number
  /** The same when all targets are missing, and they are `minTargets` or more. */
  readonly holdEmptyMs: number
  /** A reading with fewer targets fails. */
  readonly minExpected: number
  /** The digest of held targets that an operator lets leave, once. */
  readonly accept?: string | undefined
}

/** The defaults. */
export const DEFAULT_GUARD: GuardOptions = {
  confirmations: 2,
  graceMs: 0,
  maxDrop: 0.5,
  minTargets: 10,
  holdMs: 15 * 60_000,
  holdEmptyMs: 24 * 3_600_000,
  minExpected: 0,
}

/** For `push`: a device that unregisters, or whose registration expired, needs no second proof. */
export const PUSH_CONFIRMATIONS = 1

/** The circumstances of one reading. */
export interface Circumstances {
  /** A digest of the part of the configuration that selects targets. */
  readonly selection: string
  /** The number of records that made no target: not selected, dropped or quarantined. */
  readonly idle: number
  /** The number of quarantined records that cannot be matched with a served target. */
  readonly unrecognised: number
}

/** Targets that went missing in the same reading, and the evidence that they are gone. */
export interface Absence {
  /** The circumstances of the last reading that had them. */
  readonly lastSeen: Circumstances
  /** The largest number of targets in one reading, within the hour before. */
  readonly rollBefore: number
  /** The number of consecutive readings that lacked them. Readings within a second of each other count once. */
  readonly readings: number
  /** When they went missing, and when the first and the last counted reading was made, on the monotonic clock. */
  readonly sinceMs: number
  readonly fromMs: number
  readonly countedMs: number
  /** Whether their records are in the inventory but cannot be read. */
  readonly isUnreadable: boolean
}

/** A number of targets at a time on the monotonic clock. */
export interface Tally {
  readonly atMs: number
  readonly count: number
}

/** The events of the last hour. */
export interface History {
  /** Targets that left without being accepted by an operator. */
  readonly left: readonly Tally[]
  /** Targets that came back after they were missing from a reading. */
  readonly returned: readonly Tally[]
  /** The number of targets in each reading. */
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
    'about as many records stopped making targets as targets are missing: a filter or a field changed',
  configuration: 'the configuration of the source changed since the inventory had them',
  flapping: 'other targets were missing and came back',
  replaced: 'their source is not configured any more, and those that were added have not been read yet',
  removed: 'their source is not configured any more, and too many of the targets of all sources would leave',
} as const

export type ReasonToStay = keyof typeof REASONS_TO_STAY

/** The decision about absent targets. */
export type Verdict =
  | { readonly leaves: true }
  | {
      readonly leaves: false
      readonly reason: ReasonToStay
      /** When they leave if they are missing from every reading until then; undefined: only when an operator accepts it. */
      readonly untilMs?: number | undefined
    }

/** How long events count, in milliseconds. */
const HOUR_MS = 3_600_000

/** Readings that are closer together than this, in milliseconds, may show the same short failure and count once. */
const APART_MS = 1_000

/** The least number of readings that must lack held targets, however short `hold` is. */
const HELD_READINGS = 3

/** A first list that is empty is believed after this number of readings, over this time in milliseconds. */
const FIRST_READINGS = 3
const FIRST_MS = 60_000

/** While targets stay for one of these reasons, readings that lack them prove nothing. */
const UNTELLING: ReadonlySet<ReasonToStay> = new Set(['unreadable_records', 'idle_records', 'configuration'])

/** A source is flapping when it brought back at least this share of the targets that would leave. */
const FLAPPING_SHARE = 0.1

/** The absence after the first reading that lacks the targets. */
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
 * The absence after one more reading that lacks the targets. While their records cannot be read, no reading counts (rule 3).
 * @param startedMs when the reading began, since the inventory may have answered with the state of that moment
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

/** Resets the count when the reading proves nothing about the targets (rules 3 and 4). */
export function discounted(absence: Absence, verdict: Verdict): Absence {
  return !verdict.leaves && UNTELLING.has(verdict.reason) ? { ...absence, readings: 0 } : absence
}

/** Resets the count after a restart: only the fact and the time of the absence are kept (rule 8). */
export function countedAnew(
  absence: Pick<Absence, 'lastSeen' | 'rollBefore' | 'isUnreadable'>,
  nowMs: number,
  sinceMs: number,
): Absence {
  return { ...absence, readings: 0, sinceMs, fromMs: nowMs, countedMs: nowMs - APART_MS }
}

/** Adds to the history, and removes what is older than an hour. */
export function remember(
  history: History,
  nowMs: number,
  now: { readonly [Key in keyof History]: number },
): History {
  const add = (tallies: readonly Tally[], count: number) => [
    ...tallies.filter(({ atMs }) => nowMs - atMs <= HOUR_MS),
    ...(count > 0 ? [{ atMs: nowMs, count }] : []),
  ]
  // Only sizes that are larger than every later one matter.
  const sizes = history.sizes.filter(({ count }) => count > now.sizes)
  return {
    left: add(history.left, now.left),
    returned: add(history.returned, now.returned),
    sizes: add(sizes, now.sizes),
  }
}

/** The same history with its times shifted, in milliseconds. */
export function shifted({ left, returned, sizes }: History, byMs: number): History {
  const shift = (tallies: readonly Tally[]) =>
    tallies.map(({ atMs, count }) => ({ atMs: atMs + byMs, count }))
  return { left: shift(left), returned: shift(returned), sizes: shift(sizes) }
}

/** The number of accepted digests that are remembered. */
const MAX_ACCEPTED = 20

/** Adds a digest to those that were accepted last. Each digest in the configuration works once. */
export function accepting(accepted: readonly string[], digest: string): readonly string[] {
  return [...accepted, digest].slice(-MAX_ACCEPTED)
}

/** Nothing has happened yet. */
export const NO_HISTORY: History = { left: [], returned: [], sizes: [] }

export function sumOf(tallies: readonly Tally[]): number {
  return tallies.reduce((sum, { count }) => sum + count, 0)
}

/** What a decision depends on, apart from the absent targets. */
export interface Situation {
  readonly nowMs: number
  readonly now: Circumstances
  readonly history: History
  /** The number of targets in the reading. */
  readonly present: number
  /** The numbers of all sources together. */
  readonly all: Scope
}

/** The number of targets that left within the last hour, and the largest number of targets in that hour. */
export interface Scope {
  readonly left: number
  readonly roll: number
  readonly options: Pick<GuardOptions, 'maxDrop' | 'minTargets'>
}

/** Whether these are too many to leave without being held (rules 4 and 5). */
export function isTooMany(absent: number, { left, roll, options }: Scope): boolean {
  const drop = left + absent
  return drop > options.maxDrop * roll && (drop > options.minTargets || drop >= roll)
}

/**
 * Decides about all absent targets of a source.
 * @param absences with the number of targets of each
 * @returns the decision about each, in the same order
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
  // Targets whose records cannot be read stay, so then not all would leave.
  const isAll = situation.present === 0 && counted.length === absences.length
  return absences.map(([absence]) => {
    if (absence.isUnreadable) return { leaves: false, reason: 'unreadable' }
    // Rule 3: the records that cannot be read may be those of the missing targets.
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

/** Rule 2: the targets are missing from enough consecutive readings, for long enough. */
export function isProven({ readings, fromMs }: Absence, nowMs: number, options: GuardOptions): boolean {
  return readings >= options.confirmations && nowMs - fromMs >= options.graceMs
}

/** A drop that is too large to be believed at once. */
interface Drop {
  readonly absent: number
  readonly many: 'too_many' | 'too_many_of_all'
  /** Whether no target would be left. */
  readonly isAll: boolean
}

/** Rule 4: these targets leave only after `hold`, or when an operator accepts it. */
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

/** Held targets must be missing for longer, and from more readings. */
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
 * Rule 4: an inventory whose targets go missing and come back proves little. It is flapping when the targets that came
 * back since these went missing are at least a tenth of those that would leave. If targets came back in two or more
 * readings, all that came back within the hour count.
 */
function isFlapping({ sinceMs }: Absence, proven: number, { history }: Situation): boolean {
  const since = history.returned.filter(({ atMs }) => atMs > sinceMs)
  const returned = history.returned.length > 1 ? history.returned : since
  return returned.length > 0 && sumOf(returned) >= proven * FLAPPING_SHARE
}

/** Rule 7: whether a first list that is empty is believed. @param sinceMs when it was first empty */
export function isEmptyBelieved(readings: number, sinceMs: number, nowMs: number): boolean {
  return readings >= FIRST_READINGS && nowMs - sinceMs >= FIRST_MS
}
