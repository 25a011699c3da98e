import { join } from 'node:path'
import t from 'tap'
import { packArchive, readArchive } from '../../src/backup/archive.ts'
import { install, isEmptyFolder, unpackPending } from '../../src/backup/install.ts'
import { manualClock } from '../helpers/clock.ts'
import { memoryFiles } from '../helpers/memory-files.ts'

const FOLDER = '/data'
const UUID = '12345678-1234-1234-1234-123456789abc'
const BACKUP = { 'a.0123456789abcdef.json': 'list', 'a.snapshot': 'roll', 'push/b.journal': 'devices' }

async function backupOf(contents: Record<string, string>) {
  const parts = Object.entries(contents).map(([path, text]) => ({ path, pieces: [Buffer.from(text)] }))
  const stream = await packArchive(parts, { rollcall: '1', atMs: 0 }, undefined)
  const packed = Buffer.concat(await stream.toArray())
  return { packed, archive: await readArchive(packed) }
}

async function folderOf(contents: Record<string, string>) {
  const files = memoryFiles({ clock: manualClock() })
  for (const [path, text] of Object.entries(contents))
    await files.write(join(FOLDER, path), Buffer.from(text), { makeFolder: true })
  const there = () =>
    Object.fromEntries(
      Object.entries(files.contents()).map(([path, text]) => [path.slice(FOLDER.length + 1), text]),
    )
  return { files, there }
}

t.test('a folder that is missing is made, and has what the backup has', async (t) => {
  const { files, there } = await folderOf({})
  const { packed, archive } = await backupOf(BACKUP)
  await install(files, FOLDER, packed, archive)
  t.same(there(), BACKUP)
})

t.test('what Rollcall kept is replaced, and what is of others stays', async (t) => {
  const others = { 'a.json': 'file_sd', 'push/notes': 'x', 'c.0123456789abcdef.json.bak': 'x' }
  const { files, there } = await folderOf({
    ...others,
    'a.snapshot': 'old',
    'c.snapshot': 'old',
    'push/c.journal': 'old',
    [`.restored.${UUID}.tmp`]: 'half',
    [`c.snapshot.${UUID}.tmp`]: 'half',
  })
  const { packed, archive } = await backupOf(BACKUP)
  await install(files, FOLDER, packed, archive)
  t.same(there(), { ...others, ...BACKUP })
})

t.test('whatever is killed or fails in the middle is finished later, or never began', async (t) => {
  const old = { 'c.snapshot': 'old', 'push/c.journal': 'old' }
  const { packed, archive } = await backupOf(BACKUP)
  for (const failing of ['.restored', 'c.snapshot', 'a.snapshot', 'push/b.journal']) {
    const { files, there } = await folderOf(old)
    files.fail(join(FOLDER, failing), 'EIO')
    await t.rejects(install(files, FOLDER, packed, archive), { code: 'EIO' })
    files.fail(join(FOLDER, failing), undefined)
    await unpackPending(files, FOLDER)
    t.same(there(), failing === '.restored' ? old : BACKUP, failing)
  }
})

t.test('a folder is empty when nothing is in it that anybody wrote on purpose', async (t) => {
  const { files } = await folderOf({ [`.restored.${UUID}.tmp`]: '', 'lost+found/x': '' })
  t.ok(await isEmptyFolder(files, FOLDER))
  t.ok(await isEmptyFolder(files, '/elsewhere'))
  await files.write(join(FOLDER, 'a.json'), Buffer.from(''))
  t.notOk(await isEmptyFolder(files, FOLDER))
  files.fail(FOLDER, 'EACCES')
  await t.rejects(isEmptyFolder(files, FOLDER), { code: 'EACCES' })
})
