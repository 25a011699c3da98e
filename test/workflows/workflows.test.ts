import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { findGoTool, findTool, missing } from '../helpers/tools.ts'

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Record<string, unknown>
}

interface Job {
  readonly 'timeout-minutes'?: number
  readonly permissions?: Record<string, string>
  readonly steps?: readonly Step[]
  readonly strategy?: { readonly matrix: Record<string, readonly string[]> }
  readonly uses?: string
}

interface Workflow {
  readonly on: Record<string, unknown>
  readonly permissions: Record<string, string>
  readonly concurrency: { readonly group: string }
  readonly jobs: Record<string, Job>
}

const FOLDER = '.github/workflows'
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const workflows = readdirSync(FOLDER).map((file) => {
  const text = readFileSync(join(FOLDER, file), 'utf8')
  return { file, text, workflow: parse(text) as Workflow }
})
const jobs = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ where: `${file}: ${name}`, job })),
)
const steps = jobs.flatMap(({ where, job }) => (job.steps ?? []).map((step) => ({ where, step })))
const commands = steps.map(({ step }) => step.run ?? '').join('\n')

t.test('there are workflows for changes and for releases', async (t) => {
  t.same(workflows.map(({ file }) => file).sort(), ['ci.yml', 'release.yml'])
})

t.test('every action is pinned by the digest of a commit, with its version beside it', async (t) => {
  const lines = workflows.flatMap(({ text }) => text.match(/uses: .*/g) ?? [])
  const versions = new Map<string, string>()
  for (const line of lines) {
    if (line.startsWith('uses: ./')) continue
    const [, action, pin] = /^uses: ([\w-]+\/[\w-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$/.exec(line) ?? []
    t.ok(pin, line)
    t.equal(versions.get(String(action)) ?? pin, pin, `${action} has one version everywhere`)
    versions.set(String(action), String(pin))
  }
  t.ok(versions.size >= 4)
})

t.test('tokens may only read, but for what a job of a release says that it writes', async (t) => {
  for (const { file, workflow } of workflows) {
    t.ok(
      Object.values(workflow.permissions).every((access) => access === 'read'),
      file,
    )
  }
  for (const { where, job } of jobs) {
    const writes = Object.entries(job.permissions ?? {}).filter(([, access]) => access !== 'read')
    if (where.startsWith('ci.yml')) t.equal(job.permissions, undefined, where)
    for (const [scope, access] of writes) {
      t.equal(access, 'write')
      t.ok(['contents', 'packages', 'id-token', 'attestations'].includes(scope), `${where}: ${scope}`)
    }
    // What may write to the repository runs no code of its dependencies.
    const script = (job.steps ?? []).map((step) => step.run ?? '').join('\n')
    if (job.permissions?.contents === 'write') t.notMatch(script, /npm|docker|helm/)
  }
})

t.test('a checkout leaves no token behind', async (t) => {
  const checkouts = steps.filter(({ step }) => step.uses?.startsWith('actions/checkout@'))
  t.ok(checkouts.length > 0)
  for (const { where, step } of checkouts) t.equal(step.with?.['persist-credentials'], false, where)
})

t.test('no command has a value in it that others choose: it comes through a variable', async (t) => {
  for (const { where, step } of steps) t.notMatch(step.run ?? '', '${{', where)
  for (const { file, workflow } of workflows) t.notOk('pull_request_target' in workflow.on, file)
})

t.test('every job ends in time, and a new run takes the place of an old one', async (t) => {
  for (const { where, job } of jobs) {
    if (job.uses === undefined) t.ok(Number(job['timeout-minutes']) <= 30, where)
  }
  const groups = workflows.map(({ workflow }) => workflow.concurrency.group)
  t.equal(new Set(groups).size, workflows.length, 'a workflow that calls another must not share its group')
})

t.test('tests run on the oldest Node.js that package.json allows, and on 22 and 24', async (t) => {
  const versions = jobs.find(({ where }) => where === 'ci.yml: test')?.job.strategy?.matrix.node ?? []
  const [oldest] = versions
  t.same(versions.slice(1), ['22', '24'])
  t.match(manifest.engines.node, new RegExp(`^>=${oldest}\\.`))
})

t.test('every script and file that a command names is there', async (t) => {
  const named = [...commands.matchAll(/npm (?:run )?([a-z][a-z:]*)/g)].map(([, name]) => name as string)
  const own = ['ci', 'pack', 'publish', 'sbom']
  for (const name of new Set(named)) {
    if (!own.includes(name)) t.ok(name in manifest.scripts, name)
  }
  t.ok(named.includes('test') && named.includes('build') && named.includes('chaos'))
  t.ok(existsSync('.ci/run') && commands.includes('.ci/run tools'))
})

t.test('actionlint and shellcheck find nothing wrong in the workflows and scripts', async (t) => {
  const shellcheck = findTool('shellcheck')
  if (missing(t, shellcheck, 'shellcheck')) return
  const scripts = spawnSync(String(shellcheck), ['.ci/run'], { encoding: 'utf8' })
  t.same([scripts.status, scripts.stdout], [0, ''])
  const actionlint = findTool('actionlint', 'ACTIONLINT') ?? findGoTool('actionlint')
  if (actionlint === undefined && findTool('go') === undefined) {
    process.stderr.write(
      '\n*** NOT TESTED: the workflows; actionlint is built with Go, which is not here\n\n',
    )
    return
  }
  if (missing(t, actionlint, 'actionlint')) return
  const files = workflows.map(({ file }) => join(FOLDER, file))
  const linted = spawnSync(String(actionlint), [`-shellcheck=${shellcheck}`, ...files], { encoding: 'utf8' })
  t.same([linted.status, linted.stdout + linted.stderr], [0, ''])
})

t.test('the package brings the versions that it was tested with', async (t) => {
  const { status, stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json'], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  t.ok(paths.includes('npm-shrinkwrap.json'))
  t.ok(paths.includes('dist/cli.js'))
  t.notOk(
    existsSync('npm-shrinkwrap.json'),
    'and leaves nothing behind, which npm would read instead of the lock',
  )
})
