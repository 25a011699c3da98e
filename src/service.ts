import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Clock } from './base/clock.ts'
import { explainListen, urlOf } from './base/listening.ts'
import type { Logger } from './base/logger.ts'
import type { Metrics } from './base/metrics.ts'
import { USER_AGENT, version } from './base/version.ts'
import type { Settings, SourceSettings } from './config/settings.ts'
import { explainServed, type ServedSource } from './explain/explain-served.ts'
import { type Explainable, explainableOf } from './explain/find-records.ts'
import { createApp } from './http/app.ts'
import { closeWhenSettled, createConnections } from './http/connections.ts'
import { compilePlan } from './pipeline/plan.ts'
import { createLoop, type Loop } from './refresh/loop.ts'
import type { Output } from './refresh/outputs.ts'
import { createRefresher, type Outcome, type Refresher } from './refresh/refresh-once.ts'
import { createDiskCopy, type DiskCopy } from './snapshot/disk.ts'
import { createStore, type Store } from './snapshot/store.ts'
import { writeTargetFile } from './snapshot/target-file.ts'
import { createSource } from './sources/registry.ts'
import type { Source } from './sources/source.ts'

/** What the service needs from outside. */
export interface ServiceDeps {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Logger
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/** A running Rollcall. */
export interface Service {
  /** Where it listens, as a URL for people: a host that other programs of this machine reach. */
  readonly url: string
  /**
   * Stops: `/ready` turns 503 at once, `/targets` goes on answering for the drain delay, requests in
   * flight finish, then connections, loops and sources are closed.
   */
  stop(): Promise<void>
}

/**
 * The composition root: joins sources, loops, store and server, listens, and starts refreshing.
 * @throws StartError when the address cannot be listened on
 */
export async function startService(settings: Settings, deps: ServiceDeps): Promise<Service> {
  const { clock, metrics, log } = deps
  const store = createStore()
  const running = new Map<string, Running>()
  for (const source of settings.sources) {
    store.add(source.name, source)
    running.set(source.name, createRunning(source, settings.storagePath, deps, store))
  }
  // Before the first request can come in, so that not even that one finds nothing.
  await Promise.all([...running.values()].map(({ refresher }) => refresher.restore()))
  metrics.config.successful.set(1)
  metrics.config.successTimestamp.set(clock.now() / 1000)

  let draining = false
  const connections = createConnections()
  const app = await createApp(
    { enableLifecycle: settings.web.enableLifecycle, version },
    {
      store,
      metrics,
      clock,
      log,
      connections,
      isDraining: () => draining,
      refresh: (name) => refreshNow(running, name),
      explain: (query, name) => explainServed(query, servedSources(running, store, name)),
    },
  )
  const url = await listen(app, settings)
  for (const { loop, source } of running.values()) {
    loop.start()
    source.watch?.(() => void loop.refresh())
  }

  return {
    url,
    async stop() {
      draining = true
      await new Promise<void>((resolve) => void clock.after(settings.web.drainDelayMs, resolve))
      await closeWhenSettled(app, connections)
      await Promise.all([...running.values()].map(({ loop }) => loop.stop()))
      await Promise.all([...running.values()].map(({ source }) => source.close()))
    },
  }
}

/** One source at work. */
interface Running {
  readonly source: Source
  readonly refresher: Refresher
  readonly loop: Loop
  readonly explainable: Explainable
}

function createRunning(
  settings: SourceSettings,
  storagePath: string | undefined,
  deps: ServiceDeps,
  store: Store,
): Running {
  const source = createSource(settings.source, { clock: deps.clock, userAgent: USER_AGENT })
  const plan = compilePlan(settings.plan)
  const disk = storagePath === undefined ? undefined : createDiskCopy(storagePath, settings.name)
  const refresher = createRefresher(
    {
      name: settings.name,
      source,
      plan,
      guard: settings.guard,
      timeoutMs: settings.timeoutMs,
      intervalMs: settings.refreshIntervalMs,
      outputs: [...fileSdOutput(settings.fileSd), ...storageOutput(disk)],
      load: disk?.load,
    },
    { ...deps, store },
  )
  const loop = createLoop(refresher.once, settings.refreshIntervalMs, deps)
  return { source, refresher, loop, explainable: explainableOf(settings.plan, plan) }
}

function fileSdOutput(path: string | undefined): Output[] {
  return path === undefined ? [] : [{ kind: 'file_sd', write: ({ body }) => writeTargetFile(path, body) }]
}

function storageOutput(disk: DiskCopy | undefined): Output[] {
  return disk === undefined ? [] : [{ kind: 'storage', write: disk.save, confirm: disk.confirm }]
}

function refreshNow(running: ReadonlyMap<string, { loop: Loop }>, name?: string): Promise<Outcome[]> {
  const loops = [...running].filter(([one]) => name === undefined || one === name)
  return Promise.all(loops.map(([, { loop }]) => loop.refresh()))
}

/** What can be explained of one source, or of all, in order of their names as everywhere. */
function servedSources(running: ReadonlyMap<string, Running>, store: Store, name?: string): ServedSource[] {
  const states = store.list().filter((state) => name === undefined || name === state.name)
  return states.map((state) => {
    const { explainable, refresher } = running.get(state.name) as Running
    return { ...explainable, lastRead: refresher.lastRead(), state }
  })
}

async function listen(app: FastifyInstance, { web: { listenAddress } }: Settings): Promise<string> {
  const { host = '', port } = listenAddress
  try {
    // To the platform an empty host is every interface: IPv6 and IPv4, or IPv4 where there is no IPv6.
    await app.listen({ port, host })
  } catch (error) {
    await app.close()
    throw explainListen(error as NodeJS.ErrnoException, `${host}:${port}`, '--web.listen-address')
  }
  return urlOf(app.server.address() as AddressInfo)
}
