import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/**
 * Finds a program that a test needs: in the variable, on the PATH, or where `go install` puts it.
 * @returns its path, or undefined
 */
export function findTool(name: string, variable?: string): string | undefined {
  const named = variable === undefined ? undefined : process.env[variable]
  if (named !== undefined && named !== '') return named
  const found = spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim()
  return found === '' ? undefined : found
}

/** Helm, 3 or 4: `$HELM`, the one on the PATH, or the one that `go install` made. */
export function findHelm(): string | undefined {
  return findTool('helm', 'HELM') ?? findGoTool('helm')
}

/** Programs that `go install` put there, such as Prometheus 3 beside Debian's Prometheus 2. */
export function findGoTool(name: string): string | undefined {
  const path = join(process.env.GOBIN ?? join(process.env.GOPATH ?? join(homedir(), 'go'), 'bin'), name)
  return existsSync(path) ? path : undefined
}

/** A program of Ansible: the one that `.ci/run` put into the cache folder, or the one on the PATH. */
export function findAnsible(name: 'ansible-inventory' | 'ansible-playbook'): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const path = join(cache, 'rollcall', 'ansible', 'bin', name)
  return existsSync(path) ? path : findTool(name)
}

/** Programs of Prometheus 3. */
export function findPrometheus3(name: 'prometheus' | 'promtool'): string | undefined {
  return findGoTool(name)
}

/**
 * Says loudly that a tool is missing: the test proves nothing then. In CI that is a failure.
 * @returns true when the caller must stop
 */
export function missing(t: Test, tool: string | undefined, what: string): boolean {
  if (tool !== undefined) return false
  const text = `NOT TESTED: ${what} is not installed, so ${t.fullname} proved nothing; .ci/run installs it`
  process.stderr.write(`\n*** ${text}\n\n`)
  t.not(process.env.CI, 'true', text)
  return true
}

/** The library that shifts the wall clock of one process (LD_PRELOAD), where Debian's libfaketime puts it. */
export function findFaketime(): string | undefined {
  const folders = readdirSync('/usr/lib').map((folder) => join('/usr/lib', folder, 'faketime'))
  return folders.map((folder) => join(folder, 'libfaketimeMT.so.1')).find((path) => existsSync(path))
}
