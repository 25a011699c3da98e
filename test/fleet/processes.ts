import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { spawnNode } from '../helpers/node.ts'
import type { Scope } from '../helpers/scope.ts'

const PROGRAM = resolve('build/test/fleet/agents.js')

/** That the server knows an agent again, as the agent tells it. */
export interface Registered {
  readonly id: string
  readonly atMs: number
  /** How often it had failed before; 0 when it registers for the first time. */
  readonly afterFailures: number
}

/** A process with agents in it. */
export interface AgentProcess {
  readonly ids: readonly string[]
  /** @returns once it is dead */
  kill(): Promise<void>
}

/** Starts a process with these agents; the end of the scope kills it. */
export function startAgents(
  scope: Scope,
  ids: readonly string[],
  { push, tokenFile }: { readonly push: string; readonly tokenFile: string },
  seen: (event: Registered) => void,
): AgentProcess {
  const args = [PROGRAM, `--url=${push}`, `--token-file=${tokenFile}`, `--ids=${ids.join(',')}`]
  const child = spawnNode(args, { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const ended = once(child, 'close')
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    const { msg, time, ...event } = JSON.parse(line) as Registered & { msg: string; time: string }
    if (msg === 'registered') seen({ ...event, atMs: Date.parse(time) })
  })
  const kill = () => killed(child, ended)
  scope.teardown(kill)
  return { ids, kill }
}

async function killed(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGKILL')
  await ended
}
