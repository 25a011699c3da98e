import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start } from './cli.ts'
import { freePort } from './prometheus.ts'
import type { Scope } from './scope.ts'

/** What the devices of a cluster say to register. */
export const DEVICE_TOKEN = 'token-of-devices'

/** The source that devices register with, and the one that is an inventory. */
export const PUSH_SOURCE = 'devices'
export const LIST_SOURCE = 'sensors'

/** One Rollcall of several: always on the same port, with a folder of its own. */
export interface Replica {
  readonly name: string
  readonly url: string
  isUp(): boolean
  /** Starts it, and waits until it serves. */
  start(): Promise<void>
  /** Kills it at once. */
  kill(): Promise<void>
  /** Lets it end by itself. @returns how it did */
  stop(): Promise<Awaited<Running['ended']>>
  pause(): void
  resume(): void
  isPaused(): boolean
  /** How often it was started. */
  life(): number
  /** Loses what it kept; only while it is not up. */
  loseDisk(): void
  /** What its last process logged. */
  log(): string
  pid(): number
}

/** How replicas are configured. */
export interface ReplicasOptions {
  /** The lines of `cluster.redis` for a replica, as YAML in one line. */
  redis(name: string): string
  /** Where a replica finds the inventory: a JSON array of names. */
  inventory(name: string): string
  readonly refreshInterval: string
  readonly ttl: string
  readonly drainDelay?: string
  /** More lines of `global`, as YAML in one line. */
  readonly guard?: string
}

/** Makes so many replicas of one Rollcall; none of them is started yet. */
export async function createReplicas(
  scope: Scope,
  names: readonly string[],
  options: ReplicasOptions,
): Promise<Replica[]> {
  const folder = scope.testdir()
  writeFileSync(join(folder, 'key'), 'the key that all replicas have')
  writeFileSync(join(folder, 'token'), DEVICE_TOKEN)
  return Promise.all(names.map((name) => createReplica(scope, folder, name, options)))
}

async function createReplica(
  scope: Scope,
  folder: string,
  name: string,
  options: ReplicasOptions,
): Promise<Replica> {
  const { refreshInterval, ttl, drainDelay = '0s', guard = '{}' } = options
  const port = await freePort()
  const file = join(folder, `${name}.yml`)
  const storage = join(folder, `data-${name}`)
  writeFileSync(
    file,
    `
global: { refresh_interval: ${refreshInterval}, timeout: 1s, guard: ${guard} }
cluster:
  redis: ${options.redis(name)}
  signing_key_file: ${join(folder, 'key')}
  replica: ${name}
sources:
  - name: ${LIST_SOURCE}
    http: { url: "${options.inventory(name)}" }
  - name: ${PUSH_SOURCE}
    push: { token_file: ${join(folder, 'token')}, ttl: ${ttl} }
    labels: { instance: "{id}" }
`,
  )
  const args = [
    `--config.file=${file}`,
    `--storage.path=${storage}`,
    `--web.listen-address=127.0.0.1:${port}`,
    `--web.drain-delay=${drainDelay}`,
    '--web.enable-lifecycle',
  ]
  let running: Running | undefined
  let last: Running | undefined
  let isPaused = false
  let life = 0
  const resume = () => {
    isPaused = false
    running?.child.kill('SIGCONT')
  }
  async function end(signal: NodeJS.Signals) {
    const ending = running
    running = undefined
    isPaused = false
    // A process that is stopped hears of nothing else.
    ending?.child.kill(signal)
    ending?.child.kill('SIGCONT')
    return ending?.ended ?? { code: null, signal: null }
  }
  mkdirSync(storage)
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    isUp: () => running !== undefined,
    async start() {
      life += 1
      running = await start(scope, args)
      last = running
      // What is stopped would not end.
      scope.teardown(resume)
    },
    async kill() {
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
    pause() {
      isPaused = true
      running?.child.kill('SIGSTOP')
    },
    resume,
    isPaused: () => isPaused,
    life: () => life,
    loseDisk() {
      rmSync(storage, { recursive: true, force: true })
      mkdirSync(storage)
    },
    log: () => last?.err() ?? '',
    pid: () => running?.child.pid as number,
  }
}
