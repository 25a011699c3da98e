import { asBuffer, sha256 } from '../base/bytes.ts'
import { type Clock, type Moment, momentAt, momentAtWall, momentNow } from '../base/clock.ts'
import { asRefreshError, messageOf, type RefreshError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics, RefreshResult } from '../base/metrics.ts'
import { createMutex } from '../base/mutex.ts'
import type { Threads } from '../base/threads.ts'
import type { OwnHistory, SourceChange } from '../history/history.ts'
import type { Document } from '../model/document.ts'
import { tellingHeaders } from '../pipeline/page-signs.ts'
import { type PlanOptions, readsHeaders } from '../pipeline/plan.ts'
import { LABEL_DROP_REASONS, REJECTION_REASONS, type Report } from '../pipeline/report.ts'
import type { Fleet } from '../roll/fleet.ts'
import type { Before, Keepable, Position } from '../roll/kept.ts'
import { absentIn, type Called, type Held, presentIn, type Roll } from '../roll/roll.ts'
import {
  type Absence,
  firstMissed,
  type GuardOptions,
  isEmptyBelieved,
  isProven,
  missedAgain,
  REASONS_TO_STAY,
  remember,
  sumOf,
} from '../roll/rules.ts'
import { shownSample } from '../snapshot/changes.ts'
import { freeze, type Snapshot } from '../snapshot/freeze.ts'
import { type HeldTargets, INITIAL_STATUS, type SourceStatus, type Store } from '../snapshot/store.ts'
import {
  documentsOf,
  type Reading,
  readUsable,
  type Source,
  type Version,
  type Way,
  withoutSecrets,
} from '../sources/source.ts'
import { createCompute, keepRead, type LastRead, type Room } from './compute.ts'
import type { IntakeDeps } from './intake.ts'
import type { Output } from './outputs.ts'
import { nextDelay } from './schedule.ts'
import { type Change, NO_CHANGE, type SharedList, type Sharing } from './sharing.ts'
import type { Computed, Work } from './worker.ts'

/** The settings of one source. */
export interface RunnerSettings {
  readonly name: string
  readonly plan: PlanOptions
  /** A digest of the part of the configuration that selects targets: the inventory, and the mapping of its records. */
  readonly selection: string
  readonly guard: GuardOptions
  readonly refreshIntervalMs: number
  readonly timeoutMs: number
  /** Files to which the served list is also written. */
  readonly outputs: readonly Output[]
}

/** The dependencies of a runner. */
export interface RunnerDeps extends IntakeDeps {
  readonly store: Store
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Logger
  readonly threads: Threads
  /** 0 to 1, as Math.random. */
  readonly random: () => number
  /** All sources together. */
  readonly fleet: Fleet
  /** The memory for the documents that were last read, to explain them. */
  readonly room: Room
  /** Shares lists with other replicas; undefined: there are none. */
  readonly sharing?: Sharing | undefined
  /** Records the events of targets; undefined: they are not recorded. */
  readonly history?: Pick<OwnHistory, 'record' | 'compare'> | undefined
}

/** The result of one refresh. */
export interface Outcome {
  readonly source: string
  readonly result: RefreshResult
  readonly targets: number
  /** Set when it failed. */
  readonly error?: RefreshError
}

/** Refreshes one source: schedule, read, compute, prove, publish, report. */
export interface Runner {
  /**
   * Serves the list that an earlier process stored, marked as stale, until a refresh succeeds. Never fails.
   * @returns that list
   */
  restore(load: (now: Moment) => Promise<Before | undefined>): Promise<Before | undefined>
  /** Continues with the roll of the list that the store has; undefined: there is none. */
  goOn(roll: Roll | undefined): void
  /** Serves a list of an earlier process or configuration, marked as restored, until a refresh succeeds. */
  takeOver(list: KnownList): void
  /** Starts the schedule. @param delayMs until the first refresh */
  start(delayMs: number): void
  /**
   * Refreshes now. If a refresh is running, another one follows, because the running one may have read the inventory
   * before the change that this call is about. Calls that wait share one refresh. The interval starts again.
   */
  refresh(): Promise<Outcome>
  /** Lets held targets leave that an operator accepted; undefined when no held targets have this digest. */
  accept(digest: string): Promise<Outcome | undefined>
  /** The roll; undefined before the first list. */
  roll(): Roll | undefined
  /** The roll with the served list; undefined before the first. */
  known(): KnownList | undefined
  /**
   * Serves a list that another replica made. Nothing else is published meanwhile.
   * @param choose gets the served list and returns the list to serve instead; undefined: no other list
   */
  follow(choose: (served: SharedList | undefined) => Promise<SharedList | undefined>): Promise<void>
  /** Whether it is proven that a target which no reading of this runner had is not in its source (rule 2). */
  provesGone(): boolean
  /** The last documents of the inventory from which a list was made; undefined before the first. */
  lastRead(): LastRead | undefined
  /** Stops the schedule, and waits for the running refresh. */
  stop(): Promise<void>
}

/** A list that is served, or was served by an earlier process or configuration. */
export interface KnownList {
  readonly snapshot: Snapshot
  readonly roll: Roll
  /** When its inventory was last read completely. */
  readonly lastSuccess: Moment
  /** Whether it comes from a peer (`--storage.seed-url`) and no reading here has confirmed it. */
  readonly isSeed: boolean
  /** Its position among the shared lists; undefined: it is not shared. */
  readonly position?: Position | undefined
}

/** Makes a stored list ready to be served. */
export async function knownListOf(before: Before, clock: Clock): Promise<KnownList> {
  const { roll, changedAtMs, lastSuccessMs, isSeed = false, position } = before
  const counts = { groups: roll.groups, targets: roll.keys.length }
  const snapshot = await freeze(asBuffer(roll.body), counts, changedAtMs)
  const lastSuccess = momentAtWall(momentNow(clock), lastSuccessMs)
  return { snapshot, roll, lastSuccess, isSeed, position }
}

/** A list as it is stored; undefined for a list from a peer, which is requested again after a restart. */
export function keepableOf({
  snapshot,
  roll,
  lastSuccess,
  isSeed,
  position,
}: KnownList): Keepable | undefined {
  const { digest, changedAtMs } = snapshot
  return isSeed ? undefined : { roll, digest, changedAtMs, lastSuccessMs: lastSuccess.wallMs, position }
}

/** For a single replica. */
const alone = (clock: Pick<Clock, 'now'>): Sharing => ({
  isReader: () => true,
  publish: async () => true,
  now: () => clock.now(),
  position: () => undefined,
})

/** The last reading, to recognise the same one. */
interface Last {
  readonly digest: string
  readonly version: Version | undefined
  /** The URL that it was read from; undefined: there is only one. */
  readonly way: Way | undefined
  readonly read: LastRead
  readonly report: Report
}

/** For work that is not interrupted. */
const NEVER = new AbortController().signal

/**
 * Creates the runner of a source. A failure before publishing leaves the served list as it was.
 * @param onRead called whenever the inventory was read and its list is believed
 */
export function createRunner(
  settings: RunnerSettings,
  source: Source,
  deps: RunnerDeps,
  onRead: () => void = () => {},
): Runner {
  const { name, guard, outputs, refreshIntervalMs } = settings
  const { store, clock, fleet, history, sharing = alone(clock) } = deps
  const { compute, intake, close } = createCompute(settings.plan, deps)
  const report = createReport(settings, deps)
  const stopping = new AbortController()
  // A refresh and an accept must not compute, publish and write at the same time.
  const mutex = createMutex()
  let roll: Roll | undefined
  let last: Last | undefined
  // The absence of a target that no reading of this runner had.
  let neverSeen: Absence | undefined
  // The first list, while it is empty and not yet believed.
  let first: { readonly called: Called; readonly readings: number; readonly sinceMs: number } | undefined

  // Schedule.

  let inFlight: Promise<Outcome> | undefined
  let next: Promise<Outcome> | undefined
  let cancelTimer = () => {}
  let failures = 0
  let isConfirming = false

  function begin(): Promise<Outcome> {
    cancelTimer()
    next = undefined
    inFlight = run()
    return inFlight
  }

  async function run(): Promise<Outcome> {
    const startMs = clock.monotonic()
    const isReader = sharing.isReader()
    const { outcome, needsConfirmation, readMs } = isReader
      ? await refreshOnce(stopping.signal)
      : { outcome: outcomeOf('unchanged'), needsConfirmation: false, readMs: 0 }
    if (isReader) report.ended(outcome.result, clock.monotonic() - startMs)
    inFlight = undefined
    failures = outcome.error === undefined ? 0 : failures + 1
    if (!stopping.signal.aborted) schedule(outcome, needsConfirmation && !isConfirming, readMs)
    return outcome
  }

  function schedule({ error }: Outcome, needsConfirmation: boolean, tookMs: number): void {
    const { reason, retryAfterMs } = error ?? {}
    const ending = { failures, reason, retryAfterMs, needsConfirmation, tookMs }
    isConfirming = needsConfirmation
    cancelTimer = clock.after(nextDelay(refreshIntervalMs, ending, deps.random()), () => void begin())
  }

  // Read.

  async function refreshOnce(stop: AbortSignal) {
    const startMs = clock.monotonic()
    let readMs = 0
    try {
      const use = (reading: Reading) => {
        readMs = clock.monotonic() - startMs
        return mutex(() => take(reading, startMs, stop))
      }
      const readable = { source, timeoutMs: settings.timeoutMs }
      const { result, needsConfirmation } = await readUsable(
        readable,
        { clock, stop, intake },
        use,
        last?.version,
      )
      return { outcome: outcomeOf(result), needsConfirmation, readMs }
    } catch (thrown) {
      const error = withoutSecrets(asRefreshError(thrown), source)
      await mutex(async () => {
        if (!stop.aborted) report.failed(error)
        await writeOutputs()
      })
      return { outcome: { ...outcomeOf('failed'), error }, needsConfirmation: false, readMs }
    } finally {
      close()
    }
  }

  function outcomeOf(result: RefreshResult): Outcome {
    return { source: name, result, targets: store.get(name)?.snapshot?.targets ?? 0 }
  }

  // Compute and prove.

  async function take(reading: Reading, startedMs: number, stop: AbortSignal) {
    // Meanwhile a list of another replica replaced the one that this reading was compared with.
    if (reading.kind === 'unchanged' && last === undefined && roll !== undefined)
      return { result: 'unchanged' as const, needsConfirmation: false }
    const { called, now, records, at, isAtRest, claimedMs } = await prove(reading, startedMs, stop)
    // The file may be incomplete. It is read again when its last write is some seconds old.
    if (called === undefined) return { result: 'unchanged' as const, needsConfirmation: false }
    const read = { ...now, report: records ?? (now.report as Report) }
    if (roll !== undefined || believe(called, read, at)) {
      const isServed = await serve(called, read, at, claimedMs)
      if (!isServed) return { result: 'unchanged' as const, needsConfirmation: false }
      noteRead(called.roll, startedMs, at, isAtRest)
      return { result: resultOf(called), needsConfirmation: called.needsConfirmation }
    }
    last = read
    report.succeeded(read, undefined, at)
    return { result: 'held' as const, needsConfirmation: true }
  }

  /** @returns false when another replica has become the reader */
  async function serve(called: Called, read: Last, at: Moment, claimedMs: number): Promise<boolean> {
    let isPublished = false
    try {
      isPublished = await publish(called, at)
    } finally {
      if (!isPublished) fleet.unclaim(called.left - called.accepted, claimedMs)
    }
    if (!isPublished) return false
    // Not earlier: the same documents must not count as known when their list was never published.
    last = read
    report.succeeded(read, called.roll, at)
    if (called.accepted > 0) report.accepted(called)
    await writeOutputs()
    return true
  }

  /** Decides which targets leave. If targets of other sources left meanwhile, it decides again, one source at a time. */
  async function prove(reading: Reading, startedMs: number, stop: AbortSignal) {
    const attempt = () => decide(reading, startedMs, stop)
    let decided = await attempt()
    while (!decided.isValid) decided = await fleet.mutex(attempt)
    return decided
  }

  async function decide(reading: Reading, startedMs: number, stop: AbortSignal) {
    const at = momentNow(clock)
    const { work, now, isLast } = await workOf(reading, startedMs, at)
    const isAtRest = work?.kind !== 'read' || work.isAtRest
    const { called, report: records } = work === undefined ? again() : await compute(work, stop, isLast)
    const nowMs = clock.monotonic()
    const decided = { called, now, records, at, isAtRest, claimedMs: nowMs }
    if (called === undefined || work === undefined) return { ...decided, isValid: true }
    // Documents that were transferred to a thread cannot be used again; that happens only while there is one source.
    const scope = isLast ? fleet.scope(nowMs) : work.occasion.all
    const isValid = fleet.claim(called.left - called.accepted, scope, nowMs)
    return { ...decided, isValid }
  }

  /** Counts the readings for `neverSeen`. A reading that may be incomplete does not count. */
  function noteRead(
    { seen, history }: Roll,
    startedMs: number,
    { monotonicMs: nowMs }: Moment,
    isAtRest: boolean,
  ) {
    if (isAtRest) {
      neverSeen =
        neverSeen === undefined
          ? firstMissed(seen, history, nowMs, false)
          : missedAgain(neverSeen, nowMs, false, startedMs)
    }
    onRead()
  }

  /** The work that a reading requires. Documents that equal the last ones are not decoded again. */
  async function workOf(reading: Reading, startedMs: number, at: Moment) {
    const way = reading.kind === 'unchanged' ? last?.way : reading.way
    const occasion = {
      nowMs: at.monotonicMs,
      startedMs,
      selection: settings.selection,
      options: way?.isStandby === true ? patient(guard) : guard,
      all: fleet.scope(at.monotonicMs),
    }
    if (reading.kind === 'unchanged' && last !== undefined) {
      const now = { ...last, read: { ...last.read, atMs: at.wallMs } }
      return { work: roll && ({ kind: 'again', roll, occasion } as const), now, isLast: false }
    }
    const { documents, version, isUnsettled = false } = documentsOf(reading)
    const digest = await digestOf(documents, { way, isAllRead: readsHeaders(settings.plan) })
    const isSame = digest === last?.digest && !isUnsettled
    const same = isSame ? last?.read : undefined
    const read = keepRead(name, documents, { atMs: at.wallMs, room: deps.room, same })
    const now = { digest, version, way, read, report: last?.report }
    if (isSame) return { work: roll && ({ kind: 'again', roll, occasion } as const), now, isLast: false }
    const work = { kind: 'read', documents, roll, occasion, isAtRest: !isUnsettled } as const
    return { work, now, isLast: read.documents === undefined && !fleet.isShared() }
  }

  /** The first list again, while it is not yet served. */
  function again(): Computed {
    return { called: first?.called, report: undefined }
  }

  /** Whether the list may be served: a first list that is empty must be read several times (rule 7). */
  function believe(called: Called, { way }: Pick<Last, 'way'>, { monotonicMs: nowMs }: Moment): boolean {
    if (called.roll.keys.length > 0) return true
    first = { called, readings: (first?.readings ?? 0) + 1, sinceMs: first?.sinceMs ?? nowMs }
    const { readings, sinceMs } = first
    // A standby may not have its data yet.
    const isPatient = way?.isStandby !== true || nowMs - sinceMs >= guard.holdMs
    return isPatient && isEmptyBelieved(readings, sinceMs, nowMs)
  }

  // Publish.

  /** @returns false when another replica has become the reader, so that the list must not be served */
  async function publish(called: Called, lastSuccess: Moment): Promise<boolean> {
    const { roll: now, isChanged, joined, left, samples } = called
    const counts = { groups: now.groups, targets: now.keys.length }
    const snapshot = isChanged
      ? await freeze(asBuffer(now.body), counts, sharing.now())
      : (store.get(name)?.snapshot as Snapshot)
    const change = { joined, left, samples }
    const past = isChanged ? pastOf(now) : undefined
    const list = { roll: now, snapshot, lastSuccess, change }
    if (!(await sharing.publish(list, isChanged, past?.compare))) return false
    if (isChanged) {
      store.publish(name, snapshot)
      report.changed(snapshot, change)
      if (deps.sharing === undefined) past?.record()
    }
    roll = now
    fleet.note(name, presentIn(now), clock.monotonic())
    return true
  }

  /** Records the events of a change of the served list; undefined: there is no history. */
  function pastOf(after: Roll) {
    if (history === undefined) return undefined
    const past = changeTo(after)
    return { compare: () => history.compare(past), record: () => history.record(past) }
  }

  /** A change of the served list, for the history. */
  function changeTo(after: Roll, reader?: string): SourceChange {
    const { wallMs, monotonicMs } = momentNow(clock)
    return {
      source: name,
      atMs: sharing.now(),
      before: roll,
      after,
      wallAheadMs: wallMs - monotonicMs,
      isPush: source.registry !== undefined,
      endings: source.registry && new Map(source.registry.endings),
      reader,
    }
  }

  /** The served list, to compare with those of other replicas; undefined for a list from a peer. */
  function served(): SharedList | undefined {
    const list = known()
    return list === undefined || list.isSeed ? undefined : { ...list, change: NO_CHANGE }
  }

  /** Serves a list that another replica read, as if it had been read here. */
  async function followList(list: SharedList): Promise<void> {
    const nowMs = clock.monotonic()
    const { snapshot } = list
    const before = served()
    // Both without the targets that left more than an hour ago.
    const leftIn = ({ history }: Roll) =>
      sumOf(remember(history, nowMs, { left: 0, returned: 0, sizes: 0 }).left)
    const left = leftIn(list.roll) - (before === undefined ? 0 : leftIn(before.roll))
    fleet.follow(name, presentIn(list.roll), Math.max(0, left), nowMs)
    // With another roll, the same documents can lead to another list.
    last = undefined
    first = undefined
    if (before?.snapshot.digest !== snapshot.digest && list.hasEvents !== true)
      history?.record(changeTo(list.roll, sharing.reader?.()))
    roll = list.roll
    deps.room.take(name, 0)
    if (snapshot !== before?.snapshot) store.publish(name, snapshot)
    report.followed(list, before?.snapshot.digest !== snapshot.digest)
    const readMs = list.lastSuccess.monotonicMs
    if (readMs > (before?.lastSuccess.monotonicMs ?? 0)) noteRead(list.roll, readMs, momentNow(clock), true)
    await writeOutputs()
  }

  function known(): KnownList | undefined {
    const { snapshot, status } = store.get(name) ?? {}
    if (roll === undefined || snapshot === undefined || status?.lastSuccess === undefined) return undefined
    const { lastSuccess, isSeed } = status
    return { snapshot, roll, lastSuccess, isSeed, position: sharing.position() }
  }

  async function writeOutputs(): Promise<void> {
    const list = known()
    const keepable = list && keepableOf(list)
    if (keepable === undefined) return
    for (const output of outputs) {
      try {
        report.written(output, await output.keep(keepable, momentNow(clock)))
      } catch (error) {
        report.notWritten(output, error)
      }
    }
  }

  function takeOver(list: KnownList): void {
    roll = list.roll
    store.publish(name, list.snapshot)
    report.restored(list)
    // As far as is known, the absent targets were there within the hour.
    fleet.note(name, roll.keys.length, clock.monotonic())
  }

  return {
    async restore(load) {
      try {
        const kept = await load(momentNow(clock))
        if (kept?.isCut === true) report.cut()
        if (kept !== undefined) takeOver(await knownListOf(kept, clock))
        return kept
      } catch (error) {
        report.notRestored(error)
        return undefined
      }
    },
    goOn(before) {
      roll = before
    },
    takeOver,
    start(delayMs) {
      if (delayMs === 0) void begin()
      else cancelTimer = clock.after(delayMs, () => void begin())
    },
    refresh() {
      // Checked first: between the end of a refresh and the begin of the next none is running.
      if (next !== undefined) return next
      if (inFlight === undefined) return begin()
      next = inFlight.then(begin)
      return next
    },
    accept: (digest) =>
      mutex(async () => {
        if (stopping.signal.aborted || roll === undefined) return undefined
        const work: Work = { kind: 'accept', roll, digest, nowMs: clock.monotonic() }
        const { called } = await compute(work, NEVER)
        if (called === undefined) return undefined
        if (!(await publish(called, store.get(name)?.status.lastSuccess as Moment))) return undefined
        report.accepted(called)
        await writeOutputs()
        return outcomeOf('changed')
      }),
    follow: (choose) =>
      mutex(async () => {
        if (stopping.signal.aborted) return
        const list = await choose(served())
        if (list !== undefined) await followList(list)
      }),
    roll: () => roll,
    known,
    provesGone: () => neverSeen !== undefined && isProven(neverSeen, clock.monotonic(), guard),
    lastRead: () => last?.read,
    async stop() {
      stopping.abort()
      cancelTimer()
      await (next ?? inFlight)
      await mutex(async () => {})
    },
  }
}

/** The record counts of a list that another replica read: they are not known. */
const NO_RECORDS: Pick<Report, 'records' | 'dropped' | 'rejected' | 'droppedLabels'> = {
  records: 0,
  dropped: 0,
  rejected: new Map(),
  droppedLabels: new Map(),
}

/**
 * Creates the reporting of one source: status, metrics and log. The log gets a line only when something
 * changes: the first failure, the recovery, held targets, newly quarantined records.
 */
function createReport({ name, refreshIntervalMs, outputs }: RunnerSettings, deps: RunnerDeps) {
  const { store, clock } = deps
  const metrics = deps.metrics.source
  const log = deps.log.child({ source: name })
  const labels = { source: name }
  const failing = new Set<Output['kind']>()
  const replaced = new Set<Output['kind']>()
  let rejectedBefore = ''
  let reported: typeof NO_RECORDS | undefined
  metrics.interval.set(labels, refreshIntervalMs / 1000)

  const status = (): SourceStatus => store.get(name)?.status ?? INITIAL_STATUS

  function shownHeld({ reason, digest, targets, samples, sinceMs, untilMs }: Held): HeldTargets {
    return {
      digest,
      reason,
      why: REASONS_TO_STAY[reason],
      targets,
      samples: samples.map(shownSample),
      since: momentAt(clock, sinceMs),
      until: untilMs === undefined ? undefined : momentAt(clock, untilMs),
    }
  }

  function noteHeld(roll: Roll, before: readonly HeldTargets[]): HeldTargets[] {
    const held = roll.held.map(shownHeld)
    for (const one of held) {
      if (before.some(({ reason }) => reason === one.reason)) continue
      log.warn(
        { reason: one.reason, targets: one.targets, digest: one.digest, sample: one.samples[0] },
        'targets held',
      )
    }
    const isOver = before.length > 0 && held.length === 0
    if (isOver) log.info('no target is held any more')
    metrics.holding.set(labels, roll.held.some(isHolding) ? 1 : 0)
    metrics.absent.set(labels, absentIn(roll))
    return held
  }

  function noteWay(way: Way | undefined, before: Way | undefined): void {
    if (way === undefined) {
      if (before !== undefined) metrics.standby.remove(labels)
      return
    }
    metrics.standby.set(labels, way.isStandby ? 1 : 0)
    if (way.url === before?.url) return
    if (way.isStandby) log.warn({ url: way.url }, 'read from a standby; the URLs before it fail')
    else if (before !== undefined) log.info({ url: way.url }, 'read from the first URL again')
  }

  function setSnapshotGauges({ changedAtMs, targets, groups, digest }: Snapshot): void {
    metrics.lastChange.set(labels, changedAtMs / 1000)
    metrics.digest.set(labels, digestNumber(digest))
    metrics.targets.set(labels, targets)
    metrics.groups.set(labels, groups)
  }

  /** Sets a series for every reason, so that each exists from the first list on, at 0. */
  function setReportGauges(report: typeof NO_RECORDS): void {
    if (report === reported) return
    reported = report
    const { records, dropped, rejected, droppedLabels } = report
    metrics.records.set(labels, records)
    metrics.dropped.set(labels, dropped)
    for (const reason of keysOf(REJECTION_REASONS)) {
      metrics.rejected.set({ ...labels, reason }, rejected.get(reason) ?? 0)
    }
    for (const reason of keysOf(LABEL_DROP_REASONS)) {
      metrics.labelsDropped.set({ ...labels, reason }, droppedLabels.get(reason) ?? 0)
    }
  }

  function noteFileError({ kind, path }: Output, error: unknown): { path: string; error: string } {
    const noted = { path, error: messageOf(error) }
    store.setFileError(name, kind, noted)
    return noted
  }

  return {
    /** A refresh ended. */
    ended(result: RefreshResult, durationMs: number): void {
      metrics.refreshes.inc({ ...labels, result })
      metrics.duration.observe(labels, durationMs / 1000)
    },
    /**
     * The inventory was read.
     * @param roll undefined: the list is empty and not yet served
     */
    succeeded({ report, way }: Last, roll: Roll | undefined, at: Moment): void {
      const before = status()
      noteWay(way, before.way)
      if (before.failure !== undefined) log.info({ failures: before.failures }, 'refresh works again')
      if (roll === undefined && !before.isEmpty)
        log.warn(
          'the first list is empty; it is served after three readings over a minute that are empty too',
        )
      store.setStatus(name, {
        lastSuccess: before.lastSuccess,
        ...(roll !== undefined && { lastSuccess: at }),
        failure: undefined,
        failingSince: undefined,
        restored: false,
        isSeed: roll === undefined && before.isSeed,
        failures: 0,
        records: report.records,
        dropped: report.dropped,
        rejected: Object.fromEntries(report.rejected),
        samples: report.samples,
        absent: roll === undefined ? 0 : absentIn(roll),
        held: roll === undefined ? [] : noteHeld(roll, before.held),
        isEmpty: roll === undefined,
        way,
      })
      if (roll !== undefined) metrics.lastSuccess.set(labels, at.wallMs / 1000)
      metrics.stale.set(labels, roll === undefined ? 1 : 0)
      setReportGauges(report)
      rejectedBefore = logRejected(log, report, rejectedBefore)
    },
    /** Held targets left because an operator accepted it. */
    accepted({ roll, accepted: targets }: Called): void {
      const before = status()
      log.warn({ targets }, 'held targets left, as an operator accepted it')
      store.setStatus(name, { ...before, absent: absentIn(roll), held: noteHeld(roll, before.held) })
    },
    /** The served list changed. */
    changed(snapshot: Snapshot, { joined, left, samples }: Change): void {
      const { changedAtMs: atMs, targets, groups } = snapshot
      store.noteChange({ source: name, atMs, targets, added: joined, removed: left, samples })
      setSnapshotGauges(snapshot)
      metrics.added.inc(labels, joined)
      metrics.removed.inc(labels, left)
      log.info({ targets, groups, added: joined, removed: left }, 'targets changed')
    },
    /** Another replica read the inventory. */
    followed({ roll, snapshot, lastSuccess, change }: SharedList, isChanged: boolean): void {
      noteWay(undefined, status().way)
      // Only the replica that read the records has their counts.
      store.setStatus(name, {
        ...INITIAL_STATUS,
        lastSuccess,
        absent: absentIn(roll),
        held: noteHeld(roll, status().held),
      })
      setReportGauges(NO_RECORDS)
      rejectedBefore = ''
      metrics.lastSuccess.set(labels, lastSuccess.wallMs / 1000)
      metrics.stale.set(labels, 0)
      setSnapshotGauges(snapshot)
      if (!isChanged) return
      const { targets, groups, changedAtMs: atMs } = snapshot
      const { joined: added, left: removed, samples } = change
      store.noteChange({ source: name, atMs, targets, added, removed, samples })
      log.info({ targets, groups, added, removed }, 'targets changed, as another replica read them')
    },
    /** The refresh failed; the served list stays. */
    failed(error: RefreshError): void {
      const before = status()
      metrics.failures.inc({ ...labels, reason: error.reason })
      metrics.stale.set(labels, 1)
      const message = messageOf(error)
      // Logged only when the reason is new.
      if (before.failure?.reason !== error.reason) {
        const serving = store.get(name)?.snapshot?.targets
        const line = { reason: error.reason, error: message, serving: serving ?? 'nothing yet' }
        // A source that waits for its devices after its first start has not failed.
        const isWaiting = error.reason === 'settling' && error.retryAfterMs !== undefined
        if (isWaiting && serving === undefined) log.info(line, 'no list yet')
        else log.warn(line, 'refresh failed')
      }
      const at = momentNow(clock)
      store.setStatus(name, {
        ...before,
        failure: { reason: error.reason, message, at },
        failingSince: before.failingSince ?? at,
        failures: before.failures + 1,
      })
    },
    /** A list that was served before is served again. */
    restored({ snapshot, roll, lastSuccess, isSeed }: KnownList): void {
      store.setStatus(name, {
        ...INITIAL_STATUS,
        lastSuccess,
        restored: true,
        isSeed,
        absent: absentIn(roll),
        held: noteHeld(roll, []),
      })
      metrics.lastSuccess.set(labels, lastSuccess.wallMs / 1000)
      setSnapshotGauges(snapshot)
      log.info({ targets: snapshot.targets }, 'serving the last known list until a refresh succeeds')
    },
    /** The last change of the stored list was not written to its end. */
    cut(): void {
      log.warn('the last change of the stored list is incomplete; the list before it is served')
    },
    /** The stored list of an earlier process cannot be used. */
    notRestored(error: unknown): void {
      const path = outputs.find(({ kind }) => kind === 'storage')?.path
      const noted = { path, error: messageOf(error) }
      store.setFileError(name, 'storage', noted)
      log.warn(noted, 'the stored list is not used')
    },
    /** A file was written. @param wasReplaced whether somebody had removed or replaced it, so that it was written again */
    written({ kind: file }: Output, wasReplaced: boolean): void {
      store.setFileError(name, file, undefined)
      if (failing.delete(file)) log.info({ file }, 'file written again')
      if (wasReplaced && !replaced.has(file)) {
        const error =
          'it was removed or replaced; each Rollcall needs a file_sd and a --storage.path of its own'
        log.warn({ file, error }, 'file was removed or replaced; written again')
      }
      if (wasReplaced) replaced.add(file)
      else replaced.delete(file)
    },
    /** A file could not be written. The next refresh tries again. */
    notWritten(output: Output, error: unknown): void {
      const { kind: file } = output
      metrics.writeFailures.inc({ ...labels, file })
      const noted = noteFileError(output, error)
      if (!failing.has(file)) log.warn({ file, ...noted }, 'file not written; check its folder and the disk')
      failing.add(file)
    },
  }
}

/** Logs the rejects when they differ from the last list's; returns what was logged last. */
function logRejected(log: Logger, report: Report, before: string): string {
  const rejected = Object.fromEntries(report.rejected)
  const now = JSON.stringify(rejected)
  if (now === before || (report.rejected.size === 0 && before === '')) return now
  const [sample] = report.samples
  if (sample === undefined) log.info('no record is quarantined any more')
  else log.warn({ rejected, sample }, 'records quarantined')
  return now
}

/**
 * A digest as the value of a metric: its first 13 hexadecimal digits, read as one number. These are 52 bits, which a
 * float holds exactly. The bytes of a list do not depend on the order or the time of its readings, nor does this.
 */
function digestNumber(digest: string): number {
  return Number.parseInt(digest.slice(0, 13), 16)
}

function keysOf<Key extends string>(catalogue: Readonly<Record<Key, string>>): Key[] {
  return Object.keys(catalogue) as Key[]
}

/**
 * A digest of documents, by which an unchanged inventory is recognised before anything is decoded: the same bytes with
 * other headers may be refused.
 * @param way the way that they came by: what another one says is looked at anew
 * @param isAllRead whether `fail_if` looks at the headers, any of them
 */
function digestOf(
  documents: readonly Document[],
  { way, isAllRead }: { readonly way: Way | undefined; readonly isAllRead: boolean },
): Promise<string> {
  return sha256([
    Buffer.from(way?.url ?? ''),
    ...documents.flatMap(({ bytes, streamed, answer, join }) => {
      const { date, age, ...headers } = answer?.headers ?? {}
      const told = isAllRead ? Object.entries(headers).sort() : tellingHeaders(headers)
      const head = JSON.stringify([streamed ?? bytes.byteLength, answer?.status, told, join])
      return [Buffer.from(head), bytes]
    }),
  ])
}

/** What a standby lacks may have come to be since it was last the same as the others. */
function patient(guard: GuardOptions): GuardOptions {
  return { ...guard, graceMs: Math.max(guard.graceMs, guard.holdMs) }
}

function resultOf({ roll, isChanged }: Called): RefreshResult {
  if (roll.held.some(isHolding)) return 'held'
  return isChanged ? 'changed' : 'unchanged'
}

/** Targets whose records are there are no reason to worry about what left. */
function isHolding({ reason }: Held): boolean {
  return reason !== 'unreadable'
}
