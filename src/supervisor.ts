import type { SourceSettings } from './config/settings.ts'
import type { ExplainInput } from './explain/worker.ts'
import type { Instances } from './model/registration.ts'
import type { OtherHeld, Outcome } from './refresh/refresh-once.ts'
import { begin, createRunning, end, type Running, type RunningDeps } from './running.ts'
import type { Kept } from './snapshot/disk.ts'
import type { SourceState } from './snapshot/store.ts'
import { originOf } from './sources/registry.ts'

/** The names of the sources that a new configuration added, changed and removed. */
export interface Applied {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** The sources at work: one loop each, from its source to the store. */
export interface Supervisor {
  /**
   * Makes these the sources. One that is as it was goes on undisturbed; a changed one begins anew, while what it
   * last served stays; a new one serves what was kept of it, or what a source of the same inventory served that goes, since it has only
   * another name now; the rest ends. Before the first `start` all of them
   * are waited for; one that is added later is left out of `/targets` until it has a list, since Prometheus
   * cannot lose what it never had. To be waited for before it is called again.
   * @throws what went wrong first, when all that could be done is done; the next call does the rest
   */
  apply(sources: readonly SourceSettings[]): Promise<Applied>
  /** Begins to refresh. */
  start(): void
  /** Refreshes one source, or all, now; one that is being changed, as soon as it is; nothing of one that is gone. */
  refresh(name?: string): Promise<Outcome[]>
  /** Serves the list of a source that the guard holds back, if it is the one with this digest; see Refresher. */
  accept(name: string, digest?: string): Promise<Outcome | OtherHeld | undefined>
  /** Where devices register with a source; undefined when it is no push source. */
  instances(name: string): Instances | undefined
  /** What can be explained of one source, or of all, in order of their names as everywhere. */
  served(name?: string): ExplainInput[]
  /** The server is about to stop, and may not be reached any more: what is not heard of stays known. */
  deafen(): void
  /** Ends every loop and lets go of every source. */
  stop(): Promise<void>
}

/** Creates a supervisor without sources. */
export function createSupervisor(deps: RunningDeps): Supervisor {
  const { store, metrics, log } = deps
  // Has every source that is in the store.
  const running = new Map<string, Running>()
  // What is being done to a source; it never rejects.
  const underWay = new Map<string, Promise<unknown>>()
  let isStarted = false

  /** @param heirOf the name of a source of the same inventory that goes */
  async function add(settings: SourceSettings, heirOf: string | undefined): Promise<void> {
    const { required, maxStalenessMs } = settings
    const list = heirOf === undefined ? undefined : listOf(heirOf)
    if (list !== undefined)
      log.info({ source: settings.name, before: heirOf }, 'a source has another name now')
    const one = createRunning(settings, deps)
    running.set(settings.name, one)
    store.add(settings.name, { required: required && (!isStarted || list !== undefined), maxStalenessMs })
    metrics.addSource(settings.name)
    await Promise.all([one.source.open?.(), one.refresher.restore(list)])
    if (isStarted) begin(one)
  }

  /** What a source serves, and since when that is right. */
  function listOf(name: string): Kept | undefined {
    const { snapshot, status } = store.get(name) as SourceState
    const lastSuccessMs = status?.lastSuccess?.wallMs
    return snapshot === undefined || lastSuccessMs === undefined ? undefined : { snapshot, lastSuccessMs }
  }

  async function change(settings: SourceSettings, before: Running): Promise<void> {
    const { name, maxStalenessMs } = settings
    const one = createRunning(settings, deps, before.source)
    await finish(name, before)
    if (one.source.register === undefined) await before.source.remove?.()
    await one.source.open?.()
    const required = settings.required && store.get(name)?.required === true
    store.configure(name, { required, maxStalenessMs })
    running.set(name, one)
    begin(one)
  }

  async function remove(name: string, before: Running): Promise<void> {
    await finish(name, before)
    await before.source.remove?.()
    await store.remove(name)
    running.delete(name)
    await metrics.removeSource(name)
  }

  /** Ends a source. Should anything fail from here on, it is none that the next configuration finds at work. */
  function finish(name: string, one: Running): Promise<void> {
    running.set(name, { ...one, fingerprint: undefined })
    return end(one)
  }

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
    return running.get(name)?.loop.refresh()
  }

  return {
    async apply(sources) {
      const names = new Set(sources.map(({ name }) => name))
      const removed = [...running].filter(([name]) => !names.has(name))
      const added = sources.filter(({ name }) => !running.has(name))
      const changed = sources.flatMap((settings) => {
        const before = running.get(settings.name)
        return before === undefined || before.fingerprint === settings.fingerprint
          ? []
          : [{ settings, before }]
      })
      const heirOf = ({ source }: SourceSettings) =>
        removed.find(([, { origin }]) => origin === originOf(source))?.[0]
      const come = Promise.allSettled([
        ...added.map((settings) => note(settings.name, add(settings, heirOf(settings)))),
        ...changed.map(({ settings, before }) => note(settings.name, change(settings, before))),
      ])
      // Not before: what goes on under another name is never missing.
      const go = removed.map(([name, before]) =>
        note(
          name,
          come.then(() => remove(name, before)),
        ),
      )
      const done = [...(await come), ...(await Promise.allSettled(go))]
      for (const one of done) if (one.status === 'rejected') throw one.reason
      return {
        added: added.map(({ name }) => name),
        changed: changed.map(({ settings }) => settings.name),
        removed: removed.map(([name]) => name),
      }
    },
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
    accept: async (name, digest) => running.get(name)?.refresher.accept(digest),
    served(name) {
      const states = store.list().filter((state) => name === undefined || name === state.name)
      return states.map((state) => {
        const { options, refresher } = running.get(state.name) as Running
        return { options, lastRead: refresher.lastRead(), state }
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
