import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { docker, FREE_PORTS, findCompose, findEngine, finish } from '../../test/image/docker.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import type { Measure } from './measure.ts'

const PROJECT = `rollcall-bench-${process.pid}`
/** The stack has started, and its first health checks are over, after this time, in milliseconds. */
const SETTLE_MS = 60_000
const ROUND_MS = 60_000

/** The CPU of all containers of compose.yaml's core profile at rest, with their health checks. */
export const compose: Measure = {
  name: 'compose',
  rows: ['compose-idle'],
  isLong: true,
  missing: () => (findEngine() === undefined ? 'no Docker engine works here' : undefined),
  async run({ scope }): Promise<Figure[]> {
    scope.teardown(() => call('down', '--volumes'))
    await call('up', '--detach', '--build')
    await delay(SETTLE_MS)
    const rounds: number[] = []
    let before = await seconds()
    const first = before
    for (let round = 0; round < 2; round++) {
      await delay(ROUND_MS)
      const now = await seconds()
      rounds.push((sum(now) - sum(before)) / (ROUND_MS / 100_000))
      before = now
    }
    const parts = [...before].map(([name, used]) => {
      const share = (used - (first.get(name) ?? 0)) / ((rounds.length * ROUND_MS) / 100_000)
      return `${name} ${formatNumber(share)}%`
    })
    return [{ id: 'compose-idle', value: sum(rounds) / rounds.length, rounds, note: parts.join(', ') }]
  },
}

async function call(...args: readonly string[]): Promise<void> {
  const [command, ...first] = findCompose()
  const all = [...first, '--project-name', PROJECT, '--profile', 'core', ...args]
  const { code, err } = await finish(command, all, FREE_PORTS)
  if (code !== 0) throw new Error(`${command} ${all.join(' ')}: exit code ${code}: ${err}`)
}

/** The seconds of CPU that each container of the stack has used, by service. */
async function seconds(): Promise<Map<string, number>> {
  const label = 'com.docker.compose'
  const format = `{{.ID}} {{.Label "${label}.service"}}`
  const list = await docker(
    'ps',
    '--no-trunc',
    '--filter',
    `label=${label}.project=${PROJECT}`,
    '--format',
    format,
  )
  const used = new Map<string, number>()
  for (const line of list.split('\n')) {
    const [id = '', service = ''] = line.split(' ')
    used.set(service, usedBy(await docker('inspect', '--format', '{{.State.Pid}}', id)))
  }
  return used
}

/**
 * The seconds of CPU of the cgroup of a process, with those of processes in it that have ended (cgroups(7)).
 * @throws Error when the cgroup has no account of CPU
 */
function usedBy(pid: string): number {
  const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')
  for (const group of groups) {
    const [, controllers = '', path = ''] = group.split(':')
    const unified = join('/sys/fs/cgroup', path, 'cpu.stat')
    if (controllers === '' && existsSync(unified))
      return Number(/^usage_usec (\d+)/m.exec(readFileSync(unified, 'utf8'))?.[1]) / 1e6
    const own = join('/sys/fs/cgroup', controllers, path, 'cpuacct.usage')
    if (controllers.includes('cpuacct') && existsSync(own)) return Number(readFileSync(own, 'utf8')) / 1e9
  }
  throw new Error(`no cgroup of process ${pid} has an account of CPU`)
}

function sum(values: { values(): Iterable<number> }): number {
  return [...values.values()].reduce((total, value) => total + value, 0)
}
