import { RefreshError } from '../base/errors.ts'
import type { ScrapeState } from '../model/scrape.ts'

/** The state of one target in a Prometheus server. */
export interface Found {
  readonly state: Exclude<ScrapeState, 'unknown'>
  readonly pool: string
  readonly why: string | undefined
  readonly lastScrapeMs: number | undefined
  /** When it was first seen in this state; wall-clock time, in milliseconds. */
  readonly sinceMs: number
}

/** By source, then by address and place. */
export type FoundTargets = ReadonlyMap<string, ReadonlyMap<string, Found>>

/** The state of a target in the current reading. */
export type Said = Omit<Found, 'sinceMs' | 'pool'>

/** The pool and the time of a state. */
interface At {
  readonly pool: string
  /** Wall-clock time, in milliseconds. */
  readonly nowMs: number
}

/** Modified in place, because new objects for many targets would cost more than the reading. */
interface Known extends Found {
  sinceMs: number
  state: Found['state']
  pool: string
  why: string | undefined
  lastScrapeMs: number | undefined
  /** The number of the last reading that had it. */
  reading: number
  /** Its state in the reading before. */
  lastState: Found['state']
  lastSinceMs: number
}

/** The targets that a server knows, over several readings. */
export interface KnownTargets {
  readonly found: FoundTargets
  /** Begins a reading. */
  begin(): void
  /**
   * Adds a target of the reading. If a target occurs twice, its best state counts.
   * @throws RefreshError `too_large`
   */
  note(source: string, key: string, said: Said, at: At): void
  /** Ends a complete reading: targets that it lacked are forgotten. */
  end(): void
}

/** The largest number of targets that are remembered. */
const MAX_TARGETS = 1_000_000

/** The states from the best to the worst. */
const STATES = ['up', 'down', 'pending', 'dropped'] as const

/** Starts without targets. A reading that fails halfway has already updated the targets before the failure. */
export function createKnownTargets(max = MAX_TARGETS): KnownTargets {
  const found = new Map<string, Map<string, Known>>()
  let reading = 0
  let size = 0

  function targetsOf(source: string): Map<string, Known> {
    const known = found.get(source)
    if (known !== undefined) return known
    const targets = new Map<string, Known>()
    found.set(ownText(source), targets)
    return targets
  }

  function add(targets: Map<string, Known>, key: string, said: Said, { pool, nowMs }: At): void {
    if (++size > max) throw new RefreshError('too_large', `the server has more than ${max} targets`)
    const { state, why, lastScrapeMs } = said
    const times = { sinceMs: nowMs, lastSinceMs: nowMs }
    targets.set(ownText(key), { state, pool, why, lastScrapeMs, reading, lastState: state, ...times })
  }

  return {
    found,
    begin() {
      reading++
    },
    note(source, key, said, at) {
      const targets = targetsOf(source)
      const known = targets.get(key)
      if (known === undefined) add(targets, key, said, at)
      else if (known.reading !== reading) {
        known.lastState = known.state
        known.lastSinceMs = known.sinceMs
        known.reading = reading
        update(known, said, at)
      } else if (STATES.indexOf(said.state) < STATES.indexOf(known.state)) update(known, said, at)
    },
    end() {
      for (const [source, targets] of found) {
        for (const [key, known] of targets) if (known.reading !== reading && targets.delete(key)) size--
        if (targets.size === 0) found.delete(source)
      }
    },
  }
}

function update(known: Known, { state, why, lastScrapeMs }: Said, { pool, nowMs }: At): void {
  known.sinceMs = state === known.lastState ? known.lastSinceMs : nowMs
  known.state = state
  known.pool = pool
  known.why = why
  known.lastScrapeMs = lastScrapeMs
}

/** A copy of a text, because part of a text keeps all of it in memory. */
function ownText(text: string): string {
  return Buffer.from(text).toString()
}
