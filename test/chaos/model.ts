import { type Inventories, isDrop } from './inventories.ts'

/** How many readings in a row must show the same drop before Rollcall's default guard believes it. */
const CONFIRMATIONS = 3

/** One thing that Rollcall may be in; lists are told apart by their id, undefined is none. */
interface State {
  readonly served: string | undefined
  readonly kept: string | undefined
  /** The last readings in a row that were all the same drop from what is served. */
  readonly streak: readonly string[]
  /** A whole reading that it may have used already, or may use, or may never use. */
  readonly pending?: string | undefined
}

/** What a poll of /targets showed: the id of a list, no list yet, or nothing that tells. */
export type Seen = { readonly list: string } | 'no list'

/** How the storage folder is. */
export type StorageState = 'works' | 'full' | 'broken'

/** What Rollcall may be in, after all that happened. */
export interface Model {
  /** A reading of the inventory begins: the one before, and all writing after it, has ended. */
  begins(): void
  /** This inventory is about to have been sent whole in this reading. */
  offers(list: string): void
  /** Since the last reading some refreshes may have failed that did not get as far as the inventory. */
  mayHaveFailed(): void
  /** The storage folder works from now on; or is full, so that it can be read; or cannot even be read. */
  storage(state: StorageState): void
  /** What was kept is gone for good. */
  losesKept(): void
  /** The process was killed, and what starts next can read what was kept, or cannot. */
  restarts(): void
  /** Narrows what is possible. @returns why this cannot be, or undefined */
  shows(seen: Seen): string | undefined
  /** How many states are possible, for messages and to see that they stay few. */
  states(): string
}

/**
 * A model of what Rollcall promises, as the set of all states that it may be in. A reading that was sent whole
 * may have been used or not (a deadline may have come first), so each one doubles the states, and each poll
 * cuts them down to those that serve what was seen. What was seen and is in no state breaks a promise: a list
 * that no inventory ever was, an older one than before, a drop that was not confirmed.
 */
export function createModel(inventories: Inventories): Model {
  let states: readonly State[] = [{ served: undefined, kept: undefined, streak: [] }]
  let storage: StorageState = 'works'
  let toggled = false
  let whole = false
  let isFirst = true

  // On a full disk a short list may find room where a longer one did not.
  const mayKeep = () => storage !== 'broken' || toggled

  /** All that may come of a reading: it was used and kept, used and not kept yet, or not used. */
  function after({ served, kept, streak }: State, list: string): State[] {
    const row = [...streak, list]
    const drop = isDrop(inventories, served, row) ? row : [list]
    const passes = !isDrop(inventories, served, drop) || drop.length >= CONFIRMATIONS
    if (!passes) return withKept({ served, kept, streak: drop })
    return withKept({ served: list, kept, streak: [] })
  }

  function withKept(state: State): State[] {
    return mayKeep() && state.served !== undefined && state.served !== state.kept
      ? [state, { ...state, kept: state.served }]
      : [state]
  }

  /** The states in which a pending reading was used or dropped. */
  function settled(state: State): State[] {
    if (state.pending === undefined) return withKept(state)
    return [...after(state, state.pending), ...withKept({ ...state, streak: [], pending: undefined })]
  }

  function become(next: readonly State[]): void {
    states = [...new Map(next.map((state) => [JSON.stringify(key(state)), state])).values()]
  }

  return {
    begins() {
      become(states.flatMap(settled))
      // A reading that was not sent whole has failed, which ends the row.
      if (!whole && !isFirst) become(states.map((state) => ({ ...state, streak: [] })))
      // The refresh before has written what is served, unless it could not.
      if (!isFirst && storage === 'works' && !toggled) {
        become(states.map((state) => ({ ...state, kept: state.served ?? state.kept })))
      }
      whole = false
      isFirst = false
      toggled = false
    },
    offers(list) {
      whole = true
      become(states.flatMap(settled).map((state) => ({ ...state, pending: list })))
    },
    mayHaveFailed() {
      become(states.flatMap(settled).flatMap((state) => [state, { ...state, streak: [] }]))
    },
    storage(next) {
      become(states.flatMap((state) => [state, ...withKept(state)]))
      toggled ||= next !== storage
      storage = next
    },
    losesKept() {
      become(states.map((state) => ({ ...state, kept: undefined })))
      toggled = true
    },
    restarts() {
      const kept = states
        .flatMap((state) => [...withKept(state), ...settled(state)])
        .map((state) => state.kept)
      become(
        kept.map((list) => ({ served: storage === 'broken' ? undefined : list, kept: list, streak: [] })),
      )
      whole = false
      isFirst = true
      toggled = false
    },
    shows(seen) {
      const list = seen === 'no list' ? undefined : seen.list
      if (list !== undefined && !inventories.has(list)) return 'a list that no inventory ever was'
      const possible = states
        .flatMap((state) => [state, ...settled(state)])
        .filter((state) => state.served === list)
      if (possible.length === 0) return `${name(inventories, list)} is served; possible: ${describe()}`
      become(possible)
      return undefined
    },
    states: describe,
  }

  function describe(): string {
    const shown = states.map(
      ({ served, kept, streak, pending }) =>
        `serves ${name(inventories, served)}, kept ${name(inventories, kept)}, holds [${streak.map((list) => name(inventories, list))}], pending ${name(inventories, pending)}`,
    )
    return `${states.length} states: ${shown.slice(0, 8).join('; ')}`
  }
}

function key({ served, kept, streak, pending }: State): unknown {
  return [served ?? null, kept ?? null, streak, pending ?? null]
}

function name(inventories: Inventories, list: string | undefined): string {
  return list === undefined ? 'nothing' : `${list.slice(0, 8)} (${inventories.addresses(list).size} targets)`
}
