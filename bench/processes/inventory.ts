import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Scope } from '../../test/helpers/scope.ts'
import { startServer } from './start.ts'

/** An inventory server in a process of its own. */
export interface Inventory {
  readonly url: string
  /** Serves another inventory from now on: one record of 500 differs; the next change takes that back. */
  change(): Promise<void>
  /** Whether answers have an ETag from now on, so that a client that has it is answered 304. */
  setTags(on: boolean): Promise<void>
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
  const order = async (path: string) => {
    await (await fetch(new URL(path, url), { method: 'POST' })).arrayBuffer()
  }
  return {
    url,
    stop,
    change: () => order('/change'),
    setTags: (on) => order(`/tags?on=${on ? 'yes' : 'no'}`),
    async parse() {
      const { stdout } = await promisify(execFile)(process.execPath, [
        'build/bench/processes/parse-json.js',
        url,
      ])
      return JSON.parse(stdout)
    },
  }
}
