import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { copyRecipe, servedTargets } from '../helpers/recipe.ts'
import { createScope } from '../helpers/scope.ts'
import { findAnsible, missing } from '../helpers/tools.ts'

// The recipes for Ansible with the real ansible-inventory.

const ansible = findAnsible('ansible-inventory')
const PATH = [dirname(String(ansible)), process.env.PATH].join(delimiter)
const STRICT = 'ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true, '

/** web-01 is in two groups, both of which are in another; web has variables; bastion is in no group. */
const INI = `
bastion ansible_host=10.3.9.1

[web]
web-01 ansible_host=10.3.0.11
web-[02:03] metrics_port=9200

[db]
db-01 ansible_host=2001:db8::11 site=ber
web-01

[web:vars]
site=ams

[all_sites:children]
web
db
`

const YAML = `
all:
  hosts:
    bastion: { ansible_host: 10.3.9.1 }
  children:
    all_sites:
      children:
        web:
          vars: { site: ams }
          hosts:
            web-01: { ansible_host: 10.3.0.11 }
            web-[02:03]: { metrics_port: 9200 }
        db:
          hosts:
            db-01: { ansible_host: "2001:db8::11", site: ber }
            web-01:
`

const EXPECTED = {
  '10.3.9.1:9100': { host: 'bastion', groups: ',ungrouped,' },
  '10.3.0.11:9100': { host: 'web-01', groups: ',db,web,', site: 'ams' },
  'web-02:9200': { host: 'web-02', groups: ',web,', site: 'ams' },
  'web-03:9200': { host: 'web-03', groups: ',web,', site: 'ams' },
  '[2001:db8::11]:9100': { host: 'db-01', groups: ',db,', site: 'ber' },
}

/** Ends what a test started before its folders are removed. */
function scopeOf(t: Test) {
  const scope = createScope()
  t.teardown(scope.end)
  return scope
}

/** What the real program prints of an inventory. */
function list(folder: string, inventory: string, ...flags: string[]): string {
  writeFileSync(join(folder, 'given'), inventory)
  const argv = ['--inventory', 'given', '--list', ...flags]
  const { status, stdout, stderr } = spawnSync(String(ansible), argv, { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

const refresh = (url: string) => fetch(`${url}/-/refresh`, { method: 'POST' })

async function sourceHealth(url: string) {
  const health = (await (await fetch(`${url}/health`)).json()) as {
    sources: { ansible: { records: number; absent: number; failure: { reason: string } | null } }
  }
  return health.sources.ansible
}

/** Reads what the program printed instead of starting it. */
const FROM_FILE = {
  'command:': 'file:',
  [`argv: [env, ${STRICT}ansible-inventory, --inventory, inventory, --list]`]: 'files: [list.json]',
}

for (const [format, inventory] of Object.entries({ INI, YAML })) {
  t.test(`an inventory in ${format}, by the program and from a file that it wrote`, async (t) => {
    if (missing(t, ansible, 'ansible-inventory')) return
    const scope = scopeOf(t)
    const byProgram = copyRecipe(scope, 'ansible-list', {})
    writeFileSync(join(byProgram.folder, 'inventory'), inventory)
    t.strictSame(await servedTargets((await byProgram.start({ PATH })).url), EXPECTED)

    const fromFile = copyRecipe(scope, 'ansible-list', FROM_FILE)
    writeFileSync(join(fromFile.folder, 'list.json'), list(fromFile.folder, inventory))
    const { url } = await fromFile.start()
    t.strictSame(await servedTargets(url), EXPECTED)

    // With --export the variables of groups stand beside the groups, and hosts lack them.
    writeFileSync(join(fromFile.folder, 'list.json'), list(fromFile.folder, inventory, '--export'))
    await refresh(url)
    const { site: _site, ...lacks } = EXPECTED['web-02:9200']
    t.strictSame((await servedTargets(url))['web-02:9200'], lacks)
  })
}

t.test('an inventory in INI that Rollcall reads itself has the targets that Ansible gives', async (t) => {
  if (missing(t, ansible, 'ansible-inventory')) return
  const { folder, start } = copyRecipe(scopeOf(t), 'ansible-ini', {})
  writeFileSync(join(folder, 'hosts.ini'), INI)
  const served = await servedTargets((await start()).url)
  const sites = (targets: Record<string, { host?: string; site?: string }>) =>
    Object.entries(targets).map(([address, { host, site }]) => [address, host, site])
  t.strictSame(sites(served).sort(), sites(EXPECTED).sort())
  t.equal(served['10.3.0.11:9100']?.groups, ',all_sites,web,db,')
})

t.test('the list in YAML: flat groups are read, groups in groups fail the refresh', async (t) => {
  if (missing(t, ansible, 'ansible-inventory')) return
  const { folder, start } = copyRecipe(scopeOf(t), 'ansible', {})
  const file = join(folder, 'hosts.yml')
  const flat = INI.slice(0, INI.indexOf('[all_sites:children]'))
  // A host in two groups has its variables in the first only.
  writeFileSync(file, list(folder, flat, '--yaml'))
  const { url } = await start()
  const served = await servedTargets(url)
  t.strictSame(served, {
    ...EXPECTED,
    '10.3.9.1:9100': { host: 'bastion', groups: ',ungrouped,' },
  })
  writeFileSync(file, list(folder, INI, '--yaml'))
  t.not((await refresh(url)).status, 200)
  t.equal((await sourceHealth(url)).failure?.reason, 'refused')
  t.strictSame(await servedTargets(url), served)
})

t.test(
  'an inventory that cannot be parsed fails the refresh; without the variable it is empty',
  async (t) => {
    if (missing(t, ansible, 'ansible-inventory')) return
    const scope = scopeOf(t)
    const strict = copyRecipe(scope, 'ansible-list', {})
    const lax = copyRecipe(scope, 'ansible-list', { [STRICT]: '' })
    for (const { folder } of [strict, lax]) writeFileSync(join(folder, 'inventory'), YAML)
    const urls = { strict: (await strict.start({ PATH })).url, lax: (await lax.start({ PATH })).url }
    for (const { folder } of [strict, lax]) writeFileSync(join(folder, 'inventory'), '{ all: [\n')

    t.not((await refresh(urls.strict)).status, 200)
    t.match(await sourceHealth(urls.strict), { records: 5, failure: { reason: 'command' } })
    t.strictSame(await servedTargets(urls.strict), EXPECTED)

    t.equal((await refresh(urls.lax)).status, 200)
    t.match(await sourceHealth(urls.lax), { records: 0, failure: null, absent: 5 })
    t.strictSame(await servedTargets(urls.lax), EXPECTED, 'the guard keeps what an empty list lacks')
  },
)
