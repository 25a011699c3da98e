import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import t from 'tap'
import { createDiskCopy } from '../../src/snapshot/disk.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { freeze } from '../../src/snapshot/snapshot.ts'
import { spawnNode } from '../helpers/node.ts'
import { isThorough } from '../helpers/thorough.ts'

const snapshotOf = (...targets: string[]) =>
  freeze(encodeGroups([{ targets, labels: [] }]), { groups: 1, targets: targets.length }, 1_000)

t.test('what is saved is loaded, byte by byte', async (t) => {
  const folder = join(t.testdir(), 'made', 'when needed')
  const copy = createDiskCopy(folder, 'sensors', 'here')
  t.equal(await copy.load(), undefined, 'nothing at first')
  const snapshot = await snapshotOf('a:1', 'b:1')
  await copy.save(snapshot, 1_000)
  t.same(await copy.load(), { snapshot, lastSuccessMs: 1_000 })
  t.ok(await copy.confirm(snapshot, 1_234_567_000))
  t.same(await copy.load(), { snapshot, lastSuccessMs: 1_234_567_000 })
})

t.test('the group file is a file_sd file, and only the current one is there', async (t) => {
  // Others may keep files of theirs in the folder: an inventory, a file_sd file, a copy of either.
  const others = [
    'sensors.json',
    'sensors.targets.json',
    'sensors.backup.json',
    'sensors.tmp',
    'sensors.0123456789abcdef.json.tmp',
    'sensors2.json',
    'sensors2.0123456789abcdef.json',
    'a.sensors.0123456789abcdef.json',
  ]
  const left = `${randomUUID()}.tmp`
  const ours = [
    'sensors.0123456789abcdef.json',
    `sensors.0123456789abcdef.json.${left}`,
    `sensors.snapshot.${left}`,
  ]
  const folder = t.testdir(Object.fromEntries([...others, ...ours].map((name) => [name, 'text'])))
  const copy = createDiskCopy(folder, 'sensors', 'here')
  await copy.save(await snapshotOf('a:1'), 1_000)
  const latest = await snapshotOf('b:1')
  await copy.save(latest, 1_000)
  const file = `sensors.${latest.digest.slice(0, 16)}.json`
  t.same(readdirSync(folder).sort(), [...others, file, 'sensors.snapshot'].sort())
  t.same(JSON.parse(readFileSync(join(folder, file), 'utf8')), [{ targets: ['b:1'], labels: {} }])
})

t.test('what cannot be tidied away does not fail what was kept', async (t) => {
  const folder = t.testdir({ 'sensors.0123456789abcdef.json': { in: 'the way' } })
  const copy = createDiskCopy(folder, 'sensors', 'here')
  const snapshot = await snapshotOf('a:1')
  await copy.save(snapshot, 1_000)
  t.match(await copy.load(), { snapshot: { digest: snapshot.digest } })
})

t.test('32: what is corrupt, foreign or of another version is refused', async (t) => {
  const folder = t.testdir()
  const copy = createDiskCopy(folder, 'sensors', 'here')
  const snapshot = await snapshotOf('a:1')
  await copy.save(snapshot, 1_000)
  const pointer = join(folder, 'sensors.snapshot')
  const good = readFileSync(pointer, 'utf8')
  const groups = join(folder, `sensors.${snapshot.digest.slice(0, 16)}.json`)
  writeFileSync(groups, '[]')
  await t.rejects(copy.load(), { message: /is not the file that was written: its digest differs/ })
  for (const [text, message] of [
    ['', /JSON/],
    ['{"format":', /JSON/],
    ['null', /has the format undefined, not 1/],
    ['{"format":2}', /has the format 2, not 1: another version wrote it/],
    [good.replace(snapshot.digest.slice(0, 16), 'missing'), /ENOENT/],
  ] as const) {
    writeFileSync(pointer, text)
    await t.rejects(copy.load(), { message }, text)
  }
})

t.test('32: the list of another inventory is not read', async (t) => {
  const folder = t.testdir()
  const snapshot = await snapshotOf('a:1')
  await createDiskCopy(folder, 'sensors', 'here').save(snapshot, 1_000)
  await t.rejects(createDiskCopy(folder, 'sensors', 'elsewhere').load(), {
    message: /holds the list of another inventory; it is replaced once this one is read/,
  })
  t.ok(await createDiskCopy(folder, 'sensors', 'here').load())
  const pointer = join(folder, 'sensors.snapshot')
  const { origin, ...older } = JSON.parse(readFileSync(pointer, 'utf8'))
  t.equal(origin, 'here')
  writeFileSync(pointer, JSON.stringify(older))
  t.ok(await createDiskCopy(folder, 'sensors', 'here').load(), 'before there were origins')
})

t.test('33: a folder that cannot be written is an error, and what was kept stays', async (t) => {
  const folder = t.testdir({ file: 'not a folder' })
  const copy = createDiskCopy(join(folder, 'file'), 'sensors', 'here')
  const snapshot = await snapshotOf('a:1')
  await t.rejects(copy.save(snapshot, 1_000))
  await t.rejects(copy.confirm(snapshot, 1), { code: 'ENOTDIR' })
  await t.rejects(copy.load(), { code: 'ENOTDIR' })
})

t.test('33: what is not kept any more, or not what was saved, is not confirmed', async (t) => {
  const folder = t.testdir()
  const [copy, other] = [createDiskCopy(folder, 'sensors', 'here'), createDiskCopy(folder, 'sensors', 'here')]
  const snapshot = await snapshotOf('a:1')
  t.notOk(await copy.confirm(snapshot, 1), 'nothing was saved')
  await copy.save(snapshot, 1_000)
  t.notOk(await other.confirm(snapshot, 1), 'another process saved it')
  const groups = join(folder, `sensors.${snapshot.digest.slice(0, 16)}.json`)
  truncateSync(groups, 5)
  t.notOk(await copy.confirm(snapshot, 1), 'the list is cut')
  rmSync(groups)
  t.notOk(await copy.confirm(snapshot, 1), 'the list is gone')
  await copy.save(snapshot, 1_000)
  t.ok(await copy.confirm(snapshot, 2_000))
  await other.save(await snapshotOf('b:1'), 1_000)
  t.notOk(await copy.confirm(snapshot, 3_000), 'another process saved another one')
  t.not((await copy.load())?.lastSuccessMs, 3_000, 'which was not confirmed either')
})

/** How often the writer is killed, at moments that are spread over its first 140 ms. */
const KILLS = isThorough ? 200 : 20

t.test(
  `31: a writer that is killed at any moment, ${KILLS} times, leaves a whole list, the old one or a new one`,
  { timeout: 110_000 },
  async (t) => {
    const folder = t.testdir()
    const modules = ['disk', 'encode', 'snapshot'].map((name) => resolve(`build/src/snapshot/${name}.js`))
    const script = `
const [disk, encode, snapshot] = await Promise.all(${JSON.stringify(modules)}.map((path) => import(path)))
const copy = disk.createDiskCopy(${JSON.stringify(folder)}, 'sensors', 'here')
for (let round = 0; ; round++) {
  const targets = Array.from({ length: 500 }, (_, index) => 'sensor-' + index + ':' + (1 + (round % 60000)))
  await copy.save(await snapshot.freeze(encode.encodeGroups([{ targets, labels: [] }]), { groups: 1, targets: 500 }, round), 1_000)
  if (round === 0) console.log('first')
}`
    for (let kill = 0; kill < KILLS; kill++) {
      const child = spawnNode(['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(child.stdout as Readable, 'data')
      await new Promise<void>((done) => void setTimeout(done, (140 * kill) / KILLS))
      child.kill('SIGKILL')
      await once(child, 'close')
      const kept = await createDiskCopy(folder, 'sensors', 'here').load()
      const [group] = JSON.parse(String(kept?.snapshot.body)) as { targets: string[] }[]
      t.equal(new Set(group?.targets.map((target) => target.split(':')[1])).size, 1, 'one generation')
      t.equal(group?.targets.length, 500)
    }
    t.ok(existsSync(join(folder, 'sensors.snapshot')))
  },
)
