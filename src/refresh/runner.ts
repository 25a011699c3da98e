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
import type { Output } from './outputs.ts'
import { nextDelay } from './schedule.ts'
import { type Change, NO_CHANGE, type SharedList, type Sharing } from './sharing.ts'
import type { Computed, Work } from './worker.ts'

/** What one source at work is told. */
export interface RunnerSettings {
  readonly name: string
  readonly plan: PlanOptions
  /** Tells apart what the configuration selects: the inventory, and what is made of its records. */
  readonly selection: string
  readonly guard: GuardOptions
  readonly refreshIntervalMs: number
  readonly timeoutMs: number
  /** Where else the served list is written. */
  readonly outputs: readonly Output[]
}

/** What sources at work need from outside. */
export interface RunnerDeps {
  readonly store: Store
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Logger
  readonly threads: Threads
  /** 0 to 1, as Math.random. */
  readonly random: () => number
  /** All sources together. */
  readonly fleet: Fleet
  /** For what they last read. */
  readonly room: Room
  /** With other replicas; undefined: there are none. */
  readonly sharing?: Sharing | undefined
  /** What happens to targets is noted there; undefined: nowhere. */
  readonly history?: Pick<OwnHistory, 'record' | 'compare'> | undefined
}

/** How one refresh ended. */
export interface Outcome {
  readonly source: string
  readonly result: RefreshResult
  readonly targets: number
  /** Set when it failed. */
  readonly error?: RefreshError
}

/** One source at work: schedule, read, compute, prove, publish, report. */
export interface Runner {
  /**
   * Serves the list that an earlier process kept, marked stale, until a refresh succeeds; never fails.
   * @returns that list
   */
  restore(load: (now: Moment) => Promise<Before | undefined>): Promise<Before | undefined>
  /** Goes on with the roll of the list that is in the store; undefined: there is none. */
  goOn(roll: Roll | undefined): void
  /** Serves a list that was known before, marked as restored, until a refresh succeeds. */
  takeOver(list: KnownList): void
  /** Refreshes after so long, and then again and again. */
  start(delayMs: number): void
  /**
   * Refreshes now, or, when a refresh is under way, once more after it: that one may have read the inventory
   * before whatever this call is about. However many ask meanwhile, they share one. The interval starts anew.
   */
  refresh(): Promise<Outcome>
  /** Lets held targets leave on an operator's word; undefined when none with this digest are held. */
  accept(digest: string): Promise<Outcome | undefined>
  /** What is known of the targets; undefined before the first list. */
  roll(): Roll | undefined
  /** The same with the list that is served; undefined before the first. */
  known(): KnownList | undefined
  /**
   * Serves what other replicas made of the source, if there is anything; nothing else is published meanwhile.
   * @param choose given what is served; returns what is to be served in its place, undefined: nothing else
   */
  follow(choose: (served: SharedList | undefined) => Promise<SharedList | undefined>): Promise<void>
  /** Whether a target that no reading of this runner had is proven to be none of its source (rule 2). */
  provesGone(): boolean
  /** What the inventory last gave that a list could be made of; undefined before the first. */
  lastRead(): LastRead | undefined
  /** Ends the refreshing, and waits for what is under way. */
  stop(): Promise<void>
}

/** A list that is served, or was, by an earlier process or configuration. */
export interface KnownList {
  readonly snapshot: Snapshot
  readonly roll: Roll
  /** When its inventory was last read whole. */
  readonly lastSuccess: Moment
  /** Whether a peer gave it, and nothing of it was read here. */
  readonly isSeed: boolean
  /** Among those that replicas share; undefined: it is not shared. */
  readonly position?: Position | undefined
}

/** A list that was kept, ready to be served. */
export async function knownListOf(before: Before, clock: Clock): Promise<KnownList> {
  const { roll, changedAtMs, lastSuccessMs, isSeed = false, position } = before
  const counts = { groups: roll.groups, targets: roll.keys.length }
  const snapshot = await freeze(asBuffer(roll.body), counts, changedAtMs)
  const lastSuccess = momentAtWall(momentNow(clock), lastSuccessMs)
  return { snapshot, roll, lastSuccess, isSeed, position }
}

/** A list as it is kept; undefined when a peer gave it: that is asked again. */
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

/** Of a source that no other replica reads. */
const alone = (clock: Pick<Clock, 'now'>): Sharing => ({
  isReader: () => true,
  publish: async () => true,
  now: () => clock.now(),
  position: () => undefined,
})

/** What the last reading gave, so that it is recognised when it comes again. */
interface Last {
  readonly digest: string
  readonly version: Version | undefined
  /** The way that it came by; undefined: there is only one. */
  readonly way: Way | undefined
  readonly read: LastRead
  readonly report: Report
}

/** Of work that nothing interrupts. */
const NEVER = new AbortController().signal

/**
 * Creates the runner of a source. Whatever goes wrong before publishing leaves everything that is served as it was.
 * @param onRead called whenever the inventory has been read, and its list is believed
 */
export function createRunner(
  settings: RunnerSettings,
  source: Source,
  deps: RunnerDeps,
  onRead: () => void = () => {},
): Runner {
  const { name, guard, outputs, refreshIntervalMs } = settings
  const { store, clock, fleet, history, sharing = alone(clock) } = deps
  const compute = createCompute(settings.plan, deps)
  const report = createReport(settings, deps)
  const stopping = new AbortController()
  // A refresh and an operator's word must not compute, publish and write at the same time.
  const mutex = createMutex()
  let roll: Roll | undefined
  let last: Last | undefined
  // A target that no reading of this runner had.
  let neverSeen: Absence | undefined
  // The first list, while it is empty and not believed.
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
      const { result, needsConfirmation } = await readUsable(readable, { clock, stop }, use, last?.version)
      return { outcome: outcomeOf(result), needsConfirmation, readMs }
    } catch (thrown) {
      const error = withoutSecrets(asRefreshError(thrown), source)
      await mutex(async () => {
        if (!stop.aborted) report.failed(error)
        await writeOutputs()
      })
      return { outcome: { ...outcomeOf('failed'), error }, needsConfirmation: false, readMs }
    }
  }

  function outcomeOf(result: RefreshResult): Outcome {
    return { source: name, result, targets: store.get(name)?.snapshot?.targets ?? 0 }
  }

  // Compute and prove.

  async function take(reading: Reading, startedMs: number, stop: AbortSignal) {
    // A list that another replica read came in while this one asked for changes of its own.
    if (reading.kind === 'unchanged' && last === undefined && roll !== undefined)
      return { result: 'unchanged' as const, needsConfirmation: false }
    const { called, now, records, at, isAtRest, claimedMs } = await prove(reading, startedMs, stop)
    // Half of something, maybe: it is read again once it is at rest.
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

  /** @returns false when another replica reads by now */
  async function serve(called: Called, read: Last, at: Moment, claimedMs: number): Promise<boolean> {
    let isPublished = false
    try {
      isPublished = await publish(called, at)
    } finally {
      if (!isPublished) fleet.unclaim(called.left - called.accepted, claimedMs)
    }
    if (!isPublished) return false
    // Not before: the same bytes once more must not be taken for those of a roll that was never published.
    last = read
    report.succeeded(read, called.roll, at)
    if (called.accepted > 0) report.accepted(called)
    await writeOutputs()
    return true
  }

  /** Decides what leaves; once more, one source after the other, when targets of other sources left meanwhile. */
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
    // What was handed over cannot be decided once more; that is so only while there is no other source.
    const scope = isLast ? fleet.scope(nowMs) : work.occasion.all
    const isValid = fleet.claim(called.left - called.accepted, scope, nowMs)
    return { ...decided, isValid }
  }

  /** What none of its readings had is missing from the first of them on; half of something, maybe, shows nothing. */
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

  /** What a reading makes to be done; the same documents as last time are a reading of the same targets. */
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
    const read = keepRead(name, documents, { atMs: at.wallMs, room: deps.room })
    const now = { digest, version, way, read, report: last?.report }
    if (digest === last?.digest && !isUnsettled) {
      return { work: roll && ({ kind: 'again', roll, occasion } as const), now, isLast: false }
    }
    const work = { kind: 'read', documents, roll, occasion, isAtRest: !isUnsettled } as const
    return { work, now, isLast: read.documents === undefined && !fleet.isShared() }
  }

  /** The first list once more, while it is not served. */
  function again(): Computed {
    return { called: first?.called, report: undefined }
  }

  /** A first list that is empty has to be read several times. */
  function believe(called: Called, { way }: Pick<Last, 'way'>, { monotonicMs: nowMs }: Moment): boolean {
    if (called.roll.keys.length > 0) return true
    first = { called, readings: (first?.readings ?? 0) + 1, sinceMs: first?.sinceMs ?? nowMs }
    const { readings, sinceMs } = first
    // A standby may have nothing yet.
    const isPatient = way?.isStandby !== true || nowMs - sinceMs >= guard.holdMs
    return isPatient && isEmptyBelieved(readings, sinceMs, nowMs)
  }

  // Publish.

  /** @returns false when it is not to be served */
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

  /** What notes how the served list becomes another; undefined: nothing is noted. */
  function pastOf(after: Roll) {
    if (history === undefined) return undefined
    const past = changeTo(after)
    return { compare: () => history.compare(past), record: () => history.record(past) }
  }

  /** How the served list becomes another. */
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

  /** What is served, as other replicas would have it; what a peer said is not known here. */
  function served(): SharedList | undefined {
    const list = known()
    return list === undefined || list.isSeed ? undefined : { ...list, change: NO_CHANGE }
  }

  /** Serves what another replica read, as if it had been read here. */
  async function followList(list: SharedList): Promise<void> {
    const nowMs = clock.monotonic()
    const { snapshot } = list
    const before = served()
    // Both without what left more than an hour ago.
    const leftIn = ({ history }: Roll) =>
      sumOf(remember(history, nowMs, { left: 0, returned: 0, sizes: 0 }).left)
    const left = leftIn(list.roll) - (before === undefined ? 0 : leftIn(before.roll))
    fleet.follow(name, presentIn(list.roll), Math.max(0, left), nowMs)
    // The same bytes say something else of another roll.
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
    // What is absent was there within the hour, as far as is known.
    fleet.note(name, roll.keys.length, clock.monotonic())
  }

  return {
    async restore(load) {
      try {
        const kept = await load(momentNow(clock))
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
      // Asked first: between the end of one and the begin of the next none is in flight.
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

/** Of a list that another replica read. */
const NO_RECORDS: Pick<Report, 'records' | 'dropped' | 'rejected' | 'droppedLabels'> = {
  records: 0,
  dropped: 0,
  rejected: new Map(),
  droppedLabels: new Map(),
}

/**
 * Creates what tells of one source: in its status, its metrics and the log. The log gets a line
 * when something changes (first failure, recovery, held targets, new rejects), none while it stays so.
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

  /** Each reason, so that its series is there from the first list on, at 0. */
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
    /** A refresh took so long. */
    ended(result: RefreshResult, durationMs: number): void {
      metrics.refreshes.inc({ ...labels, result })
      metrics.duration.observe(labels, durationMs / 1000)
    },
    /**
     * The inventory was read.
     * @param roll undefined: the list is empty, and not served yet
     */
    succeeded({ report, way }: Last, roll: Roll | undefined, at: Moment): void {
      const before = status()
      noteWay(way, before.way)
      if (before.failure !== undefined) log.info({ failures: before.failures }, 'refresh works again')
      if (roll === undefined && !before.isEmpty)
        log.warn('the first list is empty; it is served once three readings over a minute were')
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
    /** Held targets left on an operator's word. */
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
      // Only the replica that read them knows the records.
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
    /** The refresh failed as a whole; what is served stays. */
    failed(error: RefreshError): void {
      const before = status()
      metrics.failures.inc({ ...labels, reason: error.reason })
      metrics.stale.set(labels, 1)
      const message = messageOf(error)
      // A new reason is news; the same one again is not.
      if (before.failure?.reason !== error.reason) {
        const serving = store.get(name)?.snapshot?.targets ?? 'nothing yet'
        log.warn({ reason: error.reason, error: message, serving }, 'refresh failed')
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
      log.info(
        { targets: snapshot.targets },
        'serving the list that was known before until a refresh succeeds',
      )
    },
    /** What an earlier process kept cannot be used. */
    notRestored(error: unknown): void {
      const path = outputs.find(({ kind }) => kind === 'storage')?.path
      const noted = { path, error: messageOf(error) }
      store.setFileError(name, 'storage', noted)
      log.warn(noted, 'the list that was kept on disk is not used')
    },
    /** @param wasReplaced what had been written was gone or another, so that it was written once more */
    written({ kind: file }: Output, wasReplaced: boolean): void {
      store.setFileError(name, file, undefined)
      if (failing.delete(file)) log.info({ file }, 'file written again')
      if (wasReplaced && !replaced.has(file)) {
        const error =
          'it was removed or replaced; each Rollcall needs a file_sd and a --storage.path of its own'
        log.warn({ file, error }, 'file was not as it was left; written again')
      }
      if (wasReplaced) replaced.add(file)
      else replaced.delete(file)
    },
    /** It is tried again at the next refresh. */
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
    ...documents.flatMap(({ bytes, answer, join }) => {
      const { date, age, ...headers } = answer?.headers ?? {}
      const told = isAllRead ? Object.entries(headers).sort() : tellingHeaders(headers)
      const head = JSON.stringify([bytes.byteLength, answer?.status, told, join])
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
