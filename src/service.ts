import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { PENDING } from './backup/paths.ts'
import type { Clock } from './base/clock.ts'
import { closeWhenSettled, createConnections } from './base/connections.ts'
import { HttpError, messageOf } from './base/errors.ts'
import type { Files } from './base/files.ts'
import { type FolderLock, lockFolder } from './base/folder-lock.ts'
import { explainListen, urlOf } from './base/listening.ts'
import type { Logger } from './base/logger.ts'
import type { Metrics } from './base/metrics.ts'
import { createMutex } from './base/mutex.ts'
import { createMemory, sealedValue } from './base/sealed-file.ts'
import { createThreads } from './base/threads.ts'
import { USER_AGENT, version } from './base/version.ts'
import type { Settings } from './config/settings.ts'
import { createExplainer } from './explain/explainer.ts'
import { withPast } from './explain/past.ts'
import { createHistory, type OwnHistory } from './history/history.ts'
import { createApp } from './http/app.ts'
import type { ReloadFailure } from './http/deps.ts'
import { createPollers } from './http/pollers.ts'
import { createRefusals } from './http/refusals.ts'
import { maskText } from './model/mask-text.ts'
import type { Loop, LoopDeps } from './prometheus/loop.ts'
import type { PrometheusOptions } from './prometheus/resolve.ts'
import { createSearcher } from './snapshot/search.ts'
import { createStore } from './snapshot/store.ts'
import { createViews, type Views } from './snapshot/views.ts'
import { createSource } from './sources/kinds.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'
import { pagesRoutes } from './ui/routes.ts'
import { createReport, REFUSALS, type ReportRefusal } from './web/access.ts'
import type { Web } from './web/web.ts'

type Load = () => Promise<
  Pick<Settings, 'sources' | 'guard' | 'warnings' | 'cluster' | 'prometheus' | 'view'>
>

/** The dependencies of the service. */
export interface ServiceDeps {
  readonly clock: Clock
  readonly files: Files
  readonly metrics: Metrics
  readonly log: Logger
  /** 0 to 1, as Math.random. */
  readonly random: () => number
  /** Loads the configuration file again; throws UsageError when it is wrong. Undefined: there is no file. */
  readonly load: Load | undefined
}

/** A running Rollcall. */
export interface Service {
  /** The URL that it listens on, with a host that other programs of this machine can reach. */
  readonly url: string
  /**
   * Loads the configuration file again and applies it. Flags and variables stay as they were at the start.
   * @returns false when there is no configuration file
   * @throws UsageError when it is wrong; then everything stays as it is
   */
  reload(): Promise<boolean>
  /**
   * Stops: `/ready` answers 503 at once, `/targets` still answers during the drain delay, requests in
   * flight finish, then connections and sources are closed.
   */
  stop(): Promise<void>
}

/** The largest number of documents that are mapped while they arrive, at a time; others wait within their timeout. */
const MAX_STREAMS = 4

/**
 * The composition root: connects sources, store and server, listens, and starts the refreshes.
 * @throws StartError when the address cannot be listened on, or another Rollcall uses the storage folder; UsageError for a wrong web configuration file
 */
export async function startService(settings: Settings, deps: ServiceDeps): Promise<Service> {
  const { clock, metrics, log } = deps
  const reportRefusal = createReport((reason) => deps.metrics.http.refused.inc({ reason }), deps.log, clock)
  const web = await openWebFile(settings, deps, reportRefusal)
  const store = createStore()
  const threads = createThreads()
  // Separate threads, so that nothing waits for a large document that arrives slowly.
  const streams = createThreads(undefined, MAX_STREAMS)
  // Separate threads, so that refreshes never wait for explanations and searches.
  const explaining = createThreads(undefined, 1)
  const explain = createExplainer(explaining)
  const { storagePath, seedUrl } = settings
  const lock = storagePath === undefined ? undefined : await lockStorage(storagePath, deps)
  if (storagePath !== undefined) await finishRestore(storagePath, deps)
  const memory = createMemory<readonly string[]>(
    deps.files,
    storagePath && join(storagePath, VIEWS_FILE),
    log,
  )
  const views = createViews(threads, clock, await memory.load(), memory.keep)
  const history =
    settings.history &&
    createHistory(
      { ...settings.history, storagePath, isShared: settings.cluster !== undefined },
      { ...deps, threads, metrics: metrics.history },
    )
  // Loaded only here: most servers are alone.
  const cluster =
    settings.cluster &&
    (await (await import('./cluster/open.ts')).openCluster(settings.cluster, { ...deps, history }))
  const supervisor = createSupervisor({
    ...deps,
    store,
    threads,
    streams,
    createSource,
    storagePath,
    seedUrl,
    cluster,
    history,
  })
  // Stored lists are read before the server listens, so that even the first request gets its list.
  const applied = supervisor.apply(settings.sources, settings.guard)
  let reloadFailure: ReloadFailure | undefined
  const reload =
    deps.load === undefined
      ? refuseReload(deps)
      : createReload(
          { supervisor, asking: (options) => asking.apply(options) },
          deps.load,
          deps,
          settings.cluster?.fingerprint,
          (now, failure) => {
            view = now ?? view
            reloadFailure = failure
          },
        )
  let draining = false
  let view = settings.view
  const connections = createConnections()
  const pollers = createPollers({ clock, metrics })
  const asking = createAsking({
    ...deps,
    store,
    threads,
    externalUrl: settings.web.externalUrl,
    userAgent: USER_AGENT,
    polled: () =>
      pollers.list().flatMap(({ url, fetched }) => (fetched === undefined ? [] : [{ ...fetched, url }])),
  })
  for (const reason of REFUSALS) metrics.http.refused.inc({ reason }, 0)
  const created = createApp(
    { ...settings.web, version, pages: pagesRoutes },
    {
      store,
      views,
      metrics,
      clock,
      log,
      connections,
      web,
      reportRefusal,
      pollers,
      refusals: createRefusals(clock),
      get scrapes() {
        return asking.loop()
      },
      cluster: cluster && { ...cluster, outdated: supervisor.outdated },
      history,
      historyStatus: () => history?.status(),
      isDraining: () => draining,
      refresh: supervisor.refresh,
      holdMs: () => supervisor.guard().holdMs,
      accept: async (digest, source) => {
        const outcomes = await supervisor.accept(digest, source)
        if (outcomes.length > 0) return outcomes
        return source === undefined && views.accept(digest) ? [] : undefined
      },
      instances: supervisor.instances,
      configView: () => view,
      reload,
      reloadFailure: () => reloadFailure,
      backup: () => makeBackup(settings, { supervisor, views, history, clock, log }),
      search: createSearcher(explaining),
      async explain(query, name) {
        const answer = await explain(query, supervisor.served(name))
        return withPast(answer, name, { history, reloadFailure, nowMs: clock.now() })
      },
    },
  )
  const [app] = await Promise.all([created, applied])
  metrics.config.successful.set(1)
  metrics.config.successTimestamp.set(clock.now() / 1000)
  const url = await listen(app, settings, web?.createServer !== undefined)
  supervisor.start()
  await asking.apply(settings.prometheus)

  return {
    url,
    reload,
    async stop() {
      draining = true
      supervisor.pauseExpiry()
      await new Promise<void>((resolve) => void clock.after(settings.web.drainDelayMs, resolve))
      await closeWhenSettled(app, connections)
      await asking.close()
      await supervisor.stop()
      await Promise.all([memory.settled(), history?.close()])
      await lock?.release()
      await web?.close()
      await Promise.all([threads.close(), streams.close(), explaining.close()])
    },
  }
}

/** The queries to the configured Prometheus servers. */
interface Asking {
  /** Undefined: no Prometheus server is configured. */
  loop(): Loop | undefined
  /** Applies a configuration. An unchanged one continues. */
  apply(options: PrometheusOptions | undefined): Promise<void>
  /** Stops for good. */
  close(): Promise<void>
}

function createAsking(deps: LoopDeps): Asking {
  const mutex = createMutex()
  let current: { readonly loop: Loop; readonly fingerprint: string } | undefined
  let isClosed = false

  async function replace(wanted: PrometheusOptions | undefined): Promise<void> {
    const options = isClosed ? undefined : wanted
    if (options?.fingerprint === current?.fingerprint) return
    await current?.loop.close()
    current = undefined
    if (options === undefined) return
    // Loaded only here: most servers ask none.
    const { startLoop } = await import('./prometheus/loop.ts')
    current = { loop: startLoop(options, deps), fingerprint: options.fingerprint }
  }

  return {
    loop: () => current?.loop,
    apply: (options) => mutex(() => replace(options)),
    close() {
      isClosed = true
      return mutex(() => replace(undefined))
    },
  }
}

/** @throws StartError when another Rollcall uses the folder */
function lockStorage(path: string, { files, log }: ServiceDeps): Promise<FolderLock | undefined> {
  return lockFolder(files, path, (error) => {
    const advice = 'the folder of --storage.path is not locked; see to it that no other Rollcall uses it'
    log.warn({ path, error: messageOf(error) }, advice)
  })
}

/** The file with the views that had targets. No source has a name that begins with a dot. */
const VIEWS_FILE = '.views.json'

/** Finishes a restore that was interrupted. If this fails, the server starts all the same. */
async function finishRestore(storagePath: string, { files, log }: ServiceDeps): Promise<void> {
  const path = join(storagePath, PENDING)
  try {
    if ((await files.look(path)) === undefined) return
    // Loaded only here: hardly any start needs it.
    const { unpackPending } = await import('./backup/install.ts')
    await unpackPending(files, storagePath)
    log.info({ path }, 'a restore that was interrupted is finished')
  } catch (error) {
    log.warn(
      { path, error: messageOf(error) },
      'a restore that was interrupted is not finished; the next start tries again, and replaces what is kept until then: restart once the cause is repaired, or delete this file',
    )
  }
}

/** @throws HttpError `backup_unavailable` */
async function makeBackup(
  { signingKey }: Settings,
  {
    supervisor,
    views,
    history,
    clock,
    log,
  }: Pick<ServiceDeps, 'clock' | 'log'> & {
    supervisor: Supervisor
    views: Views
    history: OwnHistory | undefined
  },
): Promise<Readable> {
  // Loaded only here: backups are rare.
  const { packArchive } = await import('./backup/archive.ts')
  const key = await signingKey?.reveal().catch((error) => {
    throw new HttpError('backup_unavailable', `the backup cannot be signed: ${messageOf(error)}`)
  })
  const parts = await supervisor.keepable()
  const known = { path: VIEWS_FILE, pieces: await sealedValue(views.known()) }
  // If the disk fails, the rest is still backed up.
  const past = await history?.parts().catch((error) => {
    log.warn({ error: messageOf(error) }, 'the backup is without the history, which cannot be read')
  })
  return packArchive([...parts, known, ...(past ?? [])], { rollcall: version, atMs: clock.now() }, key)
}

/** Opens the web configuration file. Its code is loaded only when there is one. */
async function openWebFile(
  { web: { configFile } }: Settings,
  { clock, files, log, metrics }: ServiceDeps,
  report: ReportRefusal,
): Promise<Web | undefined> {
  metrics.config.webSuccessful.set(1)
  if (configFile === undefined) return undefined
  const [{ openWeb }, { webFileLoader }] = await Promise.all([
    import('./web/web.ts'),
    import('./config/web-file.ts'),
  ])
  const onReload = (isInForce: boolean) => metrics.config.webSuccessful.set(isInForce ? 1 : 0)
  return openWeb(webFileLoader(configFile), { clock, files, log, report, onReload })
}

/** Without a configuration file there is nothing to reload; the metric stays as it is. */
function refuseReload({ log }: ServiceDeps): () => Promise<boolean> {
  return async () => {
    log.warn('nothing to reload: there is no configuration file; for flags and variables restart Rollcall')
    return false
  }
}

/** Reloads one at a time. A failed reload changes only the metric and the log. */
function createReload(
  { supervisor, asking }: { readonly supervisor: Supervisor; readonly asking: Asking['apply'] },
  load: Load,
  { log, metrics, clock }: ServiceDeps,
  inForce: string | undefined,
  onEnd: (view: Settings['view'] | undefined, failure: ReloadFailure | undefined) => void,
): () => Promise<boolean> {
  const mutex = createMutex()

  async function reload(): Promise<boolean> {
    let state = 'configuration not reloaded; the old one stays'
    try {
      const { sources, guard, warnings, cluster, prometheus, view } = await load()
      for (const warning of warnings) log.warn(warning)
      if (cluster?.fingerprint !== inForce)
        log.warn('cluster has changed in the configuration file; restart Rollcall to apply it')
      state = 'configuration reloaded in part; the next reload does the rest'
      const applied = await supervisor.apply(sources, guard)
      await asking(prometheus)
      metrics.config.successful.set(1)
      metrics.config.successTimestamp.set(clock.now() / 1000)
      onEnd(view, undefined)
      log.info(applied, 'configuration reloaded')
      return true
    } catch (error) {
      metrics.config.successful.set(0)
      onEnd(undefined, { atMs: clock.now(), message: maskText(messageOf(error), () => {}) })
      log.error({ error: messageOf(error) }, state)
      throw error
    }
  }

  return () => mutex(reload)
}

async function listen(
  app: FastifyInstance,
  { web: { listenAddress } }: Settings,
  isTls: boolean,
): Promise<string> {
  const { host = '', port } = listenAddress
  try {
    // To the platform an empty host is every interface: IPv6 and IPv4, or IPv4 where there is no IPv6.
    await app.listen({ port, host })
  } catch (error) {
    await app.close()
    throw explainListen(error as NodeJS.ErrnoException, `${host}:${port}`, '--web.listen-address')
  }
  return urlOf(app.server.address() as AddressInfo, isTls)
}
