import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Moment, momentNow } from './base/clock.ts'
import { HttpError, messageOf, RefreshError } from './base/errors.ts'
import { type Files, HangingFileError } from './base/files.ts'
import { createMemory, sealedValue } from './base/sealed-file.ts'
import { USER_AGENT } from './base/version.ts'
import type { Cluster, Member, Request } from './cluster/member.ts'
import type { SourceSettings } from './config/settings.ts'
import type { Served } from './explain/explain-served.ts'
import type { ExplainInput } from './explain/worker.ts'
import type { Instances } from './model/registration.ts'
import { createRoom } from './refresh/compute.ts'
import { fileSdOutput, type Output } from './refresh/outputs.ts'
import { createRunner, keepableOf, type Outcome, type Runner, type RunnerDeps } from './refresh/runner.ts'
import { createSeed, type Seed } from './refresh/seed.ts'
import { createRemoved } from './removed.ts'
import { createFleet, type FleetMemory } from './roll/fleet.ts'
import { type Before, createShelves, type FileOf, filesOf, originOf, type Shelf } from './roll/kept.ts'
import { DEFAULT_GUARD, type GuardOptions } from './roll/rules.ts'
import { lastSuccessMs, type SourceState } from './snapshot/store.ts'
import { addressesOf, type createSource } from './sources/kinds.ts'
import { encodeJournal } from './sources/push/journal.ts'
import { journalPath, type Registry } from './sources/push/registry.ts'
import { createPushReport } from './sources/push/report.ts'
import type { Source, SourceDeps } from './sources/source.ts'

/** The names of the sources that a new configuration added, changed and removed. */
export interface Applied {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** The dependencies of the supervisor. */
export interface SupervisorDeps extends Omit<RunnerDeps, 'fleet' | 'room' | 'sharing'> {
  readonly createSource: typeof createSource
  readonly files: Files
  /** Absolute path of the folder with the stored lists; undefined: nothing is stored. */
  readonly storagePath: string | undefined
  /** The peer to request lists from that are not stored here, before the first `start`; undefined: none. */
  readonly seedUrl?: URL | undefined
  /** The other replicas; undefined: there are none. */
  readonly cluster?: Cluster | undefined
}

/** Runs the sources, from their inventories to the store. */
export interface Supervisor {
  /**
   * Applies a configuration. Unchanged sources continue. A changed source starts again, and its last list stays served. A
   * new source serves its stored list. The targets of a removed source stay in `/targets` until the added and changed
   * sources have been read, and longer when too many targets would leave. Before the first `start`, and while there is no
   * `/targets`, it waits for all sources. A source that is added later is left out until it has a list, since Prometheus
   * cannot lose targets that it never had. Wait for the result before the next call.
   * @param guard the limits for all sources together
   * @throws the first error, after everything else was applied; the next call applies the rest
   */
  apply(sources: readonly SourceSettings[], guard?: GuardOptions): Promise<Applied>
  /** The limits for all sources together. */
  guard(): GuardOptions
  /** Starts the refreshes. */
  start(): void
  /** Refreshes one source, or all. One that is being changed is refreshed after the change; one that was removed is not. */
  refresh(name?: string): Promise<Outcome[]>
  /**
   * Lets held targets leave that an operator accepted.
   * @param digest of the held targets
   * @param name their source; undefined: any
   * @returns the result for each source; empty: no held targets have this digest
   */
  accept(digest: string, name?: string): Promise<Outcome[]>
  /** The registrations of a source; undefined when it is no `push` source. */
  instances(name: string): Instances | undefined
  /** The state to explain of one source, or of all, sorted by name. */
  served(name?: string): Served<ExplainInput>
  /**
   * The state of one moment, as the files of a storage folder: lists with their rolls, registrations, and the state of all
   * sources together.
   * @throws HttpError `backup_unavailable` while earlier registrations have not been read
   */
  keepable(): Promise<FileOf[]>
  /** The required sources with an inventory whose lists are older than three of their intervals. */
  outdated(): readonly string[]
  /** Stops the expiry of registrations, because devices may not reach a server that is about to stop. */
  pauseExpiry(): void
  /** Stops all sources. */
  stop(): Promise<void>
}

/** The file with the state of all sources together. No source has a name that begins with a dot. */
const FLEET_FILE = '.fleet.json'

/** The `Retry-After` of a backup that cannot be made yet, in seconds. */
const UNREAD_RETRY_SECONDS = 10

/** At the start, the first readings of sources with a stored list begin at this distance, in milliseconds. */
const BETWEEN_MS = 10

/** A list is outdated after this number of intervals. */
const INTERVALS = 3

/** After this number of consecutive failures to read a source, a replica lets another one try. */
const FAILURES = 2

/** A running source. */
interface Running {
  readonly name: string
  /** Identifies its settings; undefined: it has ended, or is about to. */
  readonly fingerprint: string | undefined
  readonly settings: SourceSettings
  readonly source: Source
  readonly shelf: Shelf | undefined
  readonly outputs: readonly Output[]
  readonly runner: Runner
}

/** Creates a supervisor without sources. */
export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, metrics, log, clock, files, storagePath, cluster } = deps
  const memoryPath = storagePath && join(storagePath, FLEET_FILE)
  const shelves = storagePath === undefined ? undefined : createShelves(files, storagePath)
  const memory = createMemory<FleetMemory>(files, memoryPath, log)
  const room = createRoom()
  const fleet = createFleet(DEFAULT_GUARD, () => memory.keep(() => fleet.memory(clock.monotonic())))
  // Every source that is in the store.
  const running = new Map<string, Running>()
  // The running changes, by source. They never reject.
  const underWay = new Map<string, Promise<unknown>>()
  const removed = createRemoved({
    ...deps,
    shelves,
    fleet,
    provesGone(name) {
      const one = running.get(name)
      // While a source is being changed, its runner has read the old inventory.
      return one === undefined || (one.fingerprint !== undefined && one.runner.provesGone())
    },
    unrecognised: (name) => running.get(name)?.runner.roll()?.seen.unrecognised ?? 0,
    word: () => guard.accept,
  })
  let guard: GuardOptions = DEFAULT_GUARD
  let isStarted = false

  /** Creates everything that a source needs, without starting it. */
  function create(settings: SourceSettings, before?: Source): Running {
    const { name } = settings
    const source = deps.createSource(settings.source, sourceDeps(settings), before)
    const shelf = shelves?.of(name, addressesOf(settings.source))
    const outputs: Output[] = settings.fileSd === undefined ? [] : [fileSdOutput(files, settings.fileSd)]
    if (shelf !== undefined && storagePath !== undefined) {
      outputs.push({ kind: 'storage', path: storagePath, keep: shelf.keep, remove: shelf.remove })
    }
    const selection = createHash('sha256')
      .update(JSON.stringify([settings.source, settings.plan]))
      .digest('hex')
    const runner = createRunner(
      { ...settings, selection, outputs },
      source,
      { ...deps, fleet, room, sharing: cluster?.sharing(name) },
      removed.settleSoon,
    )
    return { name, fingerprint: settings.fingerprint, settings, source, shelf, outputs, runner }
  }

  function sourceDeps({ name, source }: SourceSettings): SourceDeps {
    const storage = storagePath === undefined ? undefined : { folder: storagePath }
    const report = createPushReport(name, metrics, log)
    const peers = source.kind === 'push' ? cluster?.peers(name, source.ttlMs) : undefined
    return { clock, files, userAgent: USER_AGENT, push: { storage, report, peers } }
  }

  function begin({ runner, source }: Running, delayMs = 0): void {
    runner.start(delayMs)
    source.watch?.(() => void runner.refresh())
  }

  async function end({ runner, source }: Running): Promise<void> {
    await runner.stop()
    await source.close()
  }

  /**
   * @param isServing whether there is a `/targets` already, so that a source without a list may be left out of it
   * @param seed requests a list that is not stored here
   */
  async function add(settings: SourceSettings, isServing: boolean, seed: Seed | undefined): Promise<void> {
    const { name, required, maxStalenessMs, guard: own } = settings
    const one = create(settings)
    const before = removed.giveBack(name)
    running.set(name, one)
    store.add(name, {
      required: required && (!isServing || before !== undefined),
      maxStalenessMs,
      holdMs: own.holdMs,
    })
    metrics.addSource(name)
    // It may have been removed from the configuration, and be back.
    if (before !== undefined) one.runner.takeOver(before)
    const restored =
      before === undefined ? one.runner.restore((now) => loadOwn(one, now, seedOf(one, seed))) : undefined
    const [, kept] = await Promise.all([one.source.open?.(), restored])
    await cluster?.join(name, memberOf(one), kept?.position)
    if (isStarted) begin(one)
  }

  /** The part of a source that replicas share. */
  function memberOf({ name, runner }: Running): Member {
    return {
      follow: runner.follow,
      refresh: async () => (isStarted ? runner.refresh() : undefined),
      accept: runner.accept,
      isFailing: () => (store.get(name)?.status.failures ?? 0) >= FAILURES,
    }
  }

  /** Not for `push` sources: the devices that a peer knows may not have registered here yet. */
  function seedOf({ source }: Running, seed: Seed | undefined): Seed | undefined {
    return source.registry === undefined ? seed : undefined
  }

  /**
   * The stored list of a source, or that of a peer if there is none or it cannot be used, as after an upgrade from a version
   * with another format. A list of another inventory is treated as that of a removed source.
   */
  async function loadOwn(
    { name, shelf }: Running,
    now: Moment,
    seed: Seed | undefined,
  ): Promise<Before | undefined> {
    const kept = await shelf?.load(now).catch((error) => {
      // The list may be good if the disk fails or hangs.
      const isOfDisk =
        error instanceof HangingFileError || (error as NodeJS.ErrnoException).code !== undefined
      if (seed === undefined || isOfDisk) throw error
      const noted = { path: storagePath, error: messageOf(error) }
      store.setFileError(name, 'storage', noted)
      log.warn({ source: name, ...noted }, 'the stored list is not used')
      return undefined
    })
    if (kept === undefined) return seed?.load(name, now.monotonicMs)
    if (kept.otherOrigin === undefined) return kept
    await removed.restoreOther(name, kept)
    return undefined
  }

  async function change(settings: SourceSettings, before: Running): Promise<void> {
    const { name, maxStalenessMs, guard: own } = settings
    await finish(before)
    const one = create(settings, before.source)
    one.runner.goOn(before.runner.roll())
    if (one.source.registry === undefined) await before.source.remove?.()
    if (settings.fileSd !== before.settings.fileSd) await removeOutputs(before, 'file_sd')
    await one.source.open?.()
    const required = settings.required && store.get(name)?.required === true
    store.configure(name, { required, maxStalenessMs, holdMs: own.holdMs })
    running.set(name, one)
    await cluster?.join(name, memberOf(one))
    if (isStarted) begin(one)
  }

  async function remove(before: Running, waitsFor: readonly string[]): Promise<void> {
    const { name } = before
    await finish(before)
    const list = before.runner.known()
    const removeAll = async () => {
      await removeOutputs(before)
      await before.source.remove?.()
    }
    if (list !== undefined) {
      const origin = originOf(addressesOf(before.settings.source))
      removed.take(name, { ...list, origin, remove: removeAll }, waitsFor)
    }
    // In the same step, so that `/targets` never has it twice or not at all.
    store.remove(name)
    running.delete(name)
    fleet.forget(name)
    room.take(name, 0)
    await cluster?.leave(name)
    await metrics.removeSource(name)
    if (list === undefined) await removeAll()
  }

  /** Ends a source. If anything fails from here on, the next configuration does not find it running. */
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

  // All sources.

  /** Notes a change of a source while it runs. */
  function note(name: string, work: Promise<void>): Promise<void> {
    const done = work.finally(() => underWay.delete(name))
    underWay.set(
      name,
      done.catch(() => {}),
    )
    return done
  }

  function listsOf() {
    const own = [...running.values()].flatMap(({ name, settings, runner }) => {
      const known = runner.known()
      const list = known && keepableOf(known)
      return list === undefined ? [] : [{ name, origin: originOf(addressesOf(settings.source)), list }]
    })
    return [...own, ...removed.keepables()]
  }

  async function refreshSettled(name: string): Promise<Outcome | undefined> {
    // Not those that have ended or are not ready.
    await underWay.get(name)
    const runner = running.get(name)?.runner
    if (runner === undefined || readerOf(name) === undefined) return runner?.refresh()
    return askReader({ kind: 'refresh', source: name })
  }

  /** Asks the replica that reads a source to do it, and returns its result. */
  async function askReader(request: Request): Promise<Outcome> {
    const { source } = request
    const reader = readerOf(source)
    const answer = await (cluster as Cluster).ask(request).catch((error: unknown) => messageOf(error))
    const outcome = { source, targets: store.get(source)?.snapshot?.targets ?? 0 }
    if (typeof answer === 'object' && answer.result !== 'failed') return { ...outcome, result: answer.result }
    const nothing = 'nothing came of it in time; ask that replica'
    const why = typeof answer === 'object' ? answer.why : (answer ?? nothing)
    const error = new RefreshError('timeout', `the replica ${reader} reads it: ${why}`)
    return { ...outcome, result: 'failed', error }
  }

  /** The replica that reads a source; undefined: this one. */
  function readerOf(name: string): string | undefined {
    const shared = cluster?.statusOf(name)
    return shared === undefined || shared.isReader ? undefined : (shared.reader ?? 'that is not known')
  }

  async function acceptOf(name: string, digest: string): Promise<Outcome[]> {
    await underWay.get(name)
    const runner = running.get(name)?.runner
    const isHeld = runner?.roll()?.held.some((held) => held.digest === digest)
    const outcome =
      isHeld === true && readerOf(name) !== undefined
        ? await askReader({ kind: 'accept', source: name, digest })
        : await runner?.accept(digest)
    return outcome === undefined ? [] : [outcome]
  }

  return {
    async apply(sources, all = DEFAULT_GUARD) {
      guard = all
      fleet.configure(all)
      const names = new Set(sources.map(({ name }) => name))
      const kept = isStarted ? undefined : await memory.load()
      if (kept !== undefined) fleet.restore(kept, clock.monotonic())
      const isServing = isStarted && store.combined().snapshot !== undefined
      const leaving = [...running.values()].filter(({ name }) => !names.has(name))
      const added = sources.filter(({ name }) => !running.has(name))
      const changed = sources.flatMap((settings) => {
        const before = running.get(settings.name)
        return before === undefined || before.fingerprint === settings.fingerprint
          ? []
          : [{ settings, before }]
      })
      const fresh = [...added.map(({ name }) => name), ...changed.map(({ before }) => before.name)]
      removed.waitFor(fresh)
      const seed =
        isStarted || deps.seedUrl === undefined
          ? undefined
          : createSeed(deps.seedUrl, { clock, log, userAgent: USER_AGENT })
      const done = await Promise.allSettled([
        ...added.map((settings) => note(settings.name, add(settings, isServing, seed))),
        ...changed.map(({ settings, before }) => note(settings.name, change(settings, before))),
        ...leaving.map((before) => note(before.name, remove(before, fresh))),
      ])
      await seed?.close()
      if (!isStarted) await removed.restore(names)
      await removed.settle()
      for (const one of done) if (one.status === 'rejected') throw one.reason
      return {
        added: added.map(({ name }) => name),
        changed: changed.map(({ settings }) => settings.name),
        removed: leaving.map(({ name }) => name),
      }
    },
    guard: () => guard,
    start() {
      isStarted = true
      // Sources that serve a stored list wait a little, so that the first requests are answered at once.
      let waitMs = 0
      for (const one of running.values()) {
        const isServed = store.get(one.name)?.snapshot !== undefined
        begin(one, isServed ? Math.min(waitMs, one.settings.refreshIntervalMs) : 0)
        if (isServed) waitMs += BETWEEN_MS
      }
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
      if (outcomes.flat().length > 0) return outcomes.flat()
      const left = await removed.settle(digest)
      return left.map((source) => ({ source, result: 'changed', targets: 0 }))
    },
    served(name) {
      const isAsked = (source: string) => name === undefined || name === source
      const states = store.list().filter((state) => isAsked(state.name))
      const sources = states.map((state) => {
        const { settings, runner } = running.get(state.name) as Running
        const reader = readerOf(state.name)
        return { options: settings.plan, lastRead: runner.lastRead(), state, reader }
      })
      return { sources, removed: removed.served().filter(({ source }) => isAsked(source)) }
    },
    async keepable() {
      await Promise.all(underWay.values())
      // All of one moment, because nothing changes before the first await.
      const now = momentNow(clock)
      const lists = listsOf()
      const registered = [...running.values()].flatMap(({ name, source: { registry } }) =>
        registry === undefined ? [] : [{ name, lines: linesOf(name, registry) }],
      )
      const all = fleet.memory(now.monotonicMs)
      const kept = await Promise.all(lists.map(({ name, origin, list }) => filesOf(name, origin, list, now)))
      const journals = registered.map(async ({ name, lines }) => {
        return { path: journalPath(name), pieces: [await encodeJournal(lines)] }
      })
      return [
        ...kept.flat(),
        ...(await Promise.all(journals)),
        { path: FLEET_FILE, pieces: await sealedValue(all) },
      ]
    },
    outdated() {
      const nowMs = clock.monotonic()
      return [...running.values()].flatMap(({ name, settings, source }) => {
        const state = store.get(name) as SourceState
        const isOld = nowMs - lastSuccessMs(state) > INTERVALS * settings.refreshIntervalMs
        // `push` sources have no inventory here to read without the store, and optional ones keep nobody away.
        const counts = source.registry === undefined && state.required && state.snapshot !== undefined
        return isOld && counts ? [name] : []
      })
    },
    pauseExpiry() {
      for (const { source } of running.values()) source.pauseExpiry?.()
    },
    async stop() {
      await Promise.all([...running.values()].map(end))
      await cluster?.stop()
      await memory.settled()
    },
  }
}

/** @throws HttpError `backup_unavailable` while earlier registrations have not been read */
function linesOf(name: string, { table, settledMs }: Registry): readonly string[] {
  if (settledMs !== Number.POSITIVE_INFINITY) return table.lines()
  throw new HttpError(
    'backup_unavailable',
    `the earlier registrations of ${name} have not been read yet, and a backup would lack them; try again, or look at the disk`,
    UNREAD_RETRY_SECONDS,
  )
}
