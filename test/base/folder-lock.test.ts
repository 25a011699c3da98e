import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import type { Files } from '../../src/base/files.ts'
import { type FolderLock, LOCK, lockFolder } from '../../src/base/folder-lock.ts'
import { diskFiles } from '../helpers/files.ts'
import { spawnNode } from '../helpers/node.ts'

/** A folder whose path is short enough for a socket. */
function shortFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'lock-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

const IN_USE = { name: 'StartError', message: /^--storage\.path: .* is in use by another Rollcall; / }

/** Locks a folder; fails when it cannot be known whether it is free. */
async function lock(folder: string, files: Files = diskFiles): Promise<FolderLock> {
  const locked = await lockFolder(files, folder, (error) => {
    throw error
  })
  return locked as FolderLock
}

/** Another process that locks a folder, and is killed; its lock stays behind. */
async function killedIn(folder: string): Promise<void> {
  const [locks, files, clock] = ['folder-lock', 'files', 'clock'].map((name) => {
    return JSON.stringify(resolve(`build/src/base/${name}.js`))
  })
  const script = `
const [{ lockFolder }, { createFiles }, { systemClock }] =
  await Promise.all([import(${locks}), import(${files}), import(${clock})])
await lockFolder(createFiles({ clock: systemClock }), ${JSON.stringify(folder)}, console.error)
console.log('locked')
setInterval(() => {}, 1000)`
  const child = spawnNode(['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout as Readable, 'data')
  await t.rejects(lock(folder), IN_USE, 'while it lives')
  child.kill('SIGKILL')
  await once(child, 'close')
}

t.test('a folder belongs to one process until that lets go of it', async (t) => {
  const folder = join(shortFolder(t), 'made', 'when needed')
  const first = await lock(folder)
  await t.rejects(lock(folder), IN_USE)
  await t.rejects(lock(folder), IN_USE, 'also once it was asked')
  await first.release()
  t.same(readdirSync(folder), [], 'nothing stays')
  const second = await lock(folder)
  await second.release()
})

t.test('a lock that a killed process left is replaced, by one of those that want it', async (t) => {
  const folder = shortFolder(t)
  await killedIn(folder)
  t.ok(existsSync(join(folder, LOCK)))
  const all = await Promise.allSettled([lock(folder), lock(folder), lock(folder)])
  const [first, ...others] = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  t.same(others, [])
  await t.rejects(lock(folder), IN_USE)
  await first?.release()
  t.same(readdirSync(folder), [])
})

t.test('who finds a lock left behind that another replaces meanwhile gives it back', async (t) => {
  const folder = shortFolder(t)
  await killedIn(folder)
  let other: FolderLock | undefined
  const rename: Files['rename'] = async (...args) => {
    other ??= await lock(folder)
    return diskFiles.rename(...args)
  }
  await t.rejects(lock(folder, { ...diskFiles, rename }), IN_USE)
  await t.rejects(lock(folder), IN_USE, 'the other has it still')
  await other?.release()
  t.same(readdirSync(folder), [])
})

t.test('who finds a lock left behind that is gone a moment later takes it', async (t) => {
  const folder = shortFolder(t)
  await killedIn(folder)
  const path = join(folder, LOCK)
  const look: Files['look'] = async (...args) => {
    rmSync(path, { force: true })
    return diskFiles.look(...args)
  }
  const first = await lock(folder, { ...diskFiles, look })
  t.ok(first)
})

t.test(
  'who finds a lock left behind that another moves meanwhile begins anew; other errors are told',
  async (t) => {
    const folder = shortFolder(t)
    await killedIn(folder)
    const failing = (code: string) => ({
      ...diskFiles,
      async rename() {
        rmSync(join(folder, LOCK))
        throw Object.assign(new Error(code), { code })
      },
    })
    const first = await lock(folder, failing('ENOENT'))
    t.ok(existsSync(join(folder, LOCK)))
    await first.release()
    await killedIn(folder)
    await t.rejects(lock(folder, failing('EIO')), { code: 'EIO' })
  },
)

t.test('a path that is too long may be short enough from the working folder', async (t) => {
  const deep = join(shortFolder(t), 'x'.repeat(90))
  mkdirSync(deep)
  const before = process.cwd()
  process.chdir(deep)
  t.teardown(() => process.chdir(before))
  const first = await lock(join(deep, 'data'))
  await t.rejects(lock(join(deep, 'data')), IN_USE)
  await first.release()
  t.same(readdirSync(join(deep, 'data')), [])
})

t.test('what is no lock is left alone, and told', async (t) => {
  const folder = shortFolder(t)
  writeFileSync(join(folder, LOCK), 'mine')
  const long = join(folder, 'x'.repeat(90))
  mkdirSync(join(folder, 'in the way'))
  writeFileSync(join(folder, 'in the way', 'file'), '')
  const rows: [folder: string, error: RegExp][] = [
    [folder, /lock is a file, not a lock of Rollcall/],
    [long, /longer than the 90 bytes/],
    [join(folder, 'in the way', 'file'), /EEXIST|ENOTDIR/],
  ]
  for (const [path, error] of rows) {
    const failures: unknown[] = []
    t.equal(await lockFolder(diskFiles, path, (failure) => failures.push(failure)), undefined)
    t.match(failures, [{ message: error }])
  }
  const left = join(folder, 'lost')
  mkdirSync(join(left, LOCK, 'folder'), { recursive: true })
  await t.rejects(lock(left), /lock is a folder/)
  const looped = join(folder, 'looped')
  mkdirSync(looped)
  symlinkSync(LOCK, join(looped, LOCK))
  await t.rejects(lock(looped), { code: 'ELOOP' }, 'whether anybody listens there cannot be known')
  const missing = join(folder, 'missing')
  await t.rejects(lock(missing, { ...diskFiles, makeFolder: async () => {} }), { message: /^listen / })
})

t.test('a lock whose file is that of another, or cannot be looked at, is left alone', async (t) => {
  const folder = shortFolder(t)
  let isHanging = false
  const look: Files['look'] = async (...args) => {
    if (isHanging) throw new Error('hangs')
    return diskFiles.look(...args)
  }
  const first = await lock(folder, { ...diskFiles, look })
  isHanging = true
  await first.release()
  await t.rejects(lock(folder), IN_USE, 'it is closed with the process')
  isHanging = false
  rmSync(join(folder, LOCK))
  const second = await lock(folder)
  await first.release()
  await t.rejects(lock(folder), IN_USE)
  await second.release()
})
