import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { crc32, gunzipSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { groupsIn } from '../../src/model/list.ts'
import type { TargetGroup } from '../../src/model/target-group.ts'
import { checksumOf, combine, freeze, join, type Sendable, type Snapshot } from '../../src/snapshot/freeze.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { holds, holdsAsync } from '../helpers/property.ts'
import { findTool, missing } from '../helpers/tools.ts'

const hashOf = (data: Buffer | string) => createHash('sha256').update(data).digest('hex')

function frozen(groups: readonly TargetGroup[], changedAtMs = 1_000): Promise<Snapshot> {
  const targets = groups.reduce((sum, group) => sum + group.targets.length, 0)
  return freeze(encodeGroups(groups), { groups: groups.length, targets }, changedAtMs)
}

/** A frozen list of one group with so many targets; without any, an empty list. */
function listOf(name: string, count: number, changedAtMs = 1_000): Promise<Snapshot> {
  const targets = Array.from({ length: count }, (_, index) => `${name}-${index}.example.net:9100`)
  return frozen(count === 0 ? [] : [{ targets, labels: [['site', name]] }], changedAtMs)
}

const bodyOf = ({ plain }: Sendable) => Buffer.concat(plain)
const gzipOf = ({ gzip }: Sendable) => Buffer.concat(gzip)

/** Groups of any texts. */
const anyGroups = () => {
  const text = fc.string({ unit: 'grapheme' })
  const labels = fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,3}$/), text))
  return fc.array(fc.record({ targets: fc.array(text), labels }))
}

t.test('a snapshot holds the bytes, their gzip form and their SHA-256', async (t) => {
  const groups = [{ targets: ['a:1'], labels: [] }]
  const snapshot = await frozen(groups, 5)
  const body = encodeGroups(groups)
  t.same(snapshot.body, body)
  t.equal(snapshot.digest, hashOf(body))
  t.same(bodyOf(snapshot), body)
  t.same(gunzipSync(gzipOf(snapshot)), body)
  t.match(snapshot, { groups: 1, targets: 1, changedAtMs: 5 })
})

t.test('what is not an encoded list is not frozen', async (t) => {
  const cut = '[\n{"targets":["a:1"'
  for (const body of ['', '[', '[] ', 'null', '[\n]\n', '[\n\n]\n', cut, '{"targets":["a:1"]}\n]\n'])
    await t.rejects(freeze(Buffer.from(body), { groups: 0, targets: 0 }, 0), { name: 'TypeError' }, body)
})

t.test('joined lists are one list, counted together and as new as the newest', async (t) => {
  const [one, two] = [await listOf('one', 3, 2_000), await listOf('two', 2, 1_000)]
  const joined = join([one, two])
  t.same(groupsIn(bodyOf(joined)), [...groupsIn(one.body), ...groupsIn(two.body)])
  t.match(joined, { groups: 2, targets: 5, changedAtMs: 2_000 })
  t.equal(joined.digest, hashOf(one.digest + two.digest))
  t.not(joined.digest, join([two, one]).digest)
})

t.test('a list alone is itself, empty lists add nothing, and without others they are empty', async (t) => {
  const [one, none, later] = [await listOf('one', 3), await listOf('none', 0), await listOf('none', 0, 2_000)]
  t.equal(join([one]), one)
  t.equal(join([none]), none)
  t.equal(join([none, one]), one)
  t.same(join([none, one, later]), { ...one, changedAtMs: 2_000 }, 'the same bytes and digest, changed later')
  for (const [name, nothing] of Object.entries({ none: join([]), two: join([none, later]) })) {
    t.match(nothing, { groups: 0, targets: 0, digest: hashOf('[]') }, name)
    t.equal(bodyOf(nothing).toString(), '[]', name)
    t.equal(gunzipSync(gzipOf(nothing)).toString(), '[]', name)
  }
})

t.test('the gzip form of joined lists is one member that holds the joined list', async (t) => {
  const holdsList = (list: Sendable) => {
    const [gzip, body] = [gzipOf(list), bodyOf(list)]
    // The first checks the checksum and the length, but reads members in a row too; the second reads a single one.
    assert.deepEqual(gunzipSync(gzip), body)
    assert.deepEqual(inflateRawSync(gzip.subarray(10, -8)), body)
  }
  await holdsAsync(
    t,
    'any lists',
    fc.asyncProperty(fc.array(anyGroups(), { maxLength: 6 }), async (lists) => {
      const snapshots = await Promise.all(lists.map((groups) => frozen(groups)))
      for (const one of snapshots) holdsList(one)
      const joined = join(snapshots)
      holdsList(joined)
      assert.deepEqual(bodyOf(joined), encodeGroups(lists.flat()))
    }),
  )
})

t.test('the CRC-32 of two texts in a row is that of both, without reading either', async (t) => {
  const sumOf = (bytes: Uint8Array) => checksumOf(crc32(bytes), bytes.length)
  holds(
    t,
    'any bytes',
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      const both = Buffer.concat([first, second])
      assert.deepEqual(combine(sumOf(first), sumOf(second)), sumOf(both))
    }),
  )
  const large = Buffer.alloc(3_000_001, 'sensor')
  t.same(combine(sumOf(Buffer.from('[\n')), sumOf(large)).crc, crc32(large, crc32('[\n')), 'megabytes')
  const [terabyte, gigabyte] = [checksumOf(0, 2 ** 40), checksumOf(0, 2 ** 30)]
  let after = sumOf(Buffer.from('x'))
  const at = combine(after, terabyte)
  for (let done = 0; done < 2 ** 10; done++) after = combine(after, gigabyte)
  t.same(after, at, 'a length of more than 32 bits')
})

/** Lists as different as a server may have to join: large, small and empty ones. */
const someLists = async () =>
  join([
    await listOf('small', 1),
    await listOf('none', 0),
    await listOf('large', 40_000),
    await listOf('last', 500),
  ])

const execute = promisify(execFile)
const OUTPUT = { encoding: 'buffer', maxBuffer: 2 ** 26 } as const

t.test("Python's gzip reads joined lists as one member", async (t) => {
  const python = findTool('python3')
  if (missing(t, python, 'python3')) return
  const list = await someLists()
  const script = `
import gzip, sys, zlib
data = sys.stdin.buffer.read()
member = zlib.decompressobj(31)
first = member.decompress(data)
assert member.eof and member.unused_data == b"", "more than one member"
assert gzip.decompress(data) == first
sys.stdout.buffer.write(first)`
  const running = execute(String(python), ['-c', script], OUTPUT)
  running.child.stdin?.end(gzipOf(list))
  t.ok((await running).stdout.equals(bodyOf(list)))
})

t.test('curl reads joined lists whole', async (t) => {
  const curl = findTool('curl')
  if (missing(t, curl, 'curl')) return
  const list = await someLists()
  const server = await inventoryServer(t)
  server.handle((_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipOf(list)),
  )
  const { stdout } = await execute(String(curl), ['--compressed', '--silent', server.url.href], OUTPUT)
  t.ok(stdout.equals(bodyOf(list)))
})
