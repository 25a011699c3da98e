import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { run, start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { createPipes } from '../helpers/pipes.ts'
import { until } from '../helpers/until.ts'

/** How a process ends that leaves threads behind in a file system: only a newer Node.js can say more than a signal. */
const endOf = (code: 0 | 1) => {
  if ('execve' in process) return { code, signal: null }
  return { code: null, signal: code === 0 ? 'SIGTERM' : 'SIGKILL' }
}

/** A configuration of sources with passwords in files that hang, each in a folder of its own, and of one that works. */
async function hangingSources(t: Test, count: number) {
  const pipes = createPipes(t)
  const inventory = await inventoryServer(t, ['sensor_0'])
  const folder = t.testdir()
  const hanging = Array.from({ length: count }, (_, index) => {
    const file = pipes.make(join(folder, `${index}`, 'password'))
    const http = { url: inventory.url.href, basic_auth: { username: 'u', password_file: file } }
    return { name: `hangs-${index}`, http, refresh_interval: '200ms' }
  })
  // By its name, so that the platform has to look that up.
  const url = inventory.url.href.replace('127.0.0.1', 'localhost')
  const path = join(folder, 'rollcall.yml')
  const sources = [...hanging, { name: 'works', http: { url }, refresh_interval: '200ms' }]
  writeFileSync(path, stringify({ sources }))
  return { inventory, path }
}

t.test(
  '78: four secret files that hang stop no other source, are told, and SIGTERM ends it all',
  async (t) => {
    const { inventory, path } = await hangingSources(t, 4)
    const { url, child, ended, err } = await start(t, [`--config.file=${path}`])
    await until('the fifth source works', async () => (await fetch(`${url}/targets/works`)).status === 200)
    inventory.json(['sensor_0', 'sensor_1'])
    await until('what changes is served', async () =>
      (await (await fetch(`${url}/targets/works`)).text()).includes('sensor_1'),
    )
    for (const name of ['hangs-0', 'hangs-1', 'hangs-2', 'hangs-3']) {
      const source = await until(`${name} fails`, async () => {
        const { sources } = (await (await fetch(`${url}/health`)).json()) as Health
        const found = sources[name]
        return found?.failure?.reason === 'file' && found
      })
      t.match(source.failure?.message, /the secret file \S+ cannot be read: reading \S+ hangs: /)
    }
    child.kill('SIGTERM')
    t.same(await ended, endOf(0))
    t.match(err(), /"msg":"not waiting for file systems that hang; check their mounts"/)
    t.match(err(), /"msg":"stopped"/)
  },
)

interface Health {
  readonly sources: Readonly<Record<string, { failure: { reason: string; message: string } | null }>>
}

t.test('36, 78: a second signal, and the shutdown timeout, end it at once while files hang', async (t) => {
  const { path } = await hangingSources(t, 1)
  const flags = [`--config.file=${path}`, '--web.drain-delay=20s']
  const { url, child, ended, err } = await start(t, flags)
  await until('the other works', async () => (await fetch(`${url}/targets/works`)).status === 200)
  child.kill('SIGTERM')
  await until('it drains', () => err().includes('"msg":"stopping"'))
  child.kill('SIGTERM')
  t.same(await ended, endOf(1))
})

t.test('78: a command that reads a file that hangs says so, and ends', async (t) => {
  const { path } = await hangingSources(t, 1)
  const { code, err } = await run(['check', `--config.file=${path}`])
  t.equal(code, endOf(1).code)
  t.match(err, /password_file: the secret file \S+ cannot be read: reading \S+ hangs: /)
})
