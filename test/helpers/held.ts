import type { HeldTargets } from '../../src/snapshot/store.ts'

/** One target that is held from 2026 on, for 15 minutes unless it says otherwise, as a store shows it. */
export function heldTargets(change: Partial<HeldTargets> = {}): HeldTargets {
  const wallMs = Date.UTC(2026, 0, 1)
  return {
    digest: 'd'.repeat(64),
    reason: 'too_many',
    why: 'too many of the targets would leave within an hour',
    targets: 1,
    samples: ['old:9100'],
    since: { wallMs, monotonicMs: 0 },
    until: { wallMs: wallMs + 900_000, monotonicMs: 900_000 },
    ...change,
  }
}
