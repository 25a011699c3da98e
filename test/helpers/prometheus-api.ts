import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scope } from './scope.ts'

/** What a test says of a target. */
export interface ReportedTarget {
  readonly address: string
  readonly source?: string
  readonly pool?: string
  readonly url?: string
  readonly health?: string
  readonly lastError?: string
  readonly lastScrape?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** A server with Prometheus's API that says what a test wants. */
export async function prometheusApi(t: Scope) {
  const state = {
    /** Undefined: it does not tell its configuration. */
    yaml: 'scrape_configs: [{ job_name: node, http_sd_configs: [{ url: "http://rollcall/targets" }] }]' as
      | string
      | undefined,
    active: [] as readonly ReportedTarget[],
    dropped: [] as readonly ReportedTarget[],
    counts: undefined as Readonly<Record<string, number>> | undefined,
    /** Whether it answers with one pool when that is asked for. */
    knowsPools: true,
    /** Answers in its place. */
    handle: undefined as ((request: IncomingMessage, response: ServerResponse) => void) | undefined,
    requests: [] as IncomingMessage[],
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
    const json = (value: unknown) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (pathname.endsWith('/api/v1/status/config') && state.yaml !== undefined)
      return void json({ status: 'success', data: { yaml: state.yaml } })
    if (!pathname.endsWith('/api/v1/targets')) return void response.writeHead(404).end('404 page not found')
    const pool = state.knowsPools ? searchParams.get('scrapePool') : null
    const isWanted = (target: ReportedTarget) => pool === null || (target.pool ?? 'node') === pool
    const activeTargets = state.active.filter(isWanted).map((target) => ({
      discoveredLabels: labelsOf(target),
      labels: {},
      scrapePool: target.pool ?? 'node',
      lastError: target.lastError ?? '',
      lastScrape: target.lastScrape ?? '0001-01-01T00:00:00Z',
      health: target.health ?? 'up',
    }))
    const droppedTargets = state.dropped
      .filter(isWanted)
      .map((target) => ({ discoveredLabels: labelsOf(target) }))
    const counts = state.counts && { droppedTargetCounts: state.counts }
    json({ status: 'success', data: { activeTargets, droppedTargets, ...counts } })
  }

  const server = createServer((request, response) => {
    state.requests.push(request)
    if (state.handle === undefined) answer(request, response)
    else state.handle(request, response)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: new URL(`http://127.0.0.1:${port}`), state, answer }
}

function labelsOf({ address, source = 'sensors', pool = 'node', url, labels }: ReportedTarget) {
  return {
    __address__: address,
    __meta_rollcall_source: source,
    __meta_url: url ?? 'http://rollcall/targets',
    __metrics_path__: '/metrics',
    __scheme__: 'http',
    job: pool,
    ...labels,
  }
}
