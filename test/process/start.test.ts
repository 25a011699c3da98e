import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

/** How many starts are met with a signal, each later than the one before. */
const TRIES = 8

/** Whether a process handles SIGHUP: until then it is Node.js that starts, and not yet what it runs. */
function handlesHangup({ pid }: ChildProcess): boolean {
  const caught = /^SigCgt:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (BigInt(`0x${caught}`) & 1n) === 1n
}

t.test(
  '82: SIGHUP at any moment of the start is a reload',
  { skip: !existsSync('/proc/self/status') && 'the signals that a process handles are not told here' },
  async (t) => {
    const inventory = await inventoryServer(t, ['a'])
    const path = join(
      t.testdir({ 'rollcall.yml': `sources:\n  - name: s\n    http: { url: ${inventory.url} }\n` }),
      'rollcall.yml',
    )
    const tellsReload = (text: string) => text.includes('"msg":"configuration reloaded"')
    for (let nth = 0; nth < TRIES; nth++) {
      const hangUp = async (child: ChildProcess, err: () => string) => {
        await until('it handles SIGHUP', () => handlesHangup(child), { everyMs: 1 })
        t.notMatch(err(), 'serving targets', 'long before it serves')
        let looks = 0
        await until('its moment', () => looks++ === nth * 10, { everyMs: 2 })
        child.kill('SIGHUP')
      }
      const { child, ended, err } = await start(t, [`--config.file=${path}`], {}, undefined, hangUp)
      await until(`a reload, asked for at moment ${nth}`, () => tellsReload(err()))
      t.equal(err().match(/"msg":"configuration reloaded"/g)?.length, 1, `moment ${nth}: one reload`)
      child.kill('SIGTERM')
      t.same(await ended, { code: 0, signal: null })
    }
  },
)
