import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { createScope } from '../helpers/scope.ts'
import { findHelm } from '../helpers/tools.ts'

interface Step {
  readonly id?: string
  readonly uses?: string
  readonly run?: string
  readonly env?: Record<string, string>
  readonly with?: Record<string, string | boolean>
}

interface Job {
  readonly needs?: string | readonly string[]
  readonly uses?: string
  readonly outputs?: Record<string, string>
  readonly steps: readonly Step[]
  readonly strategy?: { readonly matrix: { readonly include: readonly Record<string, string>[] } }
}

/** What expressions name: `steps.push.outputs.amd64`. */
type Context = { [name: string]: Context | string }

export const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
export const ARCH = process.arch === 'arm64' ? 'arm64' : 'amd64'

/** The digest that everything has which is published in a dry run. */
export const DIGEST = `sha256:${'a'.repeat(64)}`

/** A folder with the project as it is here, and a changelog with these sections. */
export function project(t: Test, changelog: string): string {
  const scope = createScope()
  t.teardown(scope.end)
  const folder = join(scope.testdir(), 'project')
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  })
  for (const path of listed.stdout.trim().split('\n')) {
    if (existsSync(path)) cpSync(path, join(folder, path))
  }
  if (existsSync('dist')) cpSync('dist', join(folder, 'dist'), { recursive: true, preserveTimestamps: true })
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'CHANGELOG.md'), changelog)
  return folder
}

/** Runs scripts/release.mjs in a folder. */
export function release(folder: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, [resolve('scripts/release.mjs'), ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
}

/** What stands for the programs that publish: each notes how it was called. */
const PROGRAMS: Readonly<Record<string, string>> = {
  docker: `for word; do [[ $word != --metadata-file=* ]] || echo '{"containerimage.digest":"${DIGEST}"}' >"\${word#*=}"; done
    [[ "$*" != *inspect* ]] || echo '{"digest":"${DIGEST}"}'`,
  helm: `case $1 in package) "$REAL_HELM" "$@" ;; push) [[ -f $2 ]] && echo "Digest: ${DIGEST}" ;; esac`,
  npm: 'case $1 in ci) ;; publish) [[ $2 == ./* && -f $2 ]] ;; *) PATH=${PATH#*:} npm "$@" ;; esac',
  go: '',
  cosign: '',
  gh: 'for word; do [[ $word != release/* && $word != *.md ]] || [[ -s $word ]]; done; cp -R release "$PUBLISHED"; cp "$RUNNER_TEMP/notes.md" "$PUBLISHED.md"',
}

/**
 * Runs the jobs of the release workflow, one after the other, with the programs above first in PATH.
 * @returns how these were called, and the folder with the files of the release; its notes are beside it, in a file .md
 */
export function dryRun(t: Test, folder: string): { calls: string[]; published: string } {
  const temp = dirname(folder)
  const bin = join(temp, 'bin')
  const log = join(temp, 'calls')
  writeFileSync(log, '')
  for (const [name, script] of Object.entries(PROGRAMS)) {
    mkdirSync(bin, { recursive: true })
    const text = `#!/bin/bash\nset -e\necho "${name} $*" >>"$CALLS"\n${script}\n`
    writeFileSync(join(bin, name), text, { mode: 0o755 })
  }
  const { env: variables, jobs } = parse(readFileSync('.github/workflows/release.yml', 'utf8')) as {
    readonly env: Record<string, string>
    readonly jobs: Record<string, Job>
  }
  const github = { ref_name: `v${version}`, ref: `refs/tags/v${version}` }
  const needs: Context = {}
  const base = {
    PATH: `${bin}:${process.env.PATH}`,
    HOME: process.env.HOME,
    GIT_DIR: resolve('.git'),
    CALLS: log,
    PUBLISHED: join(temp, 'published'),
    REAL_HELM: findHelm(),
    RUNNER_TEMP: temp,
    GITHUB_REPOSITORY: 'rollcall/Rollcall',
    GITHUB_REPOSITORY_OWNER: 'Rollcall',
    GITHUB_SHA: 'abcdef',
    GITHUB_ACTOR: 'somebody',
  }

  const runStep = (step: Step, where: string, context: Context) => {
    if (step.run === undefined) return artifacts(t, step, where, folder, context)
    const output = join(temp, 'output')
    writeFileSync(output, '')
    const own = { ...variables, ...step.env }
    const values = Object.entries(own).map(([name, text]) => [name, evaluated(text, context)])
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', step.run],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd: folder,
        env: { ...base, ...Object.fromEntries(values), GITHUB_OUTPUT: output },
        encoding: 'utf8',
      },
    )
    t.equal(status, 0, `${where}: ${step.run}${status === 0 ? '' : `\n${stdout}${stderr}`}`)
    const outputs = readFileSync(output, 'utf8').matchAll(/^(\w+)=(.*)$/gm)
    if (step.id !== undefined) {
      const found = Object.fromEntries([...outputs].map(([, name, value]) => [name, String(value)]))
      context.steps = { ...(context.steps as Context), [step.id]: { outputs: found } }
    }
  }

  for (const [name, job] of Object.entries(jobs)) {
    if (job.uses !== undefined) continue
    const outputs: Record<string, string> = {}
    for (const matrix of job.strategy?.matrix.include ?? [{}]) {
      // Of packages there are only those for this machine.
      if (name === 'packages' && matrix.arch !== ARCH) continue
      rmSync(join(folder, 'release'), { recursive: true, force: true })
      const context: Context = { github, matrix, needs, secrets: { GITHUB_TOKEN: 'token' }, steps: {} }
      for (const step of job.steps) runStep(step, name, context)
      for (const [key, text] of Object.entries(job.outputs ?? {})) {
        const value = evaluated(text, context)
        if (value !== '') outputs[key] = value
      }
    }
    for (const needed of [job.needs ?? []].flat())
      t.ok(needed === 'ci' || needed in needs, `${name} after ${needed}`)
    needs[name] = { outputs }
  }
  return { calls: readFileSync(log, 'utf8').trim().split('\n'), published: base.PUBLISHED }
}

/** A text with the values of its expressions; of what there is not, nothing, as on GitHub. */
function evaluated(text: string, context: Context): string {
  return String(text).replaceAll(/\$\{\{ ([\w.-]+) \}\}/g, (_, path: string) => {
    let value: Context | string | undefined = context
    for (const name of path.split('.')) value = typeof value === 'object' ? value[name] : undefined
    return typeof value === 'string' ? value : ''
  })
}

/** What actions do with files. */
function artifacts(
  t: Test,
  { uses = '', with: given = {} }: Step,
  where: string,
  folder: string,
  context: Context,
) {
  const kept = join(dirname(folder), 'artifacts')
  const action = uses.split('@')[0]
  const name = evaluated(String(given.name ?? given.pattern ?? ''), context)
  const path = join(folder, String(given.path))
  if (action === 'actions/upload-artifact') {
    t.ok(readdirSync(path).length > 0, `${where}: ${name}`)
    cpSync(path, join(kept, name), { recursive: true })
  } else if (action === 'actions/download-artifact') {
    const found = readdirSync(kept).filter(
      (one) => one === name || (name.endsWith('*') && one.startsWith(name.slice(0, -1))),
    )
    t.ok(found.length > 0, `${where}: ${name}`)
    for (const one of found) cpSync(join(kept, one), path, { recursive: true })
  } else if (action === 'actions/attest-build-provenance') {
    const subject = evaluated(String(given['subject-path'] ?? given['subject-digest']), context)
    if (given['subject-path'] === undefined) t.equal(subject, DIGEST, where)
    else t.ok(readdirSync(join(folder, dirname(subject))).length > 0, `${where}: ${subject}`)
  }
}
