import type { Moment } from '../base/clock.ts'
import type { Draft } from '../model/history.ts'
import type { Position } from '../roll/kept.ts'
import type { Called, Roll } from '../roll/roll.ts'
import type { Snapshot } from '../snapshot/freeze.ts'

/** What changed in a served list. */
export type Change = Pick<Called, 'joined' | 'left' | 'samples'>

/** A list as replicas share it. */
export interface SharedList {
  readonly roll: Roll
  readonly snapshot: Snapshot
  /** When its inventory was last read whole. */
  readonly lastSuccess: Moment
  /** From the list before it. */
  readonly change: Change
  /** Whether those who share it say what happened to each target since the list before it. */
  readonly hasEvents?: boolean
}

/** What the runner of a source does together with those of other replicas. */
export interface Sharing {
  /** Whether this replica reads the inventory now; the others serve what it makes of it. */
  isReader(): boolean
  /**
   * Publishes a list, before it is served here. A store that cannot be reached keeps nothing from being served.
   * @param isChanged whether it is another list than the one that is served
   * @param compare what it does to each target, which is noted for all replicas; undefined: nothing is noted
   * @returns false when another replica published meanwhile, or reads by now: it is not to be served here either
   */
  publish(list: SharedList, isChanged: boolean, compare?: () => Promise<readonly Draft[]>): Promise<boolean>
  /** The wall clock that all replicas share, in milliseconds. */
  now(): number
  /** The replica that reads the inventory, when that is another one and it is known. */
  reader?(): string | undefined
  /** Where the served list stands, to be kept beside it. */
  position(): Position | undefined
}

/** A list that nobody else serves changes nothing by having changed nothing. */
export const NO_CHANGE: Change = { joined: 0, left: 0, samples: { added: [], removed: [] } }
