import { spawn } from 'node:child_process'
import type { Scope } from '../../test/helpers/scope.ts'
import { ownChild } from './child.ts'

/** A server in a process of its own. */
export interface ServerProcess {
  readonly pid: number
  readonly url: string
  /** Kills it at once and waits until it is gone. */
  stop(): Promise<void>
}

interface Program {
  /** Arguments of Node.js: the program and its own. */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A line of its output says that it serves; the first group is the URL. */
  readonly serves: RegExp
}

/**
 * Starts a Node.js program and waits until it serves; the end of the scope kills it.
 * @throws Error with its output when it ends before
 */
export async function startServer(scope: Scope, { args, env = {}, serves }: Program): Promise<ServerProcess> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, args, {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = ownChild(scope, child)
  const url = await new Promise<string>((resolve, reject) => {
    // Only the end is kept: a long run must not grow in memory, and much may be logged before the line.
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
        const found = serves.exec(output)?.[1]
        if (found !== undefined) resolve(found)
        output = output.slice(-10_000)
      })
    }
    child.once('close', () => reject(new Error(`${args.join(' ')} ended: ${output.trim()}`)))
  })
  return { pid: child.pid as number, url, stop }
}
