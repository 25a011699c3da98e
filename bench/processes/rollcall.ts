import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Scope } from '../../test/helpers/scope.ts'
import { type ServerProcess, startServer } from './start.ts'

/** The name of the one source in a configuration file. */
const SOURCE = 'sensors'

/** A Rollcall as users run it, with the lifecycle API on. */
export interface Rollcall extends ServerProcess {
  /** Refreshes and waits for the end. @throws Error when the refresh fails or does something else */
  refresh(expected: 'changed' | 'unchanged'): Promise<void>
  /** Reads again until no target is missing any more: those that left with a change are proven gone. */
  settle(): Promise<void>
  /** Seconds that all refreshes have taken, by its own metric. */
  refreshSeconds(): Promise<number>
}

/** How a Rollcall is started. */
export interface RollcallOptions {
  readonly inventory: string
  /** Where it keeps its lists; an empty folder of its own when not given. */
  readonly storage?: string
  /** A web configuration file. */
  readonly web?: string
  /** More lines of the source in a configuration file; not given: the environment alone configures it. */
  readonly source?: readonly string[]
}

/** The mapping of the inventory that refreshes are measured with. */
export const ONE_LABEL = ['labels: { store: "{store.id}" }'] as const

/** Starts Rollcall on an inventory; it refreshes once, and then only when told to. */
export async function startRollcall(scope: Scope, options: RollcallOptions): Promise<Rollcall> {
  const { inventory, storage = scope.testdir(), source, web } = options
  const file = source === undefined ? undefined : writeConfig(scope, inventory, source)
  const args = [
    'dist/cli.js',
    'serve',
    ...(file === undefined ? [] : [`--config.file=${file}`]),
    '--web.listen-address=127.0.0.1:0',
    ...(web === undefined ? [] : [`--web.config.file=${web}`]),
    '--web.enable-lifecycle',
    `--storage.path=${storage}`,
    '--log.format=json',
  ]
  const env: Record<string, string> =
    file === undefined ? { INVENTORY_URL: inventory, UPDATE_INTERVAL: '10d' } : {}
  const server = await startServer(scope, { args, env, serves: /"url":"([^"]+)".*"msg":"serving targets"/ })
  return {
    ...server,
    async refresh(expected) {
      const answer = await fetch(`${server.url}/-/refresh`, { method: 'POST' })
      const text = await answer.text()
      const result = answer.ok ? JSON.parse(text).results[0].result : text
      if (result !== expected) throw new Error(`the refresh was to be ${expected}, but was: ${result}`)
    },
    async settle() {
      const absent = async () => {
        const page = await (await fetch(`${server.url}/metrics`)).text()
        return Number(/^rollcall_source_targets_absent\{[^}]*\} (\S+)$/m.exec(page)?.[1] ?? 0)
      }
      for (let attempt = 0; attempt < 10 && (await absent()) > 0; attempt++) {
        // Readings within a second of another do not count.
        await new Promise((resolve) => setTimeout(resolve, 1_050))
        await (await fetch(`${server.url}/-/refresh`, { method: 'POST' })).text()
      }
      if ((await absent()) > 0) throw new Error('targets that left are held')
    },
    async refreshSeconds() {
      const page = await (await fetch(`${server.url}/metrics`)).text()
      // There is one source, whatever the environment calls it.
      return Number(/^rollcall_source_refresh_duration_seconds_sum\{[^}]*\} (\S+)$/m.exec(page)?.[1] ?? 0)
    },
  }
}

function writeConfig(scope: Scope, inventory: string, source: readonly string[]): string {
  const file = join(scope.testdir(), 'rollcall.yml')
  const lines = [
    'global: { refresh_interval: 10d, timeout: 5m }',
    'sources:',
    `  - name: ${SOURCE}`,
    `    http: { url: "${inventory}", max_response_size: 500MB }`,
    ...source.map((line) => `    ${line}`),
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

/** Asks until the answer is 200, as fast as it goes. @throws Error after five minutes, with the last answer */
export async function firstOk(url: string): Promise<void> {
  const end = performance.now() + 300_000
  let last = 'nothing'
  while (performance.now() < end) {
    const answer = await fetch(url).catch(() => undefined)
    const text = await answer?.text()
    if (answer?.status === 200) return
    last = text ?? last
    // A server that answers is not to be kept from its work by the asking.
    if (answer !== undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`${url} never answered 200; the last answer: ${last.slice(0, 200)}`)
}
