import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { StartError, UsageError } from '../../src/base/errors.ts'
import { restore } from '../../src/commands/restore.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { registeredLine } from '../../src/sources/push/journal.ts'
import { backupOf, filesOfSource, journalOf, keptValue } from '../helpers/backup.ts'
import { diskFiles } from '../helpers/files.ts'

const DEVICE = registeredLine({
  id: 'a',
  registration: { address: 'a:1', host: 'a', port: 1, labels: {} } as never,
  ttlMs: 90_000,
  token: undefined,
})

/** Restores into a folder of the test, ninety seconds after the epoch. */
function restoring(t: Test) {
  const folder = t.testdir()
  const data = join(folder, 'data')
  return {
    folder,
    data,
    write(name: string, bytes: string | Uint8Array) {
      const path = join(folder, name)
      writeFileSync(path, bytes)
      return path
    },
    async run(file: string, ...flags: string[]) {
      const stdin = file === '-' ? Readable.from([readFileSync(join(folder, 'backup'))]) : Readable.from([])
      const deps = { files: diskFiles, now: () => 90_000, stdin }
      const args = readArguments(['restore', file, `--storage.path=${data}`, ...flags])
      return restore(args, {}, deps).catch((error) => {
        if (!(error instanceof StartError) && !(error instanceof UsageError)) throw error
        return { code: error instanceof UsageError ? 2 : 1, out: '', err: error.message }
      })
    },
  }
}

t.test('what was restored is told', async (t) => {
  const { run, write, data } = restoring(t)
  const parts = [
    ...(await filesOfSource('sensors', ['a:1', 'b:1'])),
    await journalOf('devices', [DEVICE]),
    ...(await filesOfSource('devices', ['c:1'])),
    await journalOf('new', []),
    await keptValue('.views.json', []),
  ]
  const file = write('backup', await backupOf(parts))
  const rows = [
    `restored 3 sources to ${data}, as they were 1m30s ago (1970-01-01T00:00:00.000Z, Rollcall 1.2.3)`,
    'sensors  2 targets',
    'devices  1 target   1 registration',
    'new      no list    0 registrations',
  ]
  t.same(await run(file), { code: 0, err: '', out: `${rows.join('\n')}\n` })
  t.same(
    readdirSync(data)
      .filter((name) => !name.endsWith('.json'))
      .sort(),
    ['devices.snapshot', 'push', 'sensors.snapshot'],
  )
  t.match(await run(file), { code: 1, err: /not empty; .*--force/ })
  t.match(await run('-', '--force'), { code: 0, out: /^restored 3 sources/ })
  t.match(await run(write('empty', await backupOf([])), '--force'), {
    code: 0,
    out: /^restored 0 sources .*\n$/,
  })
  t.same(readdirSync(data), ['push'], 'what Rollcall kept is replaced')
})

t.test('with a key only what is signed with it is restored', async (t) => {
  const { run, write, data } = restoring(t)
  const parts = await filesOfSource('sensors', ['a:1'])
  const plain = write('plain', await backupOf(parts))
  const signed = write('signed', await backupOf(parts, 'a key', 95_000))
  const key = `--storage.signing-key-file=${write('key', ' a key\n')}`
  t.match(await run(plain, key), { code: 1, err: /plain: it is not signed/ })
  t.match(await run(signed, `--storage.signing-key-file=${write('other', 'x')}`), {
    code: 1,
    err: /signature is wrong/,
  })
  t.match(await run(signed, `--storage.signing-key-file=${write('none', '')}`), {
    code: 1,
    err: /^--storage.signing-key-file: .* is empty/,
  })
  t.notOk(existsSync(data))
  t.match(await run(signed, key), { code: 0, out: /as they were 0s ago/, err: '' })
  t.match(await run(signed, '--force'), { code: 0, err: /^warning: the signature was not checked/ })
})

t.test('what a start would not believe is not restored, and nothing is written', async (t) => {
  const { run, write, data } = restoring(t)
  const [list, roll] = await filesOfSource('sensors', ['a:1'])
  const [other] = await filesOfSource('sensors', ['b:1'])
  if (list === undefined || roll === undefined || other === undefined) throw new Error('no files')
  const bad = (text: string) => [{ path: 'push/a.journal', pieces: [Buffer.from(text)] }]
  const journal = (await journalOf('a', [DEVICE])).pieces.join('')
  const rows: [why: string, parts: Parameters<typeof backupOf>[0], err: RegExp][] = [
    ['no list', [roll], /sensors\.[0-9a-f]{16}\.json is missing/],
    ['another list', [{ ...list, pieces: other.pieces }, roll], /its digest differs/],
    ['no roll', [list, { ...roll, pieces: [Buffer.from('x')] }], /sensors.snapshot is damaged/],
    ['no journal', bad('x'), /push\/a.journal is damaged/],
    ['a torn journal', bad(journal.slice(0, -1)), /a.journal: its last line has no end/],
    ['a line that is none', bad(`${journal}x\n`), /a.journal: line 3: /],
    ['no value', [{ path: '.fleet.json', pieces: [Buffer.from('x')] }], /.fleet.json is damaged/],
  ]
  for (const [why, parts, err] of rows) {
    const answer = await run(write('backup', await backupOf(parts)))
    t.match(answer, { code: 1, err }, why)
    t.match(answer.err, /; nothing was restored$/)
  }
  t.match(await run(write('backup', 'x')), { code: 1, err: /backup: it cannot be decompressed/ })
  t.match(await run('-'), { code: 1, err: /^standard input: it cannot be decompressed/ })
  t.match(await run(join(data, 'nowhere')), { code: 1, err: /nowhere: there is no such file/ })
  t.match(await run(''), { code: 2, err: /FILE is missing/ })
  t.notOk(existsSync(data))
})

t.test('an empty storage path, and a folder that is a file, are told', async (t) => {
  const { folder, write } = restoring(t)
  const file = write('backup', await backupOf([]))
  const deps = { files: diskFiles, now: () => 0, stdin: Readable.from([]) }
  const to = (path: string) => restore(readArguments(['restore', file, `--storage.path=${path}`]), {}, deps)
  await t.rejects(to(''), { name: 'UsageError', message: /^--storage.path: is empty/ })
  await t.rejects(to(file), { name: 'StartError', message: `--storage.path: ${file}: ENOTDIR` })
  await t.rejects(restore(readArguments(['restore']), {}, deps), UsageError)
  t.same(readdirSync(folder), ['backup'])
})
