import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { findTool } from '../../test/helpers/tools.ts'

/** What ten connections got, of which each asks again as soon as it has an answer. */
export interface Load {
  readonly requests: number
  readonly requestsPerSecond: number
}

/** Why throughput cannot be measured here, and what to install; undefined when it can. */
export function wrkMissing(): string | undefined {
  return findTool('wrk') === undefined
    ? 'wrk, which puts the load on servers, is not installed: apt install wrk'
    : undefined
}

/**
 * Puts load on a URL with wrk, which is no JavaScript: it costs so little that the server is what limits the throughput.
 * @param seconds whole ones, as wrk takes them; else the next
 * @throws Error when a request fails
 */
export async function putLoad(
  url: string,
  seconds: number,
  headers: Readonly<Record<string, string>>,
): Promise<Load> {
  const lines = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`])
  const args = ['--threads=1', '--connections=10', `--duration=${Math.ceil(seconds)}s`, ...lines, url]
  const { stdout } = await promisify(execFile)('wrk', args)
  const wrong = /^ *(Socket errors:|Non-2xx).*$/m.exec(stdout)?.[0]
  if (wrong !== undefined) throw new Error(`${url}: ${wrong.trim()}`)
  return {
    requests: Number(/(\d+) requests in /.exec(stdout)?.[1]),
    requestsPerSecond: Number(/^Requests\/sec: +([\d.]+)$/m.exec(stdout)?.[1]),
  }
}
