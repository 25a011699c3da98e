import { createHash } from 'node:crypto'
import { asBuffer } from './base/bytes.ts'
import { type Moment, momentNow } from './base/clock.ts'
import { messageOf } from './base/errors.ts'
import { moduleUrl } from './base/module-url.ts'
import { createMutex } from './base/mutex.ts'
import type { Job } from './base/threads.ts'
import type { RemovedSource } from './explain/explain-served.ts'
import { bareList } from './history/events.ts'
import { compareText } from './model/labels.ts'
import { encodeLines } from './model/list.ts'
import { type KnownList, keepableOf, knownListOf, type RunnerDeps } from './refresh/runner.ts'
import type { Keepable, Kept, Origin, Shelf, Shelves } from './roll/kept.ts'
import { MAX_SAMPLES, type SubtractTask, subtract } from './roll/members.ts'
import { isTooMany, REASONS_TO_STAY, type ReasonToStay } from './roll/rules.ts'
import { shownSample } from './snapshot/changes.ts'
import { freeze, type Snapshot } from './snapshot/freeze.ts'
import type { HeldTargets } from './snapshot/store.ts'

/** The state that a removed source leaves behind. */
interface Left extends KnownList {
  /** The inventory that its list is from. */
  readonly origin: Origin
  /** Deletes its stored files. */
  readonly remove: () => Promise<void>
}

/**
 * The removed sources whose targets still stay: rules 4 and 5 for a reload, and for a restart with another configuration.
 */
export interface Removed {
  /**
   * Goes on serving the list of a source that is being removed.
   * @param waitsFor the sources that must be read first, because its targets may be theirs now
   */
  take(name: string, left: Left, waitsFor: readonly string[]): void
  /** Adds sources that must be read first, because they were added or changed. */
  waitFor(names: readonly string[]): void
  /** Returns the state of a source that is configured again, and stops serving its list from here. */
  giveBack(name: string): Left | undefined
  /**
   * Lets the targets leave that no rule keeps.
   * @param accepted the digest of held targets that an operator accepted, in addition to `guard.accept`
   * @returns the names of the sources whose targets left because of it
   */
  settle(accepted?: string): Promise<string[]>
  /** Does the same in the background. */
  settleSoon(): void
  /** Their served targets, for explanations. */
  served(): RemovedSource[]
  /** Their whole lists, as they are stored, by name. */
  keepables(): { readonly name: string; readonly origin: Origin; readonly list: Keepable }[]
  /** Loads the stored lists of sources that are not configured now. */
  restore(configured: ReadonlySet<string>): Promise<void>
  /** Takes the stored list of a source that had another inventory at that time. */
  restoreOther(name: string, kept: Kept): Promise<void>
}

/** The dependencies of removed sources. */
export interface RemovedDeps extends Omit<RunnerDeps, 'room'> {
  /** The storage; undefined: nothing is stored. */
  readonly shelves: Shelves | undefined
  /** Whether it is proven that a target which no reading of a source had is not in it; true for a source that is not configured. */
  readonly provesGone: (name: string) => boolean
  /** The number of unreadable records of a source that cannot be matched with a served target. */
  readonly unrecognised: (name: string) => number
  /** `guard.accept`: the digest of held targets that may leave. */
  readonly word: () => string | undefined
}

interface Gone extends Left {
  readonly since: Moment
  readonly waitsFor: Set<string>
  /** The number of unreadable records, of this source and of those it waits for, when it was removed. */
  unrecognised: number
}

/** The targets of a removed source that no other source has. */
interface Rest {
  readonly id: string
  readonly gone: Gone
  readonly own: Snapshot
  readonly samples: readonly string[]
}

/** Larger lists, in bytes together, are compared in a thread. */
const INLINE_BYTES = 512 * 1024

const SUBTRACT: Job = { module: moduleUrl('roll/members.js'), name: 'subtract' }

const NEVER = new AbortController().signal

/** The result of a comparison. */
interface Compared {
  readonly others: readonly Snapshot[]
  readonly rest: readonly Rest[]
}

const NOTHING_COMPARED: Compared = { others: [], rest: [] }

/** Starts without removed sources. */
export function createRemoved(deps: RemovedDeps): Removed {
  const { store, metrics, log, clock, fleet, shelves } = deps
  const mutex = createMutex()
  // By name. The list that a source had from another inventory has its own name, with a dot.
  const all = new Map<string, Gone>()
  // The served part of each list: at first all of it.
  let served: ReadonlyMap<string, Snapshot> = new Map()

  // The results of the last comparison. A list that did not change is not compared again.
  let compared = NOTHING_COMPARED
  let isSettling = false
  // Writes the lists of other inventories, because the source will overwrite the stored list after its first reading.
  const unkept = new Map<string, () => Promise<unknown>>()

  /** Serves these lists; for a source without one here, the list that it served before. */
  function serve(changed: ReadonlyMap<string, Snapshot>, held: readonly HeldTargets[]): void {
    served = new Map([...served, ...changed].filter(([id]) => all.has(id)))
    if (all.size === 0) compared = NOTHING_COMPARED
    const successes = [...all.values()].map(({ lastSuccess }) => lastSuccess.monotonicMs)
    store.setRemoved({ snapshots: [...served.values()], lastSuccessMs: successes, held })
    metrics.guard.holding.set(held.length > 0 ? 1 : 0)
  }

  function take(id: string, left: Left, waitsFor: Iterable<string>): void {
    const one = { ...left, since: momentNow(clock), waitsFor: new Set<string>() }
    all.set(id, { ...one, unrecognised: left.roll.seen.unrecognised })
    waitFor(id, waitsFor)
    serve(new Map([[id, left.snapshot]]), store.removed().held)
  }

  function waitFor(id: string, names: Iterable<string>): void {
    const gone = all.get(id) as Gone
    for (const name of names) {
      if (!gone.waitsFor.has(name)) gone.unrecognised += deps.unrecognised(name)
      gone.waitsFor.add(name)
    }
  }

  /** Why the targets of a removed source stay while no other source has them (rules 2 and 3). */
  function reasonToStay({ gone: { waitsFor, unrecognised } }: Rest): ReasonToStay | undefined {
    const names = [...waitsFor]
    if (!names.every(deps.provesGone)) return 'replaced'
    const now = names.reduce((sum, name) => sum + deps.unrecognised(name), 0)
    return now > unrecognised ? 'unreadable_records' : undefined
  }

  /** The rest of all removed sources, without those that were configured again meanwhile. */
  async function findRest(): Promise<readonly Rest[]> {
    const others = store.list().flatMap(({ snapshot }) => snapshot ?? [])
    const { others: before, rest } = compared
    const isSame = others.length === before.length && others.every((one, index) => one === before[index])
    const found: Rest[] = []
    // A copy: a list that is taken meanwhile would be compared with itself.
    for (const [id, gone] of [...all]) {
      const known = isSame ? rest.find((one) => one.gone === gone) : undefined
      // A target that another source has had since then belongs to that source.
      found.push(known ?? { id, gone, ...(await without(served.get(id) as Snapshot, others)) })
    }
    compared = { others, rest: found }
    return found.filter(({ id, gone }) => all.get(id) === gone)
  }

  async function settle(accepted?: string): Promise<string[]> {
    if (all.size === 0) return []
    await keepOthers()
    const rest = await findRest()
    const proven = provenOf(rest)
    const held = heldOf(rest.filter((one) => !proven.includes(one)))
    const isAccepted = held !== undefined && (held.digest === accepted || isWord(held.digest))
    const leaving = isAccepted ? rest : proven
    const staying = held === undefined || isAccepted ? [] : [held]
    for (const { id } of leaving) all.delete(id)
    logHeld(staying)
    serve(new Map(rest.map(({ id, own }) => [id, own])), staying)
    for (const one of leaving) noteLeft(one, isAccepted)
    await Promise.all(leaving.map(removeKept))
    return isAccepted ? leaving.map(({ id }) => sourceOf(id)) : []
  }

  /** The sources whose targets all belong to other sources now, or may leave because together they are not too many. */
  function provenOf(rest: readonly Rest[]): readonly Rest[] {
    const ready = rest.filter((one) => one.own.targets === 0 || reasonToStay(one) === undefined)
    const missing = targetsOf(ready)
    const nowMs = clock.monotonic()
    const scope = fleet.scope(nowMs)
    const mayLeave = !isTooMany(missing, scope) && fleet.claim(missing, scope, nowMs)
    return ready.filter(({ own }) => mayLeave || own.targets === 0)
  }

  /** Whether `guard.accept` names these targets, and has not been used yet. */
  function isWord(digest: string): boolean {
    if (deps.word() !== digest || fleet.isUsed(digest)) return false
    fleet.use(digest)
    return true
  }

  /** The targets that stay, as they are shown. */
  function heldOf(staying: readonly Rest[]): HeldTargets | undefined {
    const some = staying.filter(({ own }) => own.targets > 0).sort((a, b) => compareText(a.id, b.id))
    const [since] = some.map(({ gone }) => gone.since).sort((a, b) => a.monotonicMs - b.monotonicMs)
    if (since === undefined) return undefined
    const [reason = 'removed'] = some.flatMap((one) => reasonToStay(one) ?? [])
    const digest = createHash('sha256')
    for (const { own } of some) digest.update(own.digest)
    return {
      digest: digest.digest('hex'),
      reason,
      why: REASONS_TO_STAY[reason],
      targets: targetsOf(some),
      sources: [...new Set(some.map(({ id }) => sourceOf(id)))],
      samples: some.flatMap(({ samples }) => samples.map(shownSample)).slice(0, MAX_SAMPLES),
      since,
      until: undefined,
    }
  }

  function logHeld([held]: readonly HeldTargets[]): void {
    const [before] = store.removed().held
    if (held === undefined) {
      if (before !== undefined) log.info('no target of a removed source is held any more')
    } else if (held.reason !== before?.reason) {
      const { reason, sources, targets, digest, samples } = held
      log.warn({ reason, sources, targets, digest, sample: samples[0] }, 'targets held')
    }
  }

  function noteLeft({ id, own, samples }: Rest, isAccepted: boolean): void {
    const [source, removed] = [sourceOf(id), own.targets]
    log.info({ source, removed, accepted: isAccepted }, 'removed source left')
    deps.history?.record({
      source,
      atMs: clock.now(),
      before: bareList(own.body),
      after: bareList(NO_TARGETS),
      wallAheadMs: 0,
      isPush: false,
      why: `${isAccepted ? 'an operator accepted it; ' : ''}${whyGone(id)}`,
    })
    const change = { source, atMs: clock.now(), targets: 0, added: 0, removed }
    if (removed > 0) store.noteChange({ ...change, samples: { added: [], removed: samples } })
  }

  /** Removes the stored files of a source that has left. Never fails. */
  async function removeKept({ id, gone }: Rest): Promise<void> {
    await gone.remove().catch((error) => {
      log.warn({ source: id, error: messageOf(error) }, 'file of a removed source not deleted')
    })
  }

  /** The targets that no other list has. */
  async function without(snapshot: Snapshot, others: readonly Snapshot[]) {
    const task: SubtractTask = { body: snapshot.body, others: others.map(({ body }) => body) }
    const bytes = task.others.reduce((sum, { byteLength }) => sum + byteLength, task.body.byteLength)
    const { body, groups, targets, samples } =
      bytes <= INLINE_BYTES
        ? subtract(task)
        : await deps.threads.run<ReturnType<typeof subtract>>(SUBTRACT, task, { signal: NEVER })
    return { own: await freeze(asBuffer(body), { groups, targets }, snapshot.changedAtMs), samples }
  }

  /** A write that fails is tried again at the next look at removed sources. */
  async function keepOthers(): Promise<void> {
    for (const [id, keep] of [...unkept]) {
      try {
        if (all.has(id)) await keep()
        unkept.delete(id)
      } catch (error) {
        log.warn(
          { source: id, error: messageOf(error) },
          'the list of another inventory is served, but cannot be stored',
        )
      }
    }
  }

  /** Serves a stored list. */
  async function takeKept(id: string, shelf: Shelf, kept: Kept, waitsFor: Iterable<string>) {
    const list = await knownListOf(kept, clock)
    take(id, { ...list, origin: kept.origin, remove: shelf.remove }, waitsFor)
    // They count as targets of the last hour.
    fleet.note(id, list.snapshot.targets, clock.monotonic())
    fleet.forget(id)
    return list.snapshot
  }

  return {
    take,
    waitFor(names) {
      for (const id of all.keys()) waitFor(id, names)
    },
    giveBack(name) {
      const gone = all.get(name)
      if (gone === undefined) return undefined
      all.delete(name)
      serve(new Map(), all.size === 0 ? [] : store.removed().held)
      return gone
    },
    settle: (accepted) => mutex(() => settle(accepted)),
    settleSoon() {
      if (all.size === 0 || isSettling) return
      isSettling = true
      const begin = () => {
        isSettling = false
        return settle()
      }
      mutex(begin).catch((error) => log.error({ err: error }, 'removed sources could not be checked'))
    },
    served: () =>
      [...served].map(([id, { body }]) => {
        const source = sourceOf(id)
        return { source, body, held: store.removed().held.find(({ sources }) => sources?.includes(source)) }
      }),
    keepables: () =>
      [...all].flatMap(([name, gone]) => {
        const list = keepableOf(gone)
        return list === undefined ? [] : [{ name, origin: gone.origin, list }]
      }),
    async restore(configured) {
      if (shelves === undefined) return
      for (const id of await shelves.sources()) {
        // The list of another inventory was loaded with its source.
        if (configured.has(id) || all.has(id)) continue
        const shelf = shelves.of(id, [])
        try {
          const kept = await shelf.load(momentNow(clock))
          if (kept !== undefined) await takeKept(id, shelf, kept, configured)
        } catch (error) {
          log.warn({ source: id, error: messageOf(error) }, 'the list of a removed source is not used')
        }
      }
    },
    async restoreOther(name, kept) {
      const id = `${name}.${kept.otherOrigin}`
      const shelf = (shelves as Shelves).of(id, [])
      const { digest } = await takeKept(id, shelf, kept, [name])
      unkept.set(id, () => shelf.keep({ ...kept, digest }, momentNow(clock)))
      await keepOthers()
    },
  }
}

const NO_TARGETS = encodeLines([])

function whyGone(id: string): string {
  if (id.includes('.')) return 'its source reads another inventory now, which has it not'
  return 'its source is not configured any more, and no other one has it'
}

/** The source that the list belonged to. */
function sourceOf(id: string): string {
  return id.replace(/\..*/, '')
}

function targetsOf(rest: readonly Rest[]): number {
  return rest.reduce((sum, { own }) => sum + own.targets, 0)
}
