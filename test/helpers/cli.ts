import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { spawnNode } from './node.ts'
import type { Scope } from './scope.ts'
import { until } from './until.ts'

/** The built command line of the code under test, so that coverage counts what it runs. */
export const CLI = resolve('build/src/cli.js')

/** A rollcall process that runs. */
export interface Running {
  readonly child: ChildProcess
  /** What it wrote so far. */
  readonly out: () => string
  readonly err: () => string
  /** Where it serves. */
  readonly url: string
  /** Waits for its end. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

type Env = Record<string, string | undefined>

/** The environment of a test's processes: nothing of the machine's own that Rollcall would read. */
function cleanEnv(env: Env): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, ...env }
}

/** Starts a command with the options of Node.js that its environment names. */
function startCommand(args: readonly string[], env: Env, cwd?: string): ChildProcess {
  return spawnNode([CLI, ...args], {
    env: cleanEnv(env),
    nodeOptions: env.NODE_OPTIONS,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs a command to its end. */
export async function run(args: readonly string[], env: Env = {}, cwd?: string) {
  const child = startCommand(args, env, cwd)
  const read = collect(child)
  const [code] = await once(child, 'close')
  return { code: code as number | null, out: read.out(), err: read.err() }
}

/** Starts a server on a free loopback port and waits until it serves; the test's end kills it. */
export async function start(
  t: Scope,
  args: readonly string[],
  env: Env = {},
  /** The line that says so; its first group is the URL. */
  pattern = /"url":"([^"]+)".*"msg":"serving targets"/,
  /** What is done to it while it starts. */
  meanwhile: (child: ChildProcess, err: () => string) => unknown = () => {},
): Promise<Running> {
  const flags = {
    'web.listen-address': '127.0.0.1:0',
    'web.drain-delay': '0',
    ...(args[0] === 'sensor' ? {} : { 'storage.path': '' }),
    'log.format': 'json',
  }
  const defaults = Object.entries(flags)
    .filter(([flag]) => !args.some((arg) => arg.startsWith(`--${flag}`)))
    .map(([flag, value]) => `--${flag}=${value}`)
  const child = startCommand([...args, ...defaults], env)
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  t.teardown(async () => {
    // Gently at first: only a process that ends by itself tells what it covered.
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await ended
    clearTimeout(hard)
  })
  const { out, err } = collect(child)
  await meanwhile(child, err)
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  const url = await until('rollcall serves', () => pattern.exec(err())?.[1] ?? (isOver() && 'nowhere'))
  if (url === 'nowhere') {
    await ended
    throw new Error(`exited with ${child.exitCode ?? child.signalCode}: ${err()}`)
  }
  return { child, out, err, url, ended }
}

function collect(child: ChildProcess) {
  let out = ''
  let err = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  return { out: () => out, err: () => err }
}
