import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'

const COVERAGE = new URL('coverage.js', import.meta.url).href

/** What notes the coverage, when tap measures it. */
const coverageOptions = process.env._TAPJS_PROCESSINFO_COVERAGE_ === '1' ? `--import=${COVERAGE}` : ''

/**
 * The command, with its first arguments, that starts Node.js as its users do. Whatever a test starts has tap's loader in
 * its environment, which takes longer to load than the program itself; `env` sets that anew.
 * @param nodeOptions options of Node.js, as in NODE_OPTIONS
 */
export function nodeCommand(nodeOptions = ''): [command: string, ...args: string[]] {
  return ['/usr/bin/env', `NODE_OPTIONS=${`${coverageOptions} ${nodeOptions}`.trim()}`, process.execPath]
}

/** Starts Node.js as its users do. */
export function spawnNode(
  args: readonly string[],
  { nodeOptions, ...options }: SpawnOptions & { nodeOptions?: string | undefined } = {},
): ChildProcess {
  const [command, ...first] = nodeCommand(nodeOptions)
  return spawn(command, [...first, ...args], options)
}
