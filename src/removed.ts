import { createHash } from 'node:crypto'
import { asBuffer } from './base/bytes.ts'
import { messageOf } from './base/errors.ts'
import type { Files } from './base/files.ts'
import { createInTurn } from './base/in-turn.ts'
import type { Job } from './base/threads.ts'
import { compareText } from './model/labels.ts'
import type { RunnerDeps } from './refresh/runner.ts'
import type { SubtractTask } from './refresh/worker.ts'
import { createShelf, keptIn } from './roll/kept.ts'
import { subtract } from './roll/members.ts'
import type { Roll } from './roll/roll.ts'
import { isTooMany, REASONS_TO_STAY } from './roll/rules.ts'
import { freeze, type Snapshot } from './snapshot/freeze.ts'
import type { HeldTargets, Moment } from './snapshot/store.ts'

/** What a source leaves behind that is not configured any more. */
interface Left {
  readonly snapshot: Snapshot
  readonly roll: Roll | undefined
  /** Deletes what is kept of it. */
  readonly remove: () => Promise<void>
}

/** Sources that are not configured any more, as long as their targets stay (rules 4 and 5 for a reload). */
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
   * @returns whether it let any leave on that word
   */
  settle(accepted?: string): Promise<boolean>
  /** The same, not waited for. */
  settleSoon(): void
  /** Takes what an earlier process kept of sources that are not configured now: they were removed meanwhile. */
  restore(configured: ReadonlySet<string>): Promise<void>
}

/** What this needs from outside. */
export interface RemovedDeps extends RunnerDeps {
  readonly files: Files
  /** Absolute path of the folder that keeps the lists; undefined: nothing is kept. */
  readonly storagePath: string | undefined
  /** Whether a source was read since it was configured; true of one that is not configured. */
  readonly hasRead: (name: string) => boolean
  /** The digest of held targets that the configuration lets leave. */
  readonly word: () => string | undefined
}

interface Gone extends Left {
  readonly since: Moment
  readonly waitsFor: Set<string>
}

/** What of a list of a source that is gone no other source has. */
type Rest = readonly [name: string, gone: Gone, own: Snapshot]

/** Lists that are larger than this together, in bytes, are compared in a thread. */
const INLINE_BYTES = 512 * 1024

const SUBTRACT: Job = {
  module: new URL('./refresh/worker.js', import.meta.url).href,
  name: 'subtractInThread',
}

const NEVER = new AbortController().signal

/** Creates a place for removed sources; there are none yet. */
export function createRemoved(deps: RemovedDeps): Removed {
  const { store, metrics, log, clock, fleet, files, storagePath } = deps
  const inTurn = createInTurn()
  const all = new Map<string, Gone>()
  // What of each is served: at first its whole list.
  let served: ReadonlyMap<string, Snapshot> = new Map()

  /** Serves these lists; of a source without one here, what was served of it before. */
  function serve(changed: ReadonlyMap<string, Snapshot>, held: readonly HeldTargets[]): void {
    served = new Map([...served, ...changed].filter(([name]) => all.has(name)))
    store.setRemoved({ snapshots: [...served.values()], held })
    metrics.guard.holding.set(held.length > 0 ? 1 : 0)
  }

  function take(name: string, left: Left, waitsFor: readonly string[]): void {
    const since = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
    all.set(name, { ...left, since, waitsFor: new Set(waitsFor) })
    serve(new Map([[name, left.snapshot]]), store.removed().held)
  }

  const isReady = ([, { waitsFor }]: Rest) => [...waitsFor].every(deps.hasRead)

  async function settle(accepted?: string): Promise<boolean> {
    if (all.size === 0) return false
    const others = store.list().flatMap(({ snapshot }) => snapshot ?? [])
    const found: Rest[] = []
    for (const [name, gone] of all) found.push([name, gone, await without(gone.snapshot, others)])
    // What was configured again meanwhile is none of these.
    const rest = found.filter(([name, gone]) => all.get(name) === gone)
    const proven = provenOf(rest)
    const held = heldOf(rest.filter((one) => !proven.includes(one)))
    const isAccepted = held !== undefined && [accepted, deps.word()].includes(held.digest)
    const leaving = isAccepted ? rest : proven
    for (const [name] of leaving) all.delete(name)
    serve(new Map(rest.map(([name, , own]) => [name, own])), held === undefined || isAccepted ? [] : [held])
    if (leaving.length > 0) {
      log.info({ sources: leaving.map(([name]) => name), accepted: isAccepted }, 'removed sources left')
    }
    await Promise.all(leaving.map(([, gone]) => gone.remove()))
    return isAccepted
  }

  /** Those of which every target is another source's now, or may leave: together they are not too many. */
  function provenOf(rest: readonly Rest[]): readonly Rest[] {
    const ready = rest.filter(isReady)
    const missing = targetsOf(ready)
    const nowMs = clock.monotonic()
    if (isTooMany(missing, fleet.scope(nowMs))) return ready.filter(([, , own]) => own.targets === 0)
    fleet.lose(missing, nowMs)
    return ready
  }

  /** What is told of targets that stay. */
  function heldOf(staying: readonly Rest[]): HeldTargets | undefined {
    const some = staying.filter(([, , own]) => own.targets > 0).sort(([a], [b]) => compareText(a, b))
    const [first] = some.map(([, { since }]) => since).sort((a, b) => a.monotonicMs - b.monotonicMs)
    if (first === undefined) return undefined
    const reason = some.every(isReady) ? 'removed' : 'replaced'
    const digest = createHash('sha256')
    for (const [, , own] of some) digest.update(own.digest)
    return {
      digest: digest.digest('hex'),
      reason,
      why: REASONS_TO_STAY[reason],
      targets: targetsOf(some),
      samples: some.map(([name]) => `source ${name}`),
      since: first,
      until: undefined,
    }
  }

  /** The targets of a list that no other has. */
  async function without(snapshot: Snapshot, others: readonly Snapshot[]): Promise<Snapshot> {
    const task: SubtractTask = { body: snapshot.body, others: others.map(({ body }) => body) }
    const bytes = task.others.reduce((sum, { byteLength }) => sum + byteLength, task.body.byteLength)
    const { body, groups, targets } =
      bytes <= INLINE_BYTES
        ? subtract(task.body, task.others)
        : await deps.threads.run<ReturnType<typeof subtract>>(SUBTRACT, task, { signal: NEVER })
    return freeze(asBuffer(body), { groups, targets }, snapshot.changedAtMs)
  }

  async function restoreOne(folder: string, name: string, configured: ReadonlySet<string>): Promise<void> {
    const shelf = createShelf(files, folder, name, '')
    const nowMs = clock.monotonic()
    const kept = await shelf.load(nowMs)
    if (kept === undefined) return
    const { roll, changedAtMs } = kept
    const targets = roll.keys.length
    const snapshot = await freeze(roll.body as Buffer, { groups: roll.groups, targets }, changedAtMs)
    take(name, { snapshot, roll, remove: shelf.remove }, [...configured])
    fleet.note(name, { present: targets, left: 0 }, nowMs)
    fleet.forget(name)
  }

  return {
    take,
    waitFor(names) {
      for (const { waitsFor } of all.values()) for (const name of names) waitsFor.add(name)
    },
    giveBack(name) {
      const gone = all.get(name)
      if (gone === undefined) return undefined
      all.delete(name)
      serve(new Map(), all.size === 0 ? [] : store.removed().held)
      return gone
    },
    settle: (accepted) => inTurn(() => settle(accepted)),
    settleSoon() {
      if (all.size === 0) return
      inTurn(() => settle()).catch((error) => log.error({ err: error }, 'removed sources not settled'))
    },
    async restore(configured) {
      if (storagePath === undefined) return
      for (const name of await keptIn(files, storagePath)) {
        if (configured.has(name)) continue
        await restoreOne(storagePath, name, configured).catch((error) =>
          log.warn({ source: name, error: messageOf(error) }, 'the list of a removed source is not used'),
        )
      }
    },
  }
}

function targetsOf(rest: readonly Rest[]): number {
  return rest.reduce((sum, [, , own]) => sum + own.targets, 0)
}
