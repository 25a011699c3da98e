import { execFileSync, spawn } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MessageChannel } from 'node:worker_threads'
import { gzip } from 'node:zlib'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { createFiles, type Files } from '../../src/base/files.ts'
import { serve } from '../../src/base/files-worker.ts'
import { type ManualClock, manualClock } from '../helpers/clock.ts'
import { memoryFiles } from '../helpers/memory-files.ts'
import { createPipes } from '../helpers/pipes.ts'
import { until } from '../helpers/until.ts'

/** Files over a real folder, and a clock that the test moves. */
function realFiles(t: Test) {
  const pipes = createPipes(t)
  const clock = manualClock()
  const files = createFiles({ clock })
  return { files, clock, pipes, folder: t.testdir() }
}

/** Files that do all that is asked of them in a thread of their own, since the pool's share of theirs hangs. */
function threadFiles(t: Test) {
  const { folder, ...real } = realFiles(t)
  const { files, clock, pipes } = real
  for (const name of ['hangs-1', 'hangs-2']) {
    files.read(pipes.make(join(folder, name, 'pipe'))).catch(() => {})
  }
  clock.advance(1_000)
  const inside = join(folder, 'inside')
  mkdirSync(inside)
  return { ...real, folder: inside }
}

/** What a file system of any kind is tested with. */
interface Setup {
  readonly files: Files
  readonly clock: ManualClock
  /** An empty folder. */
  readonly folder: string
  /** Makes a file in a folder of its own that hangs. */
  hang(): string
  letGo(path: string): void
}

const IMPLEMENTATIONS: Record<string, (t: Test) => Setup> = {
  'in the pool': (t) => {
    const real = realFiles(t)
    return {
      ...real,
      hang: () => real.pipes.make(join(real.folder, 'hung', 'pipe')),
      letGo: real.pipes.release,
    }
  },
  'in a thread': (t) => {
    const real = threadFiles(t)
    return {
      ...real,
      hang: () => real.pipes.make(join(real.folder, 'hung', 'pipe')),
      letGo: real.pipes.release,
    }
  },
  'in memory': () => {
    const clock = manualClock()
    const files = memoryFiles({ clock })
    files.makeFolder('/folder/hung')
    const hang = () => {
      files.hang('/folder/hung/pipe')
      return '/folder/hung/pipe'
    }
    return { files, clock, folder: '/folder', hang, letGo: (path) => files.release(path) }
  },
}

const text = (bytes: Buffer | undefined) => bytes?.toString()

for (const [where, setUp] of Object.entries(IMPLEMENTATIONS)) {
  t.test(where, async (t) => {
    t.test('a folder is made with those above it, once', async (t) => {
      const { files, folder } = setUp(t)
      const path = join(folder, 'above', 'below')
      await files.makeFolder(path)
      await files.makeFolder(path)
      t.match(await files.look(path), { kind: 'folder' })
      t.same(await files.list(join(folder, 'above')), ['below'])
    })

    t.test('a file is written, read, looked at, renamed, listed and removed', async (t) => {
      const { files, folder } = setUp(t)
      const path = join(folder, 'a.json')
      t.equal(await files.read(path), undefined, 'a missing file is undefined')
      t.equal(await files.look(path), undefined)
      await files.remove(path)
      const first = await files.write(path, Buffer.from('one'))
      t.equal(text(await files.read(path)), 'one')
      t.ok(Buffer.isBuffer(await files.read(path)))
      t.match(await files.look(path), { ...first, size: 3n, kind: 'file' })
      const second = await files.write(path, Buffer.from('two'))
      t.notSame(second, first, 'another file in its place is told from it')
      await files.rename(path, join(folder, 'b.json'))
      t.ok((await files.list(folder)).includes('b.json'))
      t.notOk((await files.list(folder)).includes('a.json'))
      t.equal(text(await files.read(join(folder, 'b.json'))), 'two')
      await files.remove(join(folder, 'b.json'))
      t.equal(await files.read(join(folder, 'b.json')), undefined)
      t.match(await files.look(folder), { kind: 'folder' })
      t.equal(text(await files.read(join(folder, 'a.json'), { isPlain: true })), undefined)
    })

    t.test('an empty file is a file', async (t) => {
      const { files, folder } = setUp(t)
      await files.write(join(folder, 'empty'), Buffer.alloc(0))
      t.equal(text(await files.read(join(folder, 'empty'))), '')
      t.equal(text(await files.read(join(folder, 'empty'), { isPlain: true })), '')
    })

    t.test('what is appended comes after what is there, and only to a file that is there', async (t) => {
      const { files, folder } = setUp(t)
      const path = join(folder, 'journal')
      await t.rejects(files.append(path, Buffer.from('x')), { code: 'ENOENT' })
      await files.write(path, Buffer.from('one\n'))
      await Promise.all([
        files.append(path, Buffer.from('two\n')),
        files.append(path, Buffer.from('three\n')),
      ])
      t.equal(text(await files.read(path)), 'one\ntwo\nthree\n')
      const mark = await files.write(path, Buffer.from('new\n'))
      const longer = await files.append(path, Buffer.from('more\n'), mark)
      await files.append(path, Buffer.from('again\n'), longer)
      await t.rejects(files.append(path, Buffer.from('x'), longer), 'it is longer by now')
      t.equal(text(await files.read(path)), 'new\nmore\nagain\n')
      await files.write(path, Buffer.from('new\n'))
      await t.rejects(files.append(path, Buffer.from('x'), mark), 'it is another file')
      t.equal(text(await files.read(path)), 'new\n')
    })

    t.test('what cannot be done is the error of the platform', async (t) => {
      const { files, folder } = setUp(t)
      const lost = join(folder, 'missing', 'file')
      await t.rejects(files.list(join(folder, 'missing')), { code: 'ENOENT' })
      await t.rejects(files.rename(lost, join(folder, 'x')), { code: 'ENOENT' })
      await t.rejects(files.write(lost, Buffer.from('x')), { code: 'ENOENT' })
      await t.rejects(files.access(lost, 'read'), { code: 'ENOENT' })
      await t.rejects(files.access(join(folder, 'missing'), 'write'), { code: 'ENOENT' })
      await t.rejects(files.read(folder), { code: 'EISDIR' })
      await files.write(lost, Buffer.from('x'), { makeFolder: true })
      await files.access(lost, 'read')
      await files.access(join(folder, 'missing'), 'write')
      await t.rejects(files.access(lost, 'write'), { code: 'ENOTDIR' })
    })

    t.test('a file that is too large, or none, is refused', async (t) => {
      const { files, folder } = setUp(t)
      await files.write(join(folder, 'file'), Buffer.from('12345'))
      t.equal(text(await files.read(join(folder, 'file'), { maxBytes: 5 })), '12345')
      await t.rejects(files.read(join(folder, 'file'), { maxBytes: 4 }), {
        message: 'it has more than 4 bytes',
      })
      await t.rejects(files.read(folder, { isPlain: true }), { message: 'it is a folder, not a file' })
    })

    t.test(
      '78: what hangs fails at its deadline, all else in its folder too, and nothing elsewhere',
      async (t) => {
        const { files, clock, folder, hang, letGo } = setUp(t)
        const path = hang()
        const reading = files.read(path)
        const behind = files.list(join(folder, 'hung'))
        const failed = [
          t.rejects(reading, {
            name: 'HangingFileError',
            message: `reading ${path} hangs: there has been no answer for 10 s; check the mount of the file system, or who writes into it if it is a pipe`,
          }),
          t.rejects(behind, { message: /^listing \S+hung waits for reading \S+pipe, which hangs: / }),
        ]
        clock.pass(10_000)
        await Promise.all(failed)
        await t.rejects(
          files.look(path),
          { message: /^looking at .* waits for reading .*, which hangs: / },
          'at once',
        )
        await files.write(join(folder, 'elsewhere'), Buffer.from('x'))
        letGo(path)
        await until('the folder can be used again', () => files.list(join(folder, 'hung')))
      },
    )
  })
}

t.test('a file is replaced whole, and nothing is left beside it', async (t) => {
  const { files, folder } = realFiles(t)
  const path = join(folder, 'file')
  writeFileSync(path, 'before')
  // More than is written and read at a time.
  const body = Buffer.alloc(20 * 2 ** 20, 'x')
  const { ino, size } = await files.write(path, body)
  t.ok(body.equals((await files.read(path)) as Buffer))
  t.same([ino, size], [BigInt(statSync(path).ino), BigInt(body.length)])
  t.same(readdirSync(folder), ['file'])
  mkdirSync(join(folder, 'taken'))
  await t.rejects(files.write(join(folder, 'taken'), body), { code: 'EISDIR' })
  t.same(readdirSync(folder).sort(), ['file', 'taken'], 'a write that failed leaves nothing')
})

t.test('the file behind a symbolic link is replaced, and the link stays', async (t) => {
  const { files, folder } = realFiles(t)
  mkdirSync(join(folder, 'real'))
  writeFileSync(join(folder, 'real', 'file'), 'before')
  symlinkSync('real/file', join(folder, 'link'))
  symlinkSync('link', join(folder, 'second'))
  await files.write(join(folder, 'second'), Buffer.from('after'))
  t.equal(readFileSync(join(folder, 'real', 'file'), 'utf8'), 'after')
  t.same([readlinkSync(join(folder, 'link')), readlinkSync(join(folder, 'second'))], ['real/file', 'link'])
  symlinkSync('real/new', join(folder, 'dangling'))
  await files.write(join(folder, 'dangling'), Buffer.from('new'))
  t.equal(readFileSync(join(folder, 'real', 'new'), 'utf8'), 'new')
  t.ok(lstatSync(join(folder, 'dangling')).isSymbolicLink())
  symlinkSync('loop', join(folder, 'loop'))
  await t.rejects(files.write(join(folder, 'loop'), Buffer.from('x')), { code: 'ELOOP' })
  t.same(readdirSync(join(folder, 'real')).sort(), ['file', 'new'])
})

t.test('what does not say how long it is is read to its end', async (t) => {
  const { files, pipes, folder } = realFiles(t)
  t.match(text(await files.read('/proc/self/status')), /^Name:/)
  const path = pipes.make(join(folder, 'pipe'))
  const reading = files.read(path, { maxBytes: 100_000 })
  const writer = await until('it is read', () => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  writeSync(writer, 'secret')
  closeSync(writer)
  t.equal(text(await reading), 'secret')
  await t.rejects(files.read('/dev/zero', { maxBytes: 100_000 }), {
    message: 'it has more than 100000 bytes',
  })
  await t.rejects(files.read(path, { isPlain: true }), { message: 'it is a pipe or device, not a file' })
})

t.test('78: what goes on is not late, however long it takes, nor is what waits for it', async (t) => {
  const { files, clock, pipes, folder } = realFiles(t)
  const path = pipes.make(join(folder, 'pipe'))
  const reading = files.read(path)
  const listing = files.list(folder)
  const writer = await until('it is read', () => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  // As much as a pipe holds: there is room again when the reader has taken it.
  const piece = Buffer.alloc(2 ** 16, 'x')
  for (let times = 0; times < 30; times++) {
    await until('there is room', () => writeSync(writer, piece) === piece.length)
    clock.pass(1_000)
  }
  closeSync(writer)
  t.equal((await reading)?.length, 30 * 2 ** 16)
  t.same(await listing, ['pipe'])
})

t.test('78: four folders that hang stop neither a fifth, nor names, nor compression', async (t) => {
  const { files, clock, pipes, folder } = realFiles(t)
  const paths = ['1', '2', '3', '4'].map((name) => pipes.make(join(folder, name, 'pipe')))
  const late = paths.map((path) => t.rejects(files.read(path), { name: 'HangingFileError' }))
  const fifth = files.write(join(folder, 'fifth', 'file'), Buffer.from('x'), { makeFolder: true })
  t.same(files.underWay(), paths.slice(0, 2), 'two threads of the pool are held, and no more')
  // First the pool's share is seen to hang, then one thread after the other.
  clock.pass(1_000)
  t.same(files.underWay(), paths.slice(0, 3))
  clock.pass(2_000)
  await fifth
  await lookup('localhost')
  await promisify(gzip)('x')
  clock.pass(10_000)
  await Promise.all(late)
  t.same(files.underWay(), paths)
  for (const path of paths) pipes.release(path)
  await until('all have ended', () => files.underWay().length === 0)
  t.same(await files.list(join(folder, '4')), ['pipe'])
})

t.test('78: when seven hang the last is refused, and it is said what hangs', async (t) => {
  const { files, clock, pipes, folder } = realFiles(t)
  const paths = ['1', '2', '3', '4', '5', '6'].map((name) => pipes.make(join(folder, name, 'pipe')))
  const late = paths.map((path) => files.read(path).catch(() => {}))
  clock.pass(6_000)
  t.same(files.underWay(), paths)
  const last = t.rejects(files.list(folder), {
    message: `listing ${folder} waits for reading ${paths[0]}, which hangs: there has been no answer for 10 s; check the mount of the file system, or who writes into it if it is a pipe`,
  })
  clock.pass(16_000)
  await Promise.all([...late, last])
  for (const path of paths) pipes.release(path)
  await until('all have ended', () => files.underWay().length === 0)
  t.same((await files.list(folder)).length, 6)
})

t.test('the end refuses what waits, and waits a second for what has begun', async (t) => {
  const { files, clock, pipes, folder } = realFiles(t)
  await files.close()
  await t.rejects(files.list(folder), { message: 'the process is ending' })

  const busy = createFiles({ clock })
  const listing = busy.list(folder)
  const waiting = t.rejects(busy.list(folder), { message: 'the process is ending' })
  await busy.close()
  await Promise.all([listing, waiting])
  t.same(clock.pending(), [])

  const stuck = createFiles({ clock })
  const path = pipes.make(join(folder, 'pipe'))
  void stuck.read(path)
  const closed = stuck.close()
  clock.pass(1_000)
  await closed
  t.same(stuck.underWay(), [path])
})

t.test('80: a thread that cannot start fails what it was to do, and another one is tried', async (t) => {
  const { files, clock, pipes, folder } = realFiles(t)
  for (const name of ['1', '2']) files.read(pipes.make(join(folder, name, 'pipe'))).catch(() => {})
  clock.pass(1_000)
  const { pid } = process
  // Started before: it needs file descriptors too.
  const restore = spawn('sh', ['-c', `read line; exec prlimit --pid=${pid} --nofile=1024:`])
  await once(restore, 'spawn')
  execFileSync('prlimit', [`--pid=${pid}`, '--nofile=3:'])
  const failed = await files.list(folder).catch((error) => error)
  restore.stdin.end('\n')
  await once(restore, 'exit')
  t.match(failed, { code: /^(EMFILE|ERR_WORKER_INIT_FAILED)$/ })
  t.same((await files.list(folder)).sort(), ['1', '2'])
})

t.test('a thread does what comes through its port, and counts the calls', async (t) => {
  const { port1, port2 } = new MessageChannel()
  const calls = new Int32Array(1)
  serve(port2, calls)
  t.teardown(() => port1.close())
  const ask = (job: readonly unknown[]) =>
    new Promise((resolve) => {
      port1.once('message', resolve)
      port1.postMessage(job)
    })
  const folder = t.testdir({ file: 'text' })
  t.same(await ask(['list', folder]), { value: ['file'] })
  t.match(await ask(['read', join(folder, 'file'), {}]), { value: Buffer.from('text') })
  t.match(await ask(['list', join(folder, 'no')]), { error: { code: 'ENOENT', syscall: 'scandir' } })
  t.ok(Atomics.load(calls, 0) >= 6)
})

t.test('with the real clock all of it works too', async (t) => {
  const files = createFiles({ clock: systemClock })
  t.same(await files.list(t.testdir({ file: '' })), ['file'])
})
