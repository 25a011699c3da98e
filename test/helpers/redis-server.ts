import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import type { Test } from 'tap'
import { freePort } from './prometheus.ts'
import type { Scope } from './scope.ts'
import { findTool, missing } from './tools.ts'
import { until } from './until.ts'

/** A real server of Redis or Valkey, on a loopback port and in a folder of its own. */
export interface RedisServer {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Sends a command to it on a connection that lives as long as the test. */
  command(...args: string[]): Promise<unknown>
  signal(name: NodeJS.Signals): void
  pid(): number
  /** Kills it at once. */
  kill(): Promise<void>
  /** Starts it again on the same port, with what it has on disk. */
  start(): Promise<void>
}

const findRedis = () => findTool('redis-server', 'REDIS_SERVER')

/** Says loudly that there is no server, so that the caller must stop. */
export const noRedis = (t: Test) => missing(t, findRedis(), 'redis-server')

/**
 * Starts a server; the test's end stops it.
 * @param config lines of redis.conf
 */
export async function startRedis(
  t: Scope,
  config: readonly string[] = [],
  asSentinel = false,
): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-redis-'))
  const port = await freePort()
  const file = join(folder, 'redis.conf')
  const lines = ['bind 127.0.0.1', `port ${port}`, `dir ${folder}`, ...config]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const args = asSentinel ? [file, '--sentinel'] : [file]
  let child = spawn(findRedis() as string, args, { stdio: 'ignore' })
  const password = config.find((line) => line.startsWith('requirepass'))?.split(' ')[1]
  const client = createClient({
    socket: { host: '127.0.0.1', port, reconnectStrategy: 50 },
    ...(password !== undefined && { password }),
  })
  // It is tried again; a command waits as long.
  client.on('error', () => {})
  const command = (...words: string[]) => client.sendCommand(words)

  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  }
  async function isUp(): Promise<void> {
    await until('the server is up', async () => String(await command('PING')) === 'PONG')
  }

  t.teardown(async () => {
    client.destroy()
    await kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await client.connect()
  await isUp()
  return {
    host: '127.0.0.1',
    port,
    command,
    signal: (name) => void child.kill(name),
    pid: () => child.pid as number,
    kill,
    async start() {
      child = spawn(findRedis() as string, args, { stdio: 'ignore' })
      await isUp()
    },
  }
}
