import { Readable } from 'node:stream'
import type { Test } from 'tap'
import { type Connections, createConnections } from '../../src/base/connections.ts'
import { createMetrics, type Metrics } from '../../src/base/metrics.ts'
import { createThreads } from '../../src/base/threads.ts'
import { createApp } from '../../src/http/app.ts'
import type { HttpDeps, Limits, RefreshAnswer } from '../../src/http/deps.ts'
import { createPollers } from '../../src/http/pollers.ts'
import { createRefusals } from '../../src/http/refusals.ts'
import type { ConfigView } from '../../src/model/config-view.ts'
import type { ExplainAnswer } from '../../src/model/explanation.ts'
import type { HistoryStatus } from '../../src/model/history.ts'
import type { Instances } from '../../src/model/registration.ts'
import { freeze } from '../../src/snapshot/freeze.ts'
import { createSearcher } from '../../src/snapshot/search.ts'
import { createStore, INITIAL_STATUS, type SourceStatus, type Store } from '../../src/snapshot/store.ts'
import { createViews } from '../../src/snapshot/views.ts'
import { pagesRoutes } from '../../src/ui/routes.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { encodeGroups } from './encode-groups.ts'
import { recordingLog } from './log.ts'

/** How long a view that turned empty is not believed, in milliseconds. */
export const HOLD_MS = 900_000

/** The read half over a real store, without a write half: the test publishes. */
export async function readHalf(
  t: Test,
  options: {
    enableLifecycle?: boolean
    sources?: string[]
    maxStalenessMs?: number
    maxConnections?: number
    limits?: Partial<Limits>
    connections?: Connections
    web?: HttpDeps['web']
    externalUrl?: URL
    disableExplain?: boolean
    readyMaxAgeMs?: number
    cluster?: HttpDeps['cluster']
    scrapes?: HttpDeps['scrapes']
    history?: HttpDeps['history']
    historyStatus?: HistoryStatus
    reloadFailure?: ReturnType<HttpDeps['reloadFailure']>
    /** What a write half of the test's own works on. */
    over?: { clock: ManualClock; store: Store; metrics: Metrics }
  } = {},
) {
  const { clock, store, metrics } = options.over ?? {
    clock: manualClock(),
    store: createStore(),
    metrics: createMetrics('1.2.3'),
  }
  const { log, lines } = recordingLog('warn')
  for (const source of options.sources ?? ['sensors'])
    store.add(source, {
      required: true,
      maxStalenessMs: options.maxStalenessMs ?? Number.POSITIVE_INFINITY,
      holdMs: HOLD_MS,
    })
  const state = {
    draining: false,
    refreshed: [] as (string | undefined)[],
    answers: [] as RefreshAnswer[],
    refreshError: undefined as Error | undefined,
    accepted: [] as (readonly [digest: string, source: string | undefined])[],
    acceptAnswer: undefined as RefreshAnswer[] | undefined,
    reloadError: undefined as Error | undefined,
    instances: {} as Record<string, Instances>,
    backups: 0,
    backup: () => Readable.from([Buffer.from('a backup')]),
    asked: [] as [query: string, source: string | undefined][],
    explanation: {} as Partial<ExplainAnswer>,
    configView: { settings: [], configuration: undefined } as ConfigView,
  }
  const threads = createThreads()
  t.teardown(() => threads.close())
  const views = createViews(threads, clock)
  const app = await createApp(
    {
      enableLifecycle: options.enableLifecycle ?? false,
      version: '1.2.3',
      limits: options.limits ?? {},
      externalUrl: options.externalUrl,
      disableExplain: options.disableExplain ?? false,
      pages: pagesRoutes,
      ...(options.readyMaxAgeMs !== undefined && { readyMaxAgeMs: options.readyMaxAgeMs }),
    },
    {
      store,
      views,
      metrics,
      clock,
      log,
      connections:
        options.connections ??
        createConnections(
          options.maxConnections === undefined ? {} : { connections: options.maxConnections },
        ),
      web: options.web,
      cluster: options.cluster,
      scrapes: options.scrapes,
      configView: () => state.configView,
      pollers: createPollers({ clock, metrics }),
      refusals: createRefusals(clock),
      reportRefusal: (reason) => metrics.http.refused.inc({ reason }),
      isDraining: () => state.draining,
      refresh: async (source) => {
        state.refreshed.push(source)
        if (state.refreshError !== undefined) throw state.refreshError
        return state.answers
      },
      holdMs: () => HOLD_MS,
      accept: async (digest, source) => {
        state.accepted.push([digest, source])
        return state.acceptAnswer
      },
      instances: (source) => state.instances[source],
      reload: async () => {
        if (state.reloadError !== undefined) throw state.reloadError
        return true
      },
      reloadFailure: () => options.reloadFailure,
      history: options.history,
      historyStatus: () => options.historyStatus,
      backup: async () => {
        state.backups++
        return state.backup()
      },
      search: createSearcher(threads),
      explain: async (query, source) => {
        state.asked.push([query, source])
        return { query, matches: 0, explanations: [], verdict: 'not in the inventory', ...state.explanation }
      },
    },
  )
  t.teardown(() => app.close())
  return {
    app,
    views,
    clock,
    store,
    metrics,
    state,
    lines,
    /** Publishes addresses as one group and sets the source's last success to now. */
    async publish(name: string, addresses: string[], status: Partial<SourceStatus> = {}) {
      const body = encodeGroups(
        addresses.length === 0 ? [] : [{ targets: addresses, labels: [['source', name]] }],
      )
      store.publish(
        name,
        await freeze(body, { groups: Math.min(1, addresses.length), targets: addresses.length }, clock.now()),
      )
      const lastSuccess = { wallMs: clock.now(), monotonicMs: clock.monotonic() }
      store.setStatus(name, { ...INITIAL_STATUS, lastSuccess, records: addresses.length, ...status })
    },
  }
}
