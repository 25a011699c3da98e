import type { Clock } from '../base/clock.ts'
import { messageOf, type RefreshError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics, RefreshResult } from '../base/metrics.ts'
import type { Report } from '../pipeline/report.ts'
import type { Kept } from '../snapshot/disk.ts'
import type { Verdict, Weighed } from '../snapshot/guard.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import { INITIAL_STATUS, type Moment, type SourceStatus } from '../snapshot/status.ts'
import type { Store } from '../snapshot/store.ts'
import type { Built } from './build.ts'
import { setReportGauges, setSnapshotGauges } from './gauges.ts'
import type { Offered } from './offering.ts'
import { createOutputReporter } from './output-reporter.ts'
import type { RefreshPlan } from './refresh-plan.ts'

interface ReporterDeps {
  readonly store: Store
  readonly metrics: Metrics
  readonly clock: Clock
  readonly log: Logger
}

/** What is to be known of a source that is reported on. */
interface Reported {
  readonly name: string
  readonly outputs: RefreshPlan['outputs']
  /** The time between refreshes that nobody asked for. */
  readonly intervalMs: number
}

/** The guard's verdict of a list; of one that is held with its SHA-256 in hex, by which an operator names it. */
export type Judged =
  | Extract<Verdict, { pass: true }>
  | (Extract<Verdict, { pass: false }> & { readonly digest: string })

/**
 * Tells what the refreshes of one source did: in its status, its metrics and the log. The log gets a line
 * when something changes (first failure, recovery, a held list, new rejects), none while it stays so.
 */
export function createReporter({ name, intervalMs, outputs }: Reported, deps: ReporterDeps) {
  const { store } = deps
  const metrics = deps.metrics.source
  const log = deps.log.child({ source: name })
  const labels = { source: name }
  let rejectedBefore = ''
  metrics.interval.set(labels, intervalMs / 1000)

  const status = (): SourceStatus | undefined => store.get(name)?.status
  const moment = (): Moment => ({ wallMs: deps.clock.now(), monotonicMs: deps.clock.monotonic() })

  function logVerdict(verdict: Judged, built: Built, before: SourceStatus | undefined): void {
    if (!verdict.pass) {
      if (before?.held !== undefined) return
      log.warn(
        {
          offered: built.counts.targets,
          missing: verdict.held.missing,
          served: store.get(name)?.snapshot?.targets,
          seen: verdict.held.seen,
          needed: verdict.needed,
          digest: verdict.digest,
        },
        verdict.held.seen === 0
          ? 'list held back: as many records were rejected as targets are missing, so these are still in the inventory'
          : 'list held back: it drops too many targets',
      )
    } else if (before?.held !== undefined) {
      if (before.held.targets === built.counts.targets) {
        log.warn({ targets: built.counts.targets }, 'drop confirmed: the new list is served')
      } else {
        log.info({ targets: built.counts.targets }, 'list no longer held back')
      }
    }
  }

  return {
    ...createOutputReporter({ name, outputs }, { store, writeFailures: metrics.writeFailures, log }),
    /** A refresh began; call the returned function with its result when it has ended. */
    started(): (result: RefreshResult) => void {
      const startMs = deps.clock.monotonic()
      return (result) => {
        metrics.refreshes.inc({ ...labels, result })
        metrics.duration.observe(labels, (deps.clock.monotonic() - startMs) / 1000)
      }
    },
    /** A whole list was read and judged; while that takes time, it gets older. */
    succeeded({ built, at }: Pick<Offered, 'built' | 'at'>, verdict: Judged): void {
      const before = status()
      if (before?.failure !== undefined) log.info({ failures: before.failures }, 'refresh works again')
      logVerdict(verdict, built, before)
      const { report } = built
      store.setStatus(name, {
        // While a list is held, what is served gets older.
        lastSuccess: verdict.pass ? at : before?.lastSuccess,
        failure: undefined,
        restored: false,
        failures: 0,
        records: report.records,
        dropped: report.dropped,
        rejected: Object.fromEntries(report.rejected),
        samples: report.samples,
        held: verdict.pass
          ? undefined
          : {
              digest: verdict.digest,
              targets: built.counts.targets,
              seen: verdict.held.seen,
              needed: verdict.needed,
            },
      })
      if (verdict.pass) metrics.lastSuccess.set(labels, at.wallMs / 1000)
      metrics.records.set(labels, report.records)
      metrics.dropped.set(labels, report.dropped)
      metrics.holding.set(labels, verdict.pass ? 0 : 1)
      metrics.stale.set(labels, verdict.pass ? 0 : 1)
      setReportGauges(metrics, name, report)
      rejectedBefore = logRejected(log, report, rejectedBefore)
    },
    /** The served list changed. */
    changed(snapshot: Snapshot, { added, removed, samples }: Weighed): void {
      const { changedAtMs: atMs, targets } = snapshot
      store.noteChange({ source: name, atMs, targets, added, removed, samples })
      setSnapshotGauges(metrics, name, snapshot)
      metrics.added.inc(labels, added)
      metrics.removed.inc(labels, removed)
      log.info({ targets: snapshot.targets, groups: snapshot.groups, added, removed }, 'targets changed')
    },
    /** The refresh failed as a whole; what is served stays. */
    failed(error: RefreshError): void {
      const before = status()
      metrics.failures.inc({ ...labels, reason: error.reason })
      metrics.stale.set(labels, 1)
      metrics.holding.set(labels, 0)
      // A new reason is news; the same one again is not.
      if (before?.failure?.reason !== error.reason) {
        log.warn(
          {
            reason: error.reason,
            error: messageOf(error),
            serving: store.get(name)?.snapshot?.targets ?? 'nothing yet',
          },
          'refresh failed',
        )
      }
      if (before === undefined) return
      store.setStatus(name, {
        ...before,
        held: undefined,
        failure: { reason: error.reason, message: messageOf(error), at: moment() },
        failures: before.failures + 1,
      })
    },
    /** Nothing is held back any more, and nothing new is known: the source ends, or begins anew. */
    released(): void {
      const before = status()
      if (before !== undefined) store.setStatus(name, { ...before, held: undefined })
      metrics.holding.set(labels, 0)
    },
    /** The list that an earlier process kept is served. */
    restored({ snapshot, lastSuccessMs }: Kept): void {
      const wallMs = Math.min(lastSuccessMs, deps.clock.now())
      const lastSuccess = { wallMs, monotonicMs: deps.clock.monotonic() - (deps.clock.now() - wallMs) }
      store.setStatus(name, { ...INITIAL_STATUS, lastSuccess, restored: true })
      metrics.lastSuccess.set(labels, wallMs / 1000)
      setSnapshotGauges(metrics, name, snapshot)
      log.info(
        { targets: snapshot.targets },
        'serving the list that was kept on disk until a refresh succeeds',
      )
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
