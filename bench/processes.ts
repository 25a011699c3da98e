import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server in a process of its own. */
export interface ServerProcess {
  readonly child: ChildProcess
  readonly url: string
  /** Time from spawning to the first sign of life, in milliseconds. */
  readonly startMs: number
  stop(): Promise<void>
}

/** Starts a Node.js program and waits until a line of its output matches; its first group is the URL. */
export async function startServer(
  args: readonly string[],
  env: Record<string, string>,
  pattern: RegExp,
): Promise<ServerProcess> {
  const started = performance.now()
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, args, {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => {
        output += text
        const found = pattern.exec(output)?.[1]
        if (found !== undefined) resolve(found)
      })
    }
    child.once('close', () => reject(new Error(`${args.join(' ')} ended: ${output}`)))
  })
  return {
    child,
    url,
    startMs: performance.now() - started,
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

/** Starts Rollcall, as it is built for users, on an inventory; without a folder it keeps nothing. */
export function startRollcall(inventory: string, folder = ''): Promise<ServerProcess> {
  const args = [
    'dist/cli.js',
    'serve',
    '--web.listen-address=127.0.0.1:0',
    `--storage.path=${folder}`,
    '--log.format=json',
  ]
  const env = { INVENTORY_URL: inventory, UPDATE_INTERVAL: '1h' }
  return startServer(args, env, /"url":"([^"]+)".*"msg":"serving targets"/)
}

/** Starts the bare server on what Rollcall answers. */
export function startBareServer(bodyFile: string, headersFile: string): Promise<ServerProcess> {
  return startServer(['build/bench/bare-server.js', bodyFile, headersFile], {}, /(http:\/\/\S+)\n/)
}

/** Serves a list of so many sensors as an inventory, in this process. */
export async function serveInventory(count: number): Promise<{ url: string; close(): void }> {
  const names = Array.from({ length: count }, (_, index) => `sensor-${index}.stores.example.com`)
  const body = JSON.stringify(names)
  const server = createServer((_request, response) => response.end(body))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/inventory`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Asks until the answer is 200, as fast as it goes; the time since `since`, in milliseconds. */
export async function firstOk(url: string, since: number): Promise<number> {
  for (let attempt = 0; attempt < 100_000; attempt++) {
    const answer = await fetch(url).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer?.status === 200) return performance.now() - since
  }
  throw new Error(`${url} never answered 200`)
}

/** Resident memory of a process, in MiB. Linux only. */
export function residentMiB(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}
