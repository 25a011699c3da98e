import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { parsePattern } from '../../../src/sources/file/pattern.ts'
import { createFileSource } from '../../../src/sources/file/source.ts'
import { createSeen, noteState } from '../../../src/sources/file/watch.ts'
import type { Source } from '../../../src/sources/source.ts'
import { manualClock, momentOf } from '../../helpers/clock.ts'
import { diskFiles } from '../../helpers/files.ts'
import { memoryFiles } from '../../helpers/memory-files.ts'
import { until } from '../../helpers/until.ts'

function open(t: Test, folder: string, files: string[], { clock = systemClock, maxBytes = 1_000_000 } = {}) {
  const patterns = files.map((text) => parsePattern(text, { folder, kind: undefined, delimiter: ',' }))
  const source = createFileSource({ kind: 'file', files: patterns, maxBytes }, { clock, files: diskFiles })
  t.teardown(() => source.close())
  return source
}

/** The files that a source reads now, by name. */
async function contents(source: Source, signal = new AbortController().signal) {
  const reading = await source.read(signal)
  if (reading.kind !== 'documents') throw new Error('documents were expected')
  return reading.documents.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])
}

t.test('all files that match are read, sorted by path, each once, named as configured', async (t) => {
  const folder = t.testdir({
    inventory: { 'b.json': '2', 'a.json': '1', '.hidden.json': 'x', 'c.txt': 'x', 'd.csv': '3' },
    'extra.yml': '4',
    'empty.yml': '',
  })
  const source = open(t, folder, ['inventory/*.json', './extra.yml', 'inventory/?.csv', 'empty.yml'])
  t.same(await contents(source), [
    ['empty.yml', ''],
    ['extra.yml', '4'],
    ['inventory/a.json', '1'],
    ['inventory/b.json', '2'],
    ['inventory/d.csv', '3'],
  ])
  const twice = open(t, folder, ['inventory/*.json', 'inventory/a.json', `${folder}/extra.yml`])
  t.same(
    (await contents(twice)).map(([name]) => name),
    [join(folder, 'extra.yml'), 'inventory/a.json', 'inventory/b.json'],
  )
})

t.test('a file that is packed with gzip is unpacked, and bounded', async (t) => {
  const zipped = gzipSync('["a"]')
  const folder = t.testdir({ 'a.json.gz': zipped, 'b.json': zipped })
  const source = open(t, folder, ['*.json.gz', 'b.json'])
  t.same(await contents(source), [
    ['a.json.gz', '["a"]'],
    ['b.json', '["a"]'],
  ])
  writeFileSync(join(folder, 'b.json'), zipped.subarray(0, 20))
  await t.rejects(contents(source), {
    reason: 'parse',
    message: /^b.json is compressed with gzip, and cannot be/,
  })
  const [first, second] = [gzipSync('["a",'), gzipSync('"b"]')]
  writeFileSync(join(folder, 'b.json'), Buffer.concat([first, second]))
  t.same((await contents(source))[1], ['b.json', '["a","b"]'], 'members in a row are one document')
  writeFileSync(join(folder, 'b.json'), Buffer.concat([first, Buffer.alloc(second.length)]))
  await t.rejects(contents(source), {
    reason: 'parse',
    message: /^b.json is compressed with gzip, and cannot be/,
  })
  writeFileSync(join(folder, 'b.json'), gzipSync(Buffer.alloc(10_000, ' ')))
  await t.rejects(contents(open(t, folder, ['*.json.gz', 'b.json'], { maxBytes: 5_000 })), {
    reason: 'too_large',
    message: /^b.json has more than .* decompressed; raise max_size/,
  })
})

t.test('each document has the format of the first path that matches it', async (t) => {
  const folder = t.testdir({ 'a.json': '[]' })
  const text = 'a.json'
  const files = [
    parsePattern(text, { folder, kind: 'yaml', delimiter: ',' }),
    parsePattern(text, { folder, kind: 'json', delimiter: ',' }),
  ]
  const source = createFileSource(
    { kind: 'file', files, maxBytes: 100 },
    { clock: systemClock, files: diskFiles },
  )
  t.match(await source.read(new AbortController().signal), { documents: [{ format: { kind: 'yaml' } }] })
})

t.test('whole or nothing: what cannot be read fails, and the message says which file', async (t) => {
  const folder = t.testdir({ 'good.json': '[]', folder: { 'x.json': '[]' }, 'f.json': {}, empty: {} })
  symlinkSync(join(folder, 'nothing'), join(folder, 'dangling.json'))
  symlinkSync(join(folder, 'loop.json'), join(folder, 'loop.json'))
  execFileSync('mkfifo', [join(folder, 'pipe.json')])
  const rows: [files: string[], message: RegExp][] = [
    [['good.json', 'missing.json'], /^\/.*\/missing.json cannot be read: ENOENT/],
    [
      ['good.json', 'empty/*.json'],
      /^no file matches \/.*\/empty\/\*.json; if there is none, remove it from files$/,
    ],
    [['good.json', 'nowhere/*.json'], /^the folder \/.*\/nowhere of nowhere\/\*.json cannot be read: ENOENT/],
    [['good.json/*.json'], /^the folder \/.*\/good.json of good.json\/\*.json cannot be read: ENOTDIR/],
    [['good.json', 'f.json'], /^\/.*\/f.json is a folder, not a file$/],
    [['dangling.json'], /^\/.*\/dangling.json cannot be read: ENOENT/],
    [['loop.json'], /^\/.*\/loop.json cannot be read: ELOOP/],
    [['pipe.json'], /^\/.*\/pipe.json is a pipe or device, not a file$/],
    [['*.json'], /^\/.*\/(dangling|f|loop|pipe).json /],
  ]
  for (const [files, message] of rows) {
    await t.rejects(contents(open(t, folder, files)), { name: 'RefreshError', reason: 'file', message })
  }
})

t.test('16: the limit is for all files together', async (t) => {
  const folder = t.testdir({ 'a.json': ' '.repeat(60), 'b.json': ' '.repeat(60) })
  await t.rejects(contents(open(t, folder, ['*.json'], { maxBytes: 100 })), {
    reason: 'too_large',
    message: 'the files have 120B, more than 100B; raise max_size if this is expected',
  })
  t.equal((await contents(open(t, folder, ['*.json'], { maxBytes: 120 }))).length, 2)
})

/** Writes on and on, between any two steps of a reader, until it is told to stop. */
function writeOnAndOn(t: Test, path: string): () => void {
  let isStopped = false
  const write = () => {
    if (isStopped) return
    appendFileSync(path, ' ')
    setImmediate(write)
  }
  const stop = () => {
    isStopped = true
  }
  t.teardown(stop)
  write()
  return stop
}

t.test('a file that changes while it is read is read again once', async (t) => {
  const folder = t.testdir({ 'a.json': '[]' })
  const path = join(folder, 'a.json')
  const clock = manualClock()
  const source = open(t, folder, ['a.json'], { clock })
  const stop = writeOnAndOn(t, path)
  const reading = contents(source)
  await until('it waits before the second attempt', () => clock.pending().length === 1)
  stop()
  writeFileSync(path, '["settled"]')
  clock.advance(250)
  t.same(await reading, [['a.json', '["settled"]']])
})

t.test('a file that goes on changing is not read', async (t) => {
  const folder = t.testdir({ 'a.json': '[]', 'b.json': '[]' })
  const clock = manualClock()
  const source = open(t, folder, ['*.json'], { clock })
  const stop = writeOnAndOn(t, join(folder, 'b.json'))
  const reading = contents(source)
  const failed = t.rejects(reading, {
    reason: 'file',
    message: /^the files changed while they were read, twice/,
  })
  await until('it waits before the second attempt', () => clock.pending().length === 1)
  clock.advance(250)
  await failed
  stop()
  t.equal((await contents(source)).length, 2)
})

t.test(
  'a file that has more in it than its size says is not read',
  { skip: !existsSync('/proc/version') && 'there are no such files here' },
  async (t) => {
    const clock = manualClock()
    const files = [parsePattern('/proc/version', { folder: '/', kind: 'csv', delimiter: ',' })]
    const source = createFileSource({ kind: 'file', files, maxBytes: 10_000 }, { clock, files: diskFiles })
    const failed = t.rejects(contents(source), { reason: 'file', message: /changed while they were read/ })
    await until('it waits before the second attempt', () => clock.pending().length === 1)
    clock.advance(250)
    await failed
  },
)

t.test('an abort ends a read that waits', async (t) => {
  const folder = t.testdir({ 'a.json': '[]' })
  const clock = manualClock()
  const source = open(t, folder, ['a.json'], { clock })
  const stop = writeOnAndOn(t, join(folder, 'a.json'))
  const controller = new AbortController()
  const reading = contents(source, controller.signal)
  await until('it waits before the second attempt', () => clock.pending().length === 1)
  stop()
  const reason = new Error('too late')
  controller.abort(reason)
  t.equal(await reading.catch((error) => error), reason)
  clock.advance(250)
  t.same(await contents(source).then((files) => files.length), 1)
})

/** Watches with a clock of the test's own; `look` lets it look once, and waits until it has. */
async function watching(t: Test, folder: string, files: string[]) {
  const clock = manualClock()
  const source = open(t, folder, files, { clock })
  let changes = 0
  source.watch?.(() => changes++)
  const hasLooked = () => until('it looked', () => clock.pending().length === 1, { everyMs: 1 })
  await hasLooked()
  return {
    clock,
    source,
    changes: () => changes,
    async look() {
      clock.advance(250)
      await hasLooked()
    },
  }
}

t.test('a change is told once it was the same for two looks', async (t) => {
  const folder = t.testdir({ 'a.json': '1' })
  const { look, changes } = await watching(t, folder, ['*.json'])
  await look()
  await look()
  t.equal(changes(), 0)
  writeFileSync(join(folder, 'a.json'), '22')
  await look()
  t.equal(changes(), 0, 'somebody may still be writing')
  await look()
  t.equal(changes(), 1)
  for (let n = 0; n < 5; n++) await look()
  t.equal(changes(), 1, 'it is told once')
})

t.test('a writer that never pauses is not waited for longer than three looks', async (t) => {
  const folder = t.testdir({ 'a.json': '' })
  const { look, changes } = await watching(t, folder, ['a.json'])
  const told: number[] = []
  for (let n = 0; n < 6; n++) {
    appendFileSync(join(folder, 'a.json'), ' ')
    await look()
    told.push(changes())
  }
  t.same(told, [0, 0, 1, 1, 1, 2])
})

t.test('a change that is taken back is none', async (t) => {
  const folder = t.testdir({ 'a.json': '1' })
  const { look, changes } = await watching(t, folder, ['*.json'])
  writeFileSync(join(folder, 'b.json'), '2')
  await look()
  unlinkSync(join(folder, 'b.json'))
  for (let n = 0; n < 3; n++) await look()
  t.equal(changes(), 0)
})

t.test('every way to change a file is seen', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'rollcall-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  const folder = join(root, 'inventory')
  const at = (name: string) => join(folder, name)
  const fill = () => {
    mkdirSync(at('v1'), { recursive: true })
    writeFileSync(at('v1/hosts.json'), '1')
    symlinkSync('v1', at('..data'))
    symlinkSync('..data/hosts.json', at('hosts.json'))
    writeFileSync(at('plain.json'), '1')
  }
  fill()
  const { look, changes, source } = await watching(t, root, ['inventory/*.json'])
  const rows: [what: string, change: () => void][] = [
    ['a write in place', () => writeFileSync(at('plain.json'), '12')],
    [
      'an atomic rename to the same size',
      () => {
        writeFileSync(at('new'), '21')
        renameSync(at('new'), at('plain.json'))
      },
    ],
    [
      'the swap of a link, as Kubernetes updates a ConfigMap',
      () => {
        mkdirSync(at('v2'))
        writeFileSync(at('v2/hosts.json'), '2')
        symlinkSync('v2', at('..data_tmp'))
        renameSync(at('..data_tmp'), at('..data'))
      },
    ],
    ['a new file', () => writeFileSync(at('more.json'), '[]')],
    ['a file that goes', () => unlinkSync(at('more.json'))],
    ['a folder that goes', () => rmSync(folder, { recursive: true })],
    ['a folder that comes back', fill],
    ['a write into the new folder', () => writeFileSync(at('plain.json'), '3')],
  ]
  for (const [index, [what, change]] of rows.entries()) {
    change()
    await look()
    await look()
    t.equal(changes(), index + 1, what)
  }
  t.same(
    (await contents(source)).map(([, text]) => text),
    ['1', '3'],
  )
})

t.test('what was read already is not told', async (t) => {
  const folder = t.testdir({ 'a.json': '1' })
  const { look, changes, source } = await watching(t, folder, ['a.json'])
  writeFileSync(join(folder, 'a.json'), '22')
  await contents(source)
  await look()
  await look()
  t.equal(changes(), 0)
})

t.test('a change between a read and the first look is told', async (t) => {
  const folder = t.testdir({ 'a.json': '1' })
  const clock = manualClock()
  const source = open(t, folder, ['a.json'], { clock })
  await contents(source)
  writeFileSync(join(folder, 'a.json'), '22')
  let changes = 0
  source.watch?.(() => changes++)
  await until('it looked', () => clock.pending().length === 1)
  clock.advance(250)
  await until('it told', () => changes === 1)
})

t.test('41: close ends the watch, also while it looks', async (t) => {
  const folder = t.testdir({ 'a.json': '1' })
  const { clock, source, changes } = await watching(t, folder, ['a.json'])
  await source.close()
  t.same(clock.pending(), [])
  writeFileSync(join(folder, 'a.json'), '22')
  clock.advance(10_000)
  source.watch?.(() => t.fail('it was closed'))
  await source.close()
  await contents(source)
  t.same(clock.pending(), [], 'the look that was under way began no other')
  t.equal(changes(), 0)
})

t.test('with the real clock, too, a change is seen', async (t) => {
  const folder = t.testdir({ 'a.json': '1' })
  const source = open(t, folder, ['*.json'])
  await contents(source)
  let changes = 0
  source.watch?.(() => changes++)
  writeFileSync(join(folder, 'b.json'), '2')
  await until('it told', () => changes === 1, { everyMs: 10 })
  t.equal((await contents(source)).length, 2)
})

t.test('78: a folder that hangs fails the source with a reason, and is read when it is back', async (t) => {
  const clock = manualClock()
  const files = memoryFiles({ clock })
  files.makeFolder('/inventory')
  await files.write('/inventory/a.json', Buffer.from('[]'))
  const patterns = [parsePattern('*.json', { folder: '/inventory', kind: undefined, delimiter: ',' })]
  const source = createFileSource({ kind: 'file', files: patterns, maxBytes: 100 }, { clock, files })
  files.hang('/inventory')
  const failed = t.rejects(contents(source), {
    reason: 'file',
    message: /^the folder \/inventory of \*\.json cannot be read: listing \/inventory hangs: /,
  })
  await until('it waits for the folder', () => clock.pending().length === 1)
  clock.pass(10_000)
  await failed
  files.release('/inventory')
  t.same(await until('it is read', () => contents(source)), [['a.json', '[]']])
})

t.test('a file that goes while it is read is missing', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  files.makeFolder('/inventory')
  await files.write('/inventory/a.json', Buffer.from('[]'))
  const patterns = [parsePattern('a.json', { folder: '/inventory', kind: undefined, delimiter: ',' })]
  const going: typeof files = {
    ...files,
    read: async (path, options) => {
      await files.remove(path)
      return files.read(path, options)
    },
  }
  const source = createFileSource(
    { kind: 'file', files: patterns, maxBytes: 100 },
    { clock: manualClock(), files: going },
  )
  await t.rejects(contents(source), { reason: 'file', message: /^\/.*\/a.json cannot be read: ENOENT/ })
})

t.test('67: only files that were renamed into place, or added, come to rest soon', async (t) => {
  const [a, same, b] = ['/x y/a 1 7 10 50 50', '/x y/a 1 7 11 60 60', '/x y/b 1 8 10 50 50']
  const renamed = '/x y/a 1 9 10 70 70'
  const rows: [what: string, before: string[], now: string[], restMs: number][] = [
    ['written in place', [a], [same], 5_000],
    ['another file', [a], [renamed], 1_000],
    ['one more', [a], [a, b], 1_000],
    ['one that is gone may be back', [a, b], [b], 5_000],
    ['one of two written in place', [a, b], [same, b], 5_000],
    ['one of two renamed', [a, b], [renamed, b], 1_000],
    ['what cannot be read', [a], ['EACCES: permission denied'], 5_000],
  ]
  for (const [what, before, now, restMs] of rows) {
    const seen = createSeen()
    noteState(seen, before.join('\n'), momentOf(0))
    t.equal(noteState(seen, now.join('\n'), momentOf(10_000)), false, what)
    t.equal(noteState(seen, now.join('\n'), momentOf(10_000 + restMs - 1)), false, what)
    t.equal(noteState(seen, now.join('\n'), momentOf(10_000 + restMs)), true, what)
  }
})

t.test('67: at first, files are at rest that nobody has written to for five seconds', async (t) => {
  const written = (ms: number, name = 'a') => `/${name} 1 2 10 ${ms}000000 0`
  const isAtRest = (state: string, monotonicMs = 0) =>
    noteState(createSeen(), state, { wallMs: 100_000, monotonicMs })
  t.equal(isAtRest(written(95_000)), true)
  t.equal(isAtRest(written(95_001)), false)
  t.equal(isAtRest(`${written(0)}\n${written(99_000, 'b')}`), false, 'the newest counts')
  t.equal(isAtRest(written(200_000)), false, 'a clock that is behind')
  t.equal(isAtRest('EACCES: permission denied'), false)
})

t.test(
  '67: files are read as settled once they have been at rest for five seconds, and that is told',
  async (t) => {
    const clock = manualClock()
    const files = memoryFiles({ clock })
    files.makeFolder('/inventory')
    await files.write('/inventory/list.json', Buffer.from('[1]'))
    const patterns = [parsePattern('list.json', { folder: '/inventory', kind: undefined, delimiter: ',' })]
    const source = createFileSource({ kind: 'file', files: patterns, maxBytes: 1_000 }, { clock, files })
    t.teardown(() => source.close())
    const isUnsettled = async () => {
      const reading = await source.read(new AbortController().signal)
      return reading.kind === 'documents' && reading.isUnsettled
    }
    let told = 0
    source.watch?.(() => told++)
    const pass = async (ms: number) => {
      for (let end = clock.monotonic() + ms; clock.monotonic() < end; ) {
        await until('a look is planned', () => clock.pending().length > 0)
        clock.advance(250)
      }
      await until('the last look has ended', () => clock.pending().length > 0)
    }
    t.equal(await isUnsettled(), true, 'nobody knows since when it is so')
    await pass(4_500)
    t.equal(await isUnsettled(), true)
    t.equal(told, 0)
    await pass(1_000)
    t.equal(told, 1, 'it is at rest')
    t.equal(await isUnsettled(), false)
    await pass(20_000)
    t.equal(told, 1)
    files.overwrite('/inventory/list.json', '[1')
    await pass(1_000)
    t.equal(told, 2)
    t.equal(await isUnsettled(), true)
    await pass(3_000)
    files.overwrite('/inventory/list.json', '[1]')
    await pass(4_000)
    t.equal(await isUnsettled(), true, 'it was written again')
    await pass(2_000)
    t.equal(await isUnsettled(), false)
    await files.write('/inventory/list.json', Buffer.from('[1, 2]'))
    await pass(500)
    t.equal(await isUnsettled(), true)
    await pass(1_000)
    t.equal(await isUnsettled(), false, 'whole files come to rest sooner: this one was renamed')
  },
)
