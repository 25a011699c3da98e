import type { Occasion } from '../../src/roll/roll.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'

/** When a roll of a source that is one of many is called, with everything by default. */
export const occasionAt = (nowMs: number): Occasion => ({
  nowMs,
  startedMs: nowMs,
  selection: 'all',
  options: DEFAULT_GUARD,
  all: { left: 0, roll: 1e9, options: DEFAULT_GUARD },
})
