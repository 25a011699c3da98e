import { createHash } from 'node:crypto'
import { asBuffer } from './base/bytes.ts'
import { type Moment, momentNow } from './base/clock.ts'
import { messageOf } from './base/errors.ts'
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

/** What a source leaves behind that is not configured any more. */
interface Left extends KnownList {
  /** Which inventory its list is of. */
  readonly origin: Origin
  /** Deletes what is kept of it. */
  readonly remove: () => Promise<void>
}

/**
 * Sources that are not configured any more, as long as their targets stay (rules 4 and 5 for a reload, and for a restart
 * with another configuration).
 */
export interface Removed {
  /**
   * Serves the list of a source that goes beside those of the others.
   * @param waitsFor the sources that have to be read first: its targets may be theirs now
   */
  take(name: string, left: Left, waitsFor: readonly string[]): void
  /** Other sources were added or changed, and have to be read first too. */
  waitFor(names: readonly string[]): void
  /** A source is configured again: what it left, which is not served from here any more. */
  giveBack(name: string): Left | undefined
  /**
   * Lets those leave that nothing speaks against.
   * @param accepted the digest of held targets that an operator lets leave, beside that of the configuration
   * @returns the names of those that it let leave on that word
   */
  settle(accepted?: string): Promise<string[]>
  /** The same, not waited for. */
  settleSoon(): void
  /** What is served of them, as it is explained. */
  served(): RemovedSource[]
  /** The whole lists of all of them, as they are kept, by name. */
  keepables(): { readonly name: string; readonly origin: Origin; readonly list: Keepable }[]
  /** Takes what an earlier process kept of sources that are not configured now. */
  restore(configured: ReadonlySet<string>): Promise<void>
  /** Takes what an earlier process kept of a source that had another inventory then. */
  restoreOther(name: string, kept: Kept): Promise<void>
}

/** What this needs from outside. */
export interface RemovedDeps extends Omit<RunnerDeps, 'room'> {
  /** What is kept on disk; undefined: nothing. */
  readonly shelves: Shelves | undefined
  /** Whether a target that no reading of a source had is proven to be none of it; true of one that is not configured. */
  readonly provesGone: (name: string) => boolean
  /** How many records of a source cannot be read, and are not known to have made a target. */
  readonly unrecognised: (name: string) => number
  /** The digest of held targets that the configuration lets leave. */
  readonly word: () => string | undefined
}

interface Gone extends Left {
  readonly since: Moment
  readonly waitsFor: Set<string>
  /** How many records could not be read of it, and of those that are waited for, when it went. */
  unrecognised: number
}

/** What of a list of a source that is gone no other source has. */
interface Rest {
  readonly id: string
  readonly gone: Gone
  readonly own: Snapshot
  readonly samples: readonly string[]
}

/** Lists that are larger than this together, in bytes, are compared in a thread. */
const INLINE_BYTES = 512 * 1024

const SUBTRACT: Job = { module: new URL('./roll/members.js', import.meta.url).href, name: 'subtract' }

const NEVER = new AbortController().signal

/** What a comparison found. */
interface Compared {
  readonly others: readonly Snapshot[]
  readonly rest: readonly Rest[]
}

const NOTHING_COMPARED: Compared = { others: [], rest: [] }

/** Creates a place for removed sources; there are none yet. */
export function createRemoved(deps: RemovedDeps): Removed {
  const { store, metrics, log, clock, fleet, shelves } = deps
  const mutex = createMutex()
  // By name; a list that a source had from another inventory has a name of its own, with a dot.
  const all = new Map<string, Gone>()
  // What of each is served: at first its whole list.
  let served: ReadonlyMap<string, Snapshot> = new Map()

  // What the last comparison found; a list that did not change since need not be compared again.
  let compared = NOTHING_COMPARED
  let isSettling = false
  // Writes the lists of other inventories: the source writes over what was kept once it has been read.
  const unkept = new Map<string, () => Promise<unknown>>()

  /** Serves these lists; of a source without one here, what was served of it before. */
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

  /** Why a source that is gone stays, as long as its targets are not those of others (rules 2 and 3). */
  function reasonToStay({ gone: { waitsFor, unrecognised } }: Rest): ReasonToStay | undefined {
    const names = [...waitsFor]
    if (!names.every(deps.provesGone)) return 'replaced'
    const now = names.reduce((sum, name) => sum + deps.unrecognised(name), 0)
    return now > unrecognised ? 'unreadable_records' : undefined
  }

  /** What is left of all of them; what was configured again meanwhile is none of these. */
  async function findRest(): Promise<readonly Rest[]> {
    const others = store.list().flatMap(({ snapshot }) => snapshot ?? [])
    const { others: before, rest } = compared
    const isSame = others.length === before.length && others.every((one, index) => one === before[index])
    const found: Rest[] = []
    // Those of this moment: what is taken meanwhile would be compared with its own list.
    for (const [id, gone] of [...all]) {
      const known = isSame ? rest.find((one) => one.gone === gone) : undefined
      // What another source has had since is that source's.
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

  /** Those of which every target is another source's now, or may leave: together they are not too many. */
  function provenOf(rest: readonly Rest[]): readonly Rest[] {
    const ready = rest.filter((one) => one.own.targets === 0 || reasonToStay(one) === undefined)
    const missing = targetsOf(ready)
    const nowMs = clock.monotonic()
    const scope = fleet.scope(nowMs)
    const mayLeave = !isTooMany(missing, scope) && fleet.claim(missing, scope, nowMs)
    return ready.filter(({ own }) => mayLeave || own.targets === 0)
  }

  /** Whether the configuration says that these may leave, for the first time. */
  function isWord(digest: string): boolean {
    if (deps.word() !== digest || fleet.isUsed(digest)) return false
    fleet.use(digest)
    return true
  }

  /** What is told of targets that stay. */
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

  /** What is on disk of a source that has left; never fails. */
  async function removeKept({ id, gone }: Rest): Promise<void> {
    await gone.remove().catch((error) => {
      log.warn({ source: id, error: messageOf(error) }, 'file of a removed source not deleted')
    })
  }

  /** The targets of a list that no other has. */
  async function without(snapshot: Snapshot, others: readonly Snapshot[]) {
    const task: SubtractTask = { body: snapshot.body, others: others.map(({ body }) => body) }
    const bytes = task.others.reduce((sum, { byteLength }) => sum + byteLength, task.body.byteLength)
    const { body, groups, targets, samples } =
      bytes <= INLINE_BYTES
        ? subtract(task)
        : await deps.threads.run<ReturnType<typeof subtract>>(SUBTRACT, task, { signal: NEVER })
    return { own: await freeze(asBuffer(body), { groups, targets }, snapshot.changedAtMs), samples }
  }

  /** What cannot be written is tried again when removed sources are looked at again. */
  async function keepOthers(): Promise<void> {
    for (const [id, keep] of [...unkept]) {
      try {
        if (all.has(id)) await keep()
        unkept.delete(id)
      } catch (error) {
        log.warn({ source: id, error: messageOf(error) }, 'the list of another inventory is served, not kept')
      }
    }
  }

  /** Serves what was kept. */
  async function takeKept(id: string, shelf: Shelf, kept: Kept, waitsFor: Iterable<string>) {
    const list = await knownListOf(kept, clock)
    take(id, { ...list, origin: kept.origin, remove: shelf.remove }, waitsFor)
    // They are a part of what there was within the hour.
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
      mutex(begin).catch((error) => log.error({ err: error }, 'removed sources not settled'))
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
        // The list of another inventory was taken with its source.
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

/** The source whose list it was. */
function sourceOf(id: string): string {
  return id.replace(/\..*/, '')
}

function targetsOf(rest: readonly Rest[]): number {
  return rest.reduce((sum, { own }) => sum + own.targets, 0)
}
