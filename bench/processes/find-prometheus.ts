import { spawnSync } from 'node:child_process'
import { findPrometheus3 } from '../../test/helpers/tools.ts'

/**
 * Finds a Prometheus of a major version: in the variable PROMETHEUS, anywhere on the PATH, or where `go install`
 * puts it. What the first one on the PATH is, nobody knows, so each is asked.
 * @returns its path, or undefined
 */
export function findPrometheus(major: 2 | 3): string | undefined {
  const onPath = spawnSync('which', ['-a', 'prometheus'], { encoding: 'utf8' }).stdout.split('\n')
  const candidates = [process.env.PROMETHEUS ?? '', ...onPath, findPrometheus3('prometheus') ?? '']
  return candidates.find((path) => path !== '' && majorOf(path) === major)
}

/** The major version; one that `go install` built cannot tell it, and that is how this project installs 3. */
function majorOf(path: string): number {
  const { stdout, stderr } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  const told = /version (\d+)\./.exec(`${stdout}${stderr}`)?.[1]
  return told === undefined ? 3 : Number(told)
}
