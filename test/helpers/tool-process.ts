import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Scope } from './scope.ts'
import { until } from './until.ts'

/** A server that is not ours, and runs. */
export interface ToolProcess {
  readonly pid: number
  /** What it logged. */
  log(): string
}

/**
 * Starts a server and waits until it is ready; the end of the scope kills it.
 * @param ready a URL that answers 200 then, or a function that returns true then
 */
export async function startTool(
  scope: Scope,
  name: string,
  binary: string,
  args: readonly string[],
  ready: string | (() => Promise<boolean>),
): Promise<ToolProcess> {
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      log += text
    })
  scope.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  })
  await until(`${name} is ready`, async () => {
    if (child.exitCode !== null) throw new Error(`it exited: ${log.slice(-500)}`)
    return typeof ready === 'string' ? (await fetch(ready)).status === 200 : ready()
  })
  return { pid: child.pid as number, log: () => log }
}
