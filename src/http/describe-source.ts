import type { SharedSource } from '../model/cluster.ts'
import type { HeldTargets, SourceState } from '../snapshot/store.ts'
import type { HeldAnswer, SharedAnswer, SourceStateAnswer } from './api/answers.ts'
import type { HttpDeps } from './deps.ts'

/** What one source last did, with times in RFC 3339. */
export function describeSource(
  { name, required, status, snapshot, fileErrors }: SourceState,
  { clock, cluster }: HttpDeps,
): SourceStateAnswer {
  const { lastSuccess, failure, held } = status
  const shared = cluster?.statusOf(name)
  return {
    state: stateOf({ status, snapshot }),
    required,
    targets: snapshot?.targets ?? 0,
    target_groups: snapshot?.groups ?? 0,
    records: status.records,
    dropped: status.dropped,
    rejected: status.rejected,
    rejected_samples: status.samples,
    last_success: lastSuccess === undefined ? null : new Date(lastSuccess.wallMs).toISOString(),
    age_seconds:
      lastSuccess === undefined ? null : Math.round(clock.monotonic() - lastSuccess.monotonicMs) / 1000,
    last_change: snapshot === undefined ? null : new Date(snapshot.changedAtMs).toISOString(),
    consecutive_failures: status.failures,
    failure:
      failure === undefined
        ? null
        : { reason: failure.reason, message: failure.message, at: new Date(failure.at.wallMs).toISOString() },
    absent: status.absent,
    held: held.map(describeHeld),
    file_errors: fileErrors,
    ...(status.way && { read_from: { url: status.way.url, standby: status.way.isStandby } }),
    ...(shared && { cluster: describeShared(shared) }),
  }
}

function describeShared({
  reader,
  isReader,
  generation,
  newest,
  isDetached,
  refused,
}: SharedSource): SharedAnswer {
  return {
    reader: reader ?? null,
    is_reader: isReader,
    generation,
    newest_generation: newest,
    detached: isDetached && generation > 0,
    refused: refused ?? null,
  }
}

/** Targets that are held: since when, why, until when, and what would let them go. */
export function describeHeld(held: HeldTargets): HeldAnswer {
  const { digest, reason, why, targets, sources, samples, since, until } = held
  const untilText = until === undefined ? null : new Date(until.wallMs).toISOString()
  // Those of removed sources, and of all sources, have no source whose guard could name them.
  const key = sources === undefined ? 'guard.accept' : 'global.guard.accept'
  const accepted = `when it is accepted: POST /-/accept?digest=${digest}, or ${key}`
  const heirs = 'when every source that was added or changed has been read, unless too many would leave'
  return {
    digest,
    targets,
    ...(sources && { sources }),
    samples,
    reason,
    why,
    since: new Date(since.wallMs).toISOString(),
    until: untilText,
    leaves:
      untilText !== null
        ? `at ${untilText}, if every reading until then lacks them; or when it is accepted`
        : reason === 'replaced'
          ? `${heirs}; or ${accepted}`
          : accepted,
  }
}

/**
 * One word for the state: waiting (no list yet), stale (the list is from disk, and none was read since the start),
 * failing (an old list is served), holding or ok.
 */
function stateOf({ status, snapshot }: Pick<SourceState, 'status' | 'snapshot'>): SourceStateAnswer['state'] {
  if (snapshot === undefined) return 'waiting'
  if (status.restored) return 'stale'
  if (status.failure !== undefined) return 'failing'
  return status.held.some(({ reason }) => reason !== 'unreadable') ? 'holding' : 'ok'
}
