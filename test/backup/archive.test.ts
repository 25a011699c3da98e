import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { packArchive, readArchive } from '../../src/backup/archive.ts'
import { isKeptPath } from '../../src/backup/paths.ts'

const MADE = { rollcall: '1.2.3', atMs: Date.UTC(2026, 0, 2) }
const PARTS = [
  { path: 'sensors.0123456789abcdef.json', pieces: [Buffer.from('[1,'), Buffer.from('2]')] },
  { path: 'push/devices.journal', pieces: [Buffer.alloc(0)] },
]

const packed = async (key?: string, parts = PARTS) =>
  Buffer.concat(await (await packArchive(parts, MADE, key)).toArray())

/** A backup whose manifest and bytes are whatever a test wants. */
const forged = (manifest: unknown, body = '', signature = '') =>
  gzipSync(`${typeof manifest === 'string' ? manifest : JSON.stringify(manifest)}\n${signature}\n${body}`)

const sha = (text: string) => createHash('sha256').update(text).digest('hex')
const listed = (path: string, text: string, size = text.length) => ({ path, size, sha256: sha(text) })
const manifestOf = (...parts: unknown[]) => ({ format: 1, rollcall: '1', at: '2026-01-02T00:00:00Z', parts })

t.test('what was packed is read, with or without a key', async (t) => {
  for (const key of [undefined, 'a key']) {
    const archive = await readArchive(await packed(key), key)
    t.match(archive, { ...MADE, isSigned: key !== undefined })
    t.same(
      [...archive.parts].map(([path, bytes]) => [path, bytes.toString()]),
      [
        ['sensors.0123456789abcdef.json', '[1,2]'],
        ['push/devices.journal', ''],
      ],
    )
  }
  t.equal((await readArchive(await packed('a key'))).isSigned, true, 'digests are enough for who has no key')
})

t.test('the format is a manifest, its signature, and the bytes', async (t) => {
  const [manifest = '', signature, ...rest] = gunzipSync(await packed('a key'))
    .toString()
    .split('\n')
  t.match(JSON.parse(manifest), {
    format: 1,
    rollcall: '1.2.3',
    at: '2026-01-02T00:00:00.000Z',
    parts: [{ path: 'sensors.0123456789abcdef.json', size: 5, sha256: sha('[1,2]') }, { size: 0 }],
  })
  t.match(signature, /^[0-9a-f]{64}$/)
  t.same(rest, ['[1,2]'])
})

t.test('a backup that is not what was made is refused', async (t) => {
  const good = await packed('a key')
  const text = gunzipSync(good).toString()
  const part = listed('.fleet.json', 'x')
  const rows: [why: string, packed: Uint8Array, error: RegExp, key?: string][] = [
    ['no gzip', Buffer.from('{}'), /cannot be decompressed: incorrect header check/],
    ['nothing', Buffer.alloc(0), /cannot be decompressed|is truncated/],
    ['cut', good.subarray(0, -20), /cannot be decompressed: unexpected end/],
    ['whole, of a file that was cut', gzipSync(text.slice(0, -1)), /it is truncated/],
    ['a changed byte', gzipSync(text.replace('[1,2]', '[1,3]')), /sensors.0123456789abcdef.json .* digest/],
    ['more bytes', gzipSync(`${text}x`), /more bytes/],
    ['far more bytes', gzipSync(text + 'x'.repeat(2 ** 20)), /more bytes/],
    ['not signed', await packed(), /not signed/, 'a key'],
    ['another key', good, /signature is wrong/, 'another key'],
    ['a signature that is none', forged(manifestOf(), '', 'x'), /signature is wrong/, 'a key'],
    ['a changed manifest', gzipSync(text.replace('1.2.3', '1.2.4')), /signature is wrong/, 'a key'],
    ['no JSON', forged('hello'), /is not a manifest/],
    ['no object', forged([]), /is not a manifest/],
    ['no format', forged({}), /is not a manifest/],
    ['a newer format', forged({ format: 2, rollcall: '9.9.9' }), /format 2, not 1; .*"9\.9\.9"/],
    ['no version', forged({ ...manifestOf(), rollcall: 1 }), /has no valid time or version/],
    ['no time', forged({ ...manifestOf(), at: undefined }), /has no valid time or version/],
    ['a time that is none', forged({ ...manifestOf(), at: 'x' }), /has no valid time or version/],
    ['no list', forged({ ...manifestOf(), parts: {} }), /lists no files/],
    ['a file twice', forged(manifestOf(part, part), 'xx'), /a file twice/],
    ['no file', forged(manifestOf('x')), /not part of a backup: "x"/],
    ['a digest that is none', forged(manifestOf({ ...part, sha256: 'x' })), /not part of a backup/],
    ['a size that is none', forged(manifestOf(listed('.fleet.json', 'x', -1))), /not part of a backup/],
    ['half a byte', forged(manifestOf(listed('.fleet.json', 'x', 0.5))), /not part of a backup/],
    [
      'a path elsewhere',
      forged(manifestOf(listed('../x.snapshot', 'x')), 'x'),
      /not part of a backup: .*\.\.\/x/,
    ],
    ['a size that is a lie', forged(manifestOf(listed('.fleet.json', 'x', 2 ** 52)), 'x'), /it is truncated/],
    ['another format, of no version', gzipSync('{"format":2}\n\n'), /format 2.*unknown/],
    ['a line without end', gzipSync(Buffer.alloc(2 ** 25, 'x')), /has no end/],
  ]
  for (const [why, bytes, message, key] of rows) await t.rejects(readArchive(bytes, key), { message }, why)
})

t.test('only what Rollcall keeps has a path', async (t) => {
  const kept = ['.fleet.json', '.views.json', 'a.snapshot', 'a.0123abcd.snapshot', 'a.0123456789abcdef.json']
  for (const path of [...kept, 'a-B_9.0123abcd.0123456789abcdef.json', 'push/a.journal'])
    t.ok(isKeptPath(path), path)
  const others = [
    '',
    '.',
    '..',
    '/a.snapshot',
    '../a.snapshot',
    'a/b.snapshot',
    'push/../a.journal',
    'a.json',
  ]
  for (const path of [...others, 'push\\a.journal', 'a.snapshot\n', '.restored', 'a.snapshot/', 'web.yml'])
    t.notOk(isKeptPath(path), path)
})

t.test('whoever stops reading ends the work', async (t) => {
  let pieces = 0
  function* endless(): Iterable<Buffer> {
    // Read twice: for the digests, and to be sent.
    for (let index = 0; index < 100; index++) {
      pieces++
      yield Buffer.alloc(2 ** 20, index)
    }
  }
  const stream = await packArchive(
    [{ path: '.fleet.json', pieces: { [Symbol.iterator]: endless, reduce: () => 100 * 2 ** 20 } as never }],
    MADE,
    undefined,
  )
  t.equal(pieces, 100)
  stream.destroy()
  await new Promise((resolve) => stream.once('close', resolve))
  t.ok(pieces < 150, `${pieces}`)
})
