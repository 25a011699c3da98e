import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Variant } from './records.ts'
import { startServer } from './start.ts'

/** An inventory server in a process of its own. */
export interface Inventory {
  readonly url: string
  /** Serves this inventory from now on; with `etag`, a client that has it is answered 304. */
  serve(variant: Variant, etag?: 'etag'): Promise<void>
  /** Parses what it serves in a fresh process, and nothing else. */
  parse(): Promise<{ readonly seconds: number; readonly bytes: number }>
  stop(): Promise<void>
}

/** Starts an inventory of so many records (or plain names). */
export async function startInventory(
  scope: Scope,
  count: number,
  kind: 'records' | 'names' = 'records',
): Promise<Inventory> {
  const args = ['build/bench/processes/inventory-server.js', kind, String(count)]
  const { url, stop } = await startServer(scope, { args, serves: /(http:\/\/\S+)\n/ })
  return {
    url,
    stop,
    async serve(variant, etag) {
      const query = `variant=${variant}&etag=${etag === undefined ? 'no' : 'yes'}`
      await (await fetch(new URL(`/serve?${query}`, url), { method: 'POST' })).arrayBuffer()
    },
    async parse() {
      const { stdout } = await promisify(execFile)(process.execPath, [
        'build/bench/processes/parse-json.js',
        url,
      ])
      return JSON.parse(stdout)
    },
  }
}
