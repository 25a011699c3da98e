import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkTargetFile, writeMarkedFile, writeTargetFile } from '../../src/snapshot/target-file.ts'

t.test('a file is replaced, readable for everybody, with nothing left beside it', async (t) => {
  const folder = t.testdir({ 'targets.json': 'old' })
  const path = join(folder, 'targets.json')
  await writeTargetFile(path, Buffer.from('new'))
  t.equal(readFileSync(path, 'utf8'), 'new')
  t.equal(statSync(path).mode & 0o444, 0o444)
  t.same(readdirSync(folder), ['targets.json'])
})

t.test('writers at the same time leave one whole file', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'targets.json')
  const bodies = Array.from({ length: 20 }, (_, index) => String(index).repeat(10_000))
  await Promise.all(bodies.map((body) => writeTargetFile(path, Buffer.from(body))))
  t.ok(bodies.includes(readFileSync(path, 'utf8')))
  t.same(readdirSync(folder), ['targets.json'])
})

t.test('33: when it cannot be written, the old file stays and nothing is left beside it', async (t) => {
  const folder = t.testdir({ 'a-file': 'old' })
  await t.rejects(writeTargetFile(join(folder, 'missing', 'targets.json'), Buffer.from('new')), {
    code: 'ENOENT',
  })
  await t.rejects(writeTargetFile(join(folder, 'a-file', 'targets.json'), Buffer.from('new')), {
    code: 'ENOTDIR',
  })
  const taken = join(folder, 'targets.json')
  mkdirSync(taken)
  writeFileSync(join(taken, 'x'), '')
  await t.rejects(writeTargetFile(taken, Buffer.from('new')))
  t.ok(existsSync(join(taken, 'x')))
  chmodSync(taken, 0o700)
  t.same(readdirSync(folder).sort(), ['a-file', 'targets.json'])
})

t.test('a file that was replaced or edited is told from what was written, whatever its size', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'targets.json')
  const body = Buffer.from('["good:9100"]')
  const evil = Buffer.from('["evil:9100"]')
  const rows: [what: string, act: () => void, isRight: boolean][] = [
    ['nothing', () => {}, true],
    ['another size', () => writeFileSync(path, 'short'), false],
    ['edited, of the same size', () => writeFileSync(path, evil), false],
    [
      'replaced, of the same size and age',
      () => {
        const { atime, mtime } = statSync(path)
        writeFileSync(`${path}.new`, evil)
        utimesSync(`${path}.new`, atime, mtime)
        renameSync(`${path}.new`, path)
      },
      false,
    ],
    ['removed', () => rmSync(path), false],
    ['touched only', () => utimesSync(path, 1, 1), true],
    [
      'restored from a copy',
      () => {
        writeFileSync(`${path}.new`, body)
        renameSync(`${path}.new`, path)
      },
      true,
    ],
  ]
  for (const [what, act, isRight] of rows) {
    const mark = await writeMarkedFile(path, body)
    act()
    const now = await checkTargetFile(path, body, mark)
    t.equal(now !== undefined, isRight, what)
    if (now === undefined) continue
    const { ino, mtimeNs } = now
    t.match(await checkTargetFile(path, body, now), { ino, mtimeNs }, 'and stays so')
    t.match(
      await checkTargetFile(path, body, undefined),
      { ino, mtimeNs },
      'also when nothing is known of it',
    )
  }
})
