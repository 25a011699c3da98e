import type { Clock } from '../base/clock.ts'
import { within } from '../base/deadline.ts'
import type { RefreshError } from '../base/errors.ts'
import { createInTurn } from '../base/in-turn.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics, RefreshResult } from '../base/metrics.ts'
import { rejectedIn } from '../pipeline/report.ts'
import type { Kept } from '../snapshot/disk.ts'
import { createGuard, type Weighed } from '../snapshot/guard.ts'
import { freeze } from '../snapshot/snapshot.ts'
import type { Store } from '../snapshot/store.ts'
import type { Reading } from '../sources/source.ts'
import { asRefreshError } from './as-refresh-error.ts'
import type { Built } from './build.ts'
import type { LastRead } from './last-read.ts'
import { type Offered, offer } from './offering.ts'
import { createOutputKeeper } from './outputs.ts'
import { readBefore } from './read.ts'
import type { RefreshPlan } from './refresh-plan.ts'
import { createReporter, type Judged } from './reporter.ts'

/** What a refresh needs from outside. */
export interface RefreshDeps {
  readonly store: Store
  readonly metrics: Metrics
  readonly clock: Clock
  readonly log: Logger
}

/** How one refresh ended. */
export interface Outcome {
  readonly source: string
  readonly result: RefreshResult
  readonly targets: number
  /** Set when it failed. */
  readonly error?: RefreshError
}

/** Another list is held back than the one that was to be accepted. */
export interface OtherHeld {
  /** SHA-256 of the list that is held, in hex. */
  readonly heldDigest: string
}

/** Refreshes a source once; never throws, never runs twice at once (see the loop). */
export type RefreshOnce = (stop: AbortSignal) => Promise<Outcome>

/** What can be done with one source. */
export interface Refresher {
  /**
   * Serves the list that an earlier process kept, marked stale, until a refresh succeeds; never throws.
   * @param inherited to be served when none was kept
   */
  restore(inherited?: Kept): Promise<void>
  readonly once: RefreshOnce
  /**
   * Serves the list that the guard holds back, on an operator's word; undefined when it holds none.
   * @param digest SHA-256 of the list that is meant, in hex: another one is not served; undefined: whichever is held
   */
  accept(digest?: string): Promise<Outcome | OtherHeld | undefined>
  /**
   * Waits until an operator's word that is being carried out is, and takes none after it; what is held back is let go
   * of. The loop has ended before.
   */
  close(): Promise<void>
  /** What the inventory last gave that a list could be made of, served or held; undefined before the first. */
  lastRead(): LastRead | undefined
}

/** How long the start waits for the disk, in milliseconds. */
const LOAD_TIMEOUT_MS = 10_000

const PASS: Judged = { pass: true }

/** Of work that nothing interrupts. */
const NEVER = new AbortController().signal

/**
 * Creates the refresh of one source: read, recognise "unchanged", build, judge, publish, report. Whatever
 * goes wrong before publishing leaves everything that is served as it was.
 */
export function createRefresher(plan: RefreshPlan, deps: RefreshDeps): Refresher {
  const reporter = createReporter(plan, deps)
  const outputs = plan.outputs.map((output) => createOutputKeeper(output, reporter, deps.clock))
  let offered: Offered | undefined
  /** How many records, or targets of them, were rejected when the served list was read; of a kept list none are known. */
  let servedRejected = 0
  const guard = createGuard(plan.guard, { clock: deps.clock, intervalMs: plan.intervalMs })

  // A refresh, also one that fails, and an operator's word must not judge, publish and write at the same time.
  const inTurn = createInTurn()
  let isClosed = false

  async function refresh(stop: AbortSignal): Promise<RefreshResult> {
    const reading = await readBefore(plan, deps.clock, stop, offered?.version)
    return inTurn(() => judgeAndPublish(reading, stop))
  }

  async function judgeAndPublish(reading: Reading, stop: AbortSignal): Promise<RefreshResult> {
    offered = await offer(reading, offered, { compute: plan.compute, clock: deps.clock }, stop)
    const { built } = offered
    const served = deps.store.get(plan.name)?.snapshot?.body
    const same = served?.equals(built.body) ?? false
    const weighed = same ? undefined : await weigh(built, stop)
    if (weighed === undefined) guard.clear()
    const judged = weighed === undefined ? PASS : await judge(weighed, offered)
    reporter.succeeded(offered, judged)
    if (!judged.pass) {
      await writeOutputs('make up')
      return 'held'
    }
    if (weighed !== undefined) await publish(built, weighed)
    await writeOutputs('confirm')
    return same ? 'unchanged' : 'changed'
  }

  function weigh(built: Built, stop: AbortSignal): Promise<Weighed> {
    const served = deps.store.get(plan.name)?.snapshot?.body
    return plan.compute.weigh({ served, offered: built.body, before: guard.held() }, stop)
  }

  async function judge(weighed: Weighed, { built, listDigest }: Offered): Promise<Judged> {
    const verdict = guard.judge(weighed, rejectedIn(built.report) - servedRejected)
    return verdict.pass ? PASS : { ...verdict, digest: await listDigest() }
  }

  async function publish(built: Built, weighed: Weighed): Promise<void> {
    const snapshot = await freeze(built.body, built.counts, deps.clock.now())
    await deps.store.publish(plan.name, snapshot)
    reporter.changed(snapshot, weighed)
  }

  /** Makes up for writes that failed, and, when a refresh passed, notes that what is written is still right. */
  async function writeOutputs(mode: 'confirm' | 'make up'): Promise<void> {
    const { snapshot, status } = deps.store.get(plan.name) ?? {}
    const rightAtMs = status?.lastSuccess?.wallMs
    if (snapshot === undefined || rightAtMs === undefined) return
    for (const output of outputs) await output.keep(snapshot, rightAtMs, mode === 'confirm')
  }

  async function restore(inherited?: Kept): Promise<void> {
    try {
      const kept = (await within(LOAD_TIMEOUT_MS, 'reading it', deps.clock, plan.load())) ?? inherited
      if (kept === undefined) return
      await deps.store.publish(plan.name, kept.snapshot)
      reporter.restored(kept)
    } catch (error) {
      reporter.notRestored(error)
    }
  }

  async function once(stop: AbortSignal): Promise<Outcome> {
    const end = reporter.started()
    const targets = () => deps.store.get(plan.name)?.snapshot?.targets ?? 0
    try {
      const result = await refresh(stop)
      end(result)
      return { source: plan.name, result, targets: targets() }
    } catch (thrown) {
      const error = asRefreshError(thrown)
      await inTurn(() => noteFailure(error, stop))
      end('failed')
      return { source: plan.name, result: 'failed', targets: targets(), error }
    }
  }

  async function noteFailure(error: RefreshError, stop: AbortSignal): Promise<void> {
    guard.clear()
    if (!stop.aborted) reporter.failed(error)
    await writeOutputs('make up')
  }

  async function accept(digest: string | undefined): Promise<Outcome | OtherHeld | undefined> {
    if (isClosed || guard.held() === undefined || offered === undefined) return undefined
    const { built } = offered
    const heldDigest = await offered.listDigest()
    if (digest !== undefined && digest !== heldDigest) return { heldDigest }
    const weighed = await weigh(built, NEVER)
    guard.clear()
    servedRejected = rejectedIn(built.report)
    reporter.succeeded(offered, PASS)
    await publish(built, weighed)
    await writeOutputs('confirm')
    return { source: plan.name, result: 'changed', targets: built.counts.targets }
  }

  return {
    restore,
    once,
    accept: (digest) => inTurn(() => accept(digest)),
    close() {
      isClosed = true
      return inTurn(async () => reporter.released())
    },
    lastRead: () => offered?.lastRead,
  }
}
