import { createHash } from 'node:crypto'
import { asBuffer } from './base/bytes.ts'
import { messageOf } from './base/errors.ts'
import type { Files } from './base/files.ts'
import { createInTurn } from './base/in-turn.ts'
import type { Job } from './base/threads.ts'
import { USER_AGENT } from './base/version.ts'
import type { SourceSettings } from './config/settings.ts'
import type { ExplainInput } from './explain/worker.ts'
import type { Instances } from './model/registration.ts'
import { fileSdOutput, type Output } from './refresh/outputs.ts'
import { createRunner, type Outcome, type Runner, type RunnerDeps } from './refresh/runner.ts'
import type { SubtractTask } from './refresh/worker.ts'
import { createFleet } from './roll/fleet.ts'
import { createShelf, removedIn, type Shelf } from './roll/kept.ts'
import { subtract } from './roll/members.ts'
import type { Roll } from './roll/roll.ts'
import { DEFAULT_GUARD, type GuardOptions, isTooMany, REASONS_TO_STAY } from './roll/rules.ts'
import { freeze, type Snapshot } from './snapshot/freeze.ts'
import type { HeldTargets, Moment, SourceState } from './snapshot/store.ts'
import { createPushReport } from './sources/push/report.ts'
import { addressOf, type createSource, type SourceDeps } from './sources/registry.ts'
import type { Source } from './sources/source.ts'

/** The names of the sources that a new configuration added, changed and removed. */
export interface Applied {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** What sources at work need from outside. */
export interface SupervisorDeps extends Omit<RunnerDeps, 'fleet'> {
  readonly createSource: typeof createSource
  readonly files: Files
  /** Absolute path of the folder that keeps the last good lists; undefined: nothing is kept. */
  readonly storagePath: string | undefined
}

/** The sources at work, from their inventories to the store. */
export interface Supervisor {
  /**
   * Makes these the sources. One that is as it was goes on undisturbed; a changed one begins anew, while what it
   * last served stays; a new one serves what was kept of it. What one served that goes stays a part of `/targets` until
   * those that were added or changed have been read, and longer when too many targets would leave. Before the first
   * `start` all sources are waited for; one that is added later is left out of `/targets` until it has a list, since
   * Prometheus cannot lose what it never had. To be waited for before it is called again.
   * @param guard what is asked for of all sources together
   * @throws what went wrong first, when all that could be done is done; the next call does the rest
   */
  apply(sources: readonly SourceSettings[], guard?: GuardOptions): Promise<Applied>
  /** What is asked for of all sources together. */
  guard(): GuardOptions
  /** Begins to refresh. */
  start(): void
  /** Refreshes one source, or all, now; one that is being changed, as soon as it is; nothing of one that is gone. */
  refresh(name?: string): Promise<Outcome[]>
  /**
   * Lets held targets leave on an operator's word.
   * @param digest of the targets
   * @param name the source that they are of; undefined: whichever
   * @returns how that ended, one for each source; empty: nothing with this digest is held
   */
  accept(digest: string, name?: string): Promise<Outcome[]>
  /** Where devices register with a source; undefined when it is no push source. */
  instances(name: string): Instances | undefined
  /** What can be explained of one source, or of all, in order of their names as everywhere. */
  served(name?: string): ExplainInput[]
  /** The server is about to stop, and may not be reached any more: what is not heard of stays known. */
  deafen(): void
  /** Ends all refreshing and lets go of every source. */
  stop(): Promise<void>
}

/** One source at work. */
interface Running {
  readonly name: string
  /** Of the settings that it was made of; undefined: it has ended, or is about to. */
  readonly fingerprint: string | undefined
  readonly settings: SourceSettings
  readonly source: Source
  readonly shelf: Shelf | undefined
  readonly outputs: readonly Output[]
  readonly runner: Runner
}

/** A source that is not configured any more, as long as its targets stay. */
interface Gone {
  readonly snapshot: Snapshot
  readonly roll: Roll | undefined
  readonly since: Moment
  /** The sources that are waited for. */
  readonly waitsFor: Set<string>
  /** Deletes what is kept of it. */
  readonly remove: () => Promise<void>
}

/** Lists that are larger than this together, in bytes, are compared in a thread. */
const INLINE_BYTES = 512 * 1024

const SUBTRACT: Job = {
  module: new URL('./refresh/worker.js', import.meta.url).href,
  name: 'subtractInThread',
}

const NEVER = new AbortController().signal

/** Creates a supervisor without sources. */
export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, metrics, log, clock, files, storagePath } = deps
  const fleet = createFleet(DEFAULT_GUARD)
  // Has every source that is in the store.
  const running = new Map<string, Running>()
  const gone = new Map<string, Gone>()
  // What is being done to a source; it never rejects.
  const underWay = new Map<string, Promise<unknown>>()
  const inTurn = createInTurn()
  let guard: GuardOptions = DEFAULT_GUARD
  let isStarted = false

  /** Creates everything that one source needs; nothing of it runs yet. */
  function create(settings: SourceSettings, before?: Source): Running {
    const { name } = settings
    const source = deps.createSource(settings.source, sourceDeps(name), before)
    const shelf =
      storagePath === undefined
        ? undefined
        : createShelf(files, storagePath, name, addressOf(settings.source))
    const outputs: Output[] = settings.fileSd === undefined ? [] : [fileSdOutput(files, settings.fileSd)]
    if (shelf !== undefined && storagePath !== undefined) {
      outputs.push({ kind: 'storage', path: storagePath, keep: shelf.keep, remove: shelf.remove })
    }
    const selection = createHash('sha256')
      .update(JSON.stringify([settings.source, settings.plan]))
      .digest('hex')
    const runner = createRunner({ ...settings, selection, outputs }, source, { ...deps, fleet }, settleSoon)
    return { name, fingerprint: settings.fingerprint, settings, source, shelf, outputs, runner }
  }

  function sourceDeps(name: string): SourceDeps {
    const storage = storagePath === undefined ? undefined : { folder: storagePath }
    const report = createPushReport(name, metrics, log)
    return { clock, files, userAgent: USER_AGENT, push: { storage, report } }
  }

  function begin({ runner, source }: Running): void {
    runner.start()
    source.watch?.(() => void runner.refresh())
  }

  async function end({ runner, source }: Running): Promise<void> {
    await runner.stop()
    await source.close()
  }

  async function add(settings: SourceSettings): Promise<void> {
    const { name, required, maxStalenessMs, guard: own } = settings
    const before = gone.get(name)
    const one = create(settings)
    running.set(name, one)
    store.add(name, {
      required: required && (!isStarted || before !== undefined),
      maxStalenessMs,
      holdMs: own.holdMs,
    })
    metrics.addSource(name)
    if (before === undefined) {
      await Promise.all([one.source.open?.(), one.shelf && one.runner.restore(one.shelf.load)])
    } else {
      // It was taken out of the configuration, and is back.
      one.runner.goOn(before.roll)
      store.publish(name, before.snapshot)
      gone.delete(name)
      serveGone(new Map(), store.removed().held)
      await one.source.open?.()
    }
    if (isStarted) begin(one)
  }

  async function change(settings: SourceSettings, before: Running): Promise<void> {
    const { name, maxStalenessMs, guard: own } = settings
    await finish(before)
    const one = create(settings, before.source)
    one.runner.goOn(before.runner.roll())
    if (one.source.register === undefined) await before.source.remove?.()
    if (settings.fileSd !== before.settings.fileSd) await removeOutputs(before, 'file_sd')
    await one.source.open?.()
    const required = settings.required && store.get(name)?.required === true
    store.configure(name, { required, maxStalenessMs, holdMs: own.holdMs })
    running.set(name, one)
    begin(one)
  }

  async function remove(before: Running, waitsFor: readonly string[]): Promise<void> {
    const { name } = before
    await finish(before)
    const snapshot = store.get(name)?.snapshot
    const removeAll = async () => {
      await removeOutputs(before)
      await before.source.remove?.()
    }
    if (snapshot !== undefined) {
      const since = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
      const roll = before.runner.roll()
      gone.set(name, { snapshot, roll, since, waitsFor: new Set(waitsFor), remove: removeAll })
      serveGone(new Map([[name, snapshot]]), store.removed().held)
    }
    // In the same step, so that no list has it twice, or not at all.
    store.remove(name)
    running.delete(name)
    fleet.forget(name)
    if (snapshot !== undefined) await before.shelf?.markRemoved().catch(() => {})
    await metrics.removeSource(name)
    if (snapshot === undefined) await removeAll()
  }

  /** Ends a source. Should anything fail from here on, it is none that the next configuration finds at work. */
  function finish(one: Running): Promise<void> {
    running.set(one.name, { ...one, fingerprint: undefined })
    return end(one)
  }

  async function removeOutputs({ name, outputs }: Running, kind?: Output['kind']): Promise<void> {
    for (const output of outputs) {
      if (kind !== undefined && output.kind !== kind) continue
      await output.remove().catch((error: unknown) => {
        const { path } = output
        log.warn({ source: name, path, error: messageOf(error) }, 'file of a removed source not deleted')
      })
    }
  }

  // Sources that are gone (rule 5).

  // What of each of them is served: the targets that no other source has.
  let parts: ReadonlyMap<string, Snapshot> = new Map()

  /** Serves parts of the lists of sources that are gone; of those that have none here, what was served before. */
  function serveGone(changed: ReadonlyMap<string, Snapshot>, held: readonly HeldTargets[]): void {
    const all = new Map([...parts, ...changed])
    parts = new Map([...all].filter(([name]) => gone.has(name)))
    store.setRemoved({ snapshots: [...parts.values()], held })
    metrics.guard.holding.set(held.length > 0 ? 1 : 0)
  }

  function settleSoon(): void {
    if (gone.size > 0)
      void inTurn(settle).catch((error) => log.error({ err: error }, 'removed sources not settled'))
  }

  /**
   * Lets sources that are gone leave the list of all when nothing speaks against it.
   * @param accepted the digest that an operator named
   * @returns whether that let any leave
   */
  async function settle(accepted?: string): Promise<boolean> {
    const others = store.list().flatMap(({ snapshot }) => snapshot ?? [])
    const rest = new Map<string, Snapshot>()
    for (const [name, { snapshot }] of gone) rest.set(name, await without(snapshot, others))
    const restOf = (name: string) => (rest.get(name) as Snapshot).targets
    const names = [...rest.keys()].filter((name) => gone.has(name))
    const ready = names.filter((name) => isReady(gone.get(name) as Gone))
    const missing = ready.reduce((sum, name) => sum + restOf(name), 0)
    const mayLeave = !isTooMany(missing, fleet.scope(clock.monotonic()))
    const all = heldOf(names, rest, ready)
    const isAccepted = all !== undefined && (all.digest === accepted || all.digest === guard.accept)
    const leaving = isAccepted ? names : ready.filter((name) => mayLeave || restOf(name) === 0)
    if (!isAccepted && mayLeave) fleet.lose(missing, clock.monotonic())
    const removing = leaving.map((name) => gone.get(name)?.remove)
    for (const name of leaving) gone.delete(name)
    const held = heldOf(
      names.filter((name) => gone.has(name)),
      rest,
      ready,
    )
    serveGone(rest, held === undefined ? [] : [held])
    if (leaving.length > 0) log.info({ sources: leaving, accepted: isAccepted }, 'removed sources left')
    await Promise.all(removing.map((one) => one?.()))
    return isAccepted
  }

  function isReady({ waitsFor }: Gone): boolean {
    return [...waitsFor].every((name) => running.get(name)?.runner.hasRead() ?? true)
  }

  /** What is told of targets whose sources are gone. */
  function heldOf(
    all: readonly string[],
    rest: ReadonlyMap<string, Snapshot>,
    ready: readonly string[],
  ): HeldTargets | undefined {
    const names = all.filter((name) => (rest.get(name) as Snapshot).targets > 0)
    if (names.length === 0) return undefined
    const lists = names.map((name) => rest.get(name) as Snapshot)
    const reason = names.every((name) => ready.includes(name)) ? 'removed' : 'replaced'
    const digest = createHash('sha256')
    for (const one of lists) digest.update(one.digest)
    const since = names.map((name) => (gone.get(name) as Gone).since)
    return {
      digest: digest.digest('hex'),
      reason,
      why: REASONS_TO_STAY[reason],
      targets: lists.reduce((sum, one) => sum + one.targets, 0),
      samples: names.map((name) => `source ${name}`),
      since: since.reduce((first, one) => (one.monotonicMs < first.monotonicMs ? one : first)),
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

  /** What was held of removed sources when an earlier process ended. */
  async function restoreGone(names: ReadonlySet<string>): Promise<void> {
    if (storagePath === undefined) return
    for (const name of await removedIn(files, storagePath)) {
      if (names.has(name)) continue
      const shelf = createShelf(files, storagePath, name, '')
      try {
        const kept = await shelf.load(clock.monotonic())
        if (kept === undefined) continue
        const { roll, changedAtMs } = kept
        const counts = { groups: roll.groups, targets: roll.keys.length }
        const snapshot = await freeze(roll.body as Buffer, counts, changedAtMs)
        const since = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
        gone.set(name, { snapshot, roll, since, waitsFor: new Set(names), remove: shelf.remove })
        serveGone(new Map([[name, snapshot]]), [])
        fleet.note(name, { present: counts.targets, left: 0 }, clock.monotonic())
        fleet.forget(name)
      } catch (error) {
        log.warn({ source: name, error: messageOf(error) }, 'the list of a removed source is not used')
      }
    }
  }

  // All sources.

  /** Notes that something is done to a source until it is done. */
  function note(name: string, work: Promise<void>): Promise<void> {
    const done = work.finally(() => underWay.delete(name))
    underWay.set(
      name,
      done.catch(() => {}),
    )
    return done
  }

  async function refreshSettled(name: string): Promise<Outcome | undefined> {
    // What is ended must not be asked, nor what is not ready.
    await underWay.get(name)
    return running.get(name)?.runner.refresh()
  }

  async function acceptOf(name: string, digest: string): Promise<Outcome[]> {
    const outcome = await running.get(name)?.runner.accept(digest)
    return outcome === undefined ? [] : [outcome]
  }

  return {
    async apply(sources, all = DEFAULT_GUARD) {
      guard = all
      fleet.configure(all)
      const names = new Set(sources.map(({ name }) => name))
      if (!isStarted) await restoreGone(names)
      const removed = [...running.values()].filter(({ name }) => !names.has(name))
      const added = sources.filter(({ name }) => !running.has(name))
      const changed = sources.flatMap((settings) => {
        const before = running.get(settings.name)
        return before === undefined || before.fingerprint === settings.fingerprint
          ? []
          : [{ settings, before }]
      })
      const fresh = [...added.map(({ name }) => name), ...changed.map(({ before }) => before.name)]
      const done = await Promise.allSettled([
        ...added.map((settings) => note(settings.name, add(settings))),
        ...changed.map(({ settings, before }) => note(settings.name, change(settings, before))),
        ...removed.map((before) => note(before.name, remove(before, fresh))),
      ])
      if (gone.size > 0 || store.removed().held.length > 0) await inTurn(settle)
      for (const one of done) if (one.status === 'rejected') throw one.reason
      return {
        added: added.map(({ name }) => name),
        changed: changed.map(({ settings }) => settings.name),
        removed: removed.map(({ name }) => name),
      }
    },
    guard: () => guard,
    start() {
      isStarted = true
      for (const one of running.values()) begin(one)
    },
    async refresh(name) {
      const asked = name === undefined ? [...running.keys()] : [name]
      const outcomes = await Promise.all(asked.map(refreshSettled))
      return outcomes.filter((one) => one !== undefined)
    },
    instances: (name) => running.get(name)?.source.instances,
    async accept(digest, name) {
      if (name !== undefined) return acceptOf(name, digest)
      const holding = [...running.values()].filter(({ runner }) =>
        runner.roll()?.held.some((held) => held.digest === digest),
      )
      const outcomes = await Promise.all(holding.map((one) => acceptOf(one.name, digest)))
      if (outcomes.flat().length > 0 || gone.size === 0) return outcomes.flat()
      const targets = () => store.removed().snapshots.reduce((sum, one) => sum + one.targets, 0)
      return (await inTurn(() => settle(digest)))
        ? [{ source: '', result: 'changed', targets: targets() }]
        : []
    },
    served(name) {
      const states: readonly SourceState[] = store.list()
      return states
        .filter((state) => name === undefined || name === state.name)
        .map((state) => {
          const { settings, runner } = running.get(state.name) as Running
          return { options: settings.plan, lastRead: runner.lastRead(), state }
        })
    },
    deafen() {
      for (const { source } of running.values()) source.deafen?.()
    },
    async stop() {
      await Promise.all([...running.values()].map(end))
    },
  }
}
