import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** How a command ended. */
export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs a command to its end. */
export async function finish(command: string, args: readonly string[], env = {}): Promise<Finished> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  return { code: code as number | null, out: out.trim(), err: err.trim() }
}

/**
 * Runs a docker command.
 * @returns what it printed
 * @throws Error with what it complained of, when it fails
 */
export async function docker(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await finish('docker', args)
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: exit code ${code}: ${err}\n${out}`)
  return out
}

/** The version of the Docker engine that works here, or undefined. */
export function findEngine(): string | undefined {
  const { status, stdout } = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'])
  return status === 0 ? String(stdout).trim() : undefined
}

/** How Compose is called here: as a command of docker, or the older way. */
export function findCompose(): readonly [command: string, ...args: string[]] {
  return spawnSync('docker', ['compose', 'version']).status === 0 ? ['docker', 'compose'] : ['docker-compose']
}

/** The ports of the core profile of compose.yaml: Docker picks them, so that nothing that runs here is in the way. */
export const FREE_PORTS: Readonly<Record<string, string>> = Object.fromEntries(
  ['INVENTORY', 'ROLLCALL_1', 'ROLLCALL_2', 'PROMETHEUS', 'ALERTMANAGER'].map((name) => [
    `${name}_PORT`,
    '0',
  ]),
)

/** What Docker says of the health of a container. */
export async function healthOf(container: string): Promise<string> {
  return docker('inspect', '--format', '{{.State.Health.Status}}', container)
}
