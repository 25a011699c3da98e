import type { Kept } from '../snapshot/disk.ts'
import type { GuardOptions } from '../snapshot/guard.ts'
import type { Source } from '../sources/source.ts'
import type { Compute } from './compute.ts'
import type { Output } from './outputs.ts'

/** One source with everything that its refreshes need to know, resolved from the configuration. */
export interface RefreshPlan {
  readonly name: string
  readonly source: Source
  readonly compute: Compute
  readonly guard: GuardOptions
  readonly timeoutMs: number
  /** The time between refreshes that nobody asked for. */
  readonly intervalMs: number
  /** Where else the served list is written. */
  readonly outputs: readonly Output[]
  /** Reads the list that an earlier process kept; undefined when there is none. */
  load(): Promise<Kept | undefined>
}
