import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fileSdOutput } from '../../src/refresh/outputs.ts'
import { freeze } from '../../src/snapshot/snapshot.ts'

const snapshot = await freeze(Buffer.from('[]'), { groups: 0, targets: 0 }, 1_000)

t.test('what a killed process left beside a file_sd file is removed, and nothing else', async (t) => {
  const folder = t.testdir()
  const left = () => `out.json.${randomUUID()}.tmp`
  const others = [
    'a.out.json.tmp',
    'out.json.bak.tmp',
    `out.json.${randomUUID()}.tmp.keep`,
    `out.json.x${randomUUID()}.tmp`,
    `other.json.${randomUUID()}.tmp`,
    `outxjson.${randomUUID()}.tmp`,
  ]
  for (const name of [left(), left(), ...others]) writeFileSync(join(folder, name), '[')
  // It cannot be removed, which disturbs nothing.
  const stuck = left()
  mkdirSync(join(folder, stuck))
  const output = fileSdOutput(join(folder, 'out.json'))
  await output.write(snapshot, 1_000)
  t.same(readdirSync(folder).sort(), [...others, stuck, 'out.json'].sort())
  t.equal(readFileSync(join(folder, 'out.json'), 'utf8'), '[]')

  const later = left()
  writeFileSync(join(folder, later), '[')
  await output.write(snapshot, 1_000)
  t.ok(readdirSync(folder).includes(later), 'later ones may be those of a write that is under way')
})

t.test('a folder that is missing is told by the write', async (t) => {
  const output = fileSdOutput(join(t.testdir(), 'no', 'out.json'))
  await t.rejects(output.write(snapshot, 1_000), { code: 'ENOENT' })
})
