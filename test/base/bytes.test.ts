import { createHash } from 'node:crypto'
import t from 'tap'
import { createByteCollector, sha256 } from '../../src/base/bytes.ts'

const MEBIBYTE = 2 ** 20

/** Bytes that differ from place to place. */
const some = (size: number, first = 0) =>
  Uint8Array.from({ length: size }, (_, index) => (first + index) % 251)

const rows: [what: string, pieces: Uint8Array[]][] = [
  ['nothing', []],
  ['an empty piece', [some(0)]],
  ['little', [some(3), some(5, 3)]],
  ['one large piece', [some(3 * MEBIBYTE + 1)]],
  ['many pieces', Array.from({ length: 40 }, (_, index) => some(65_536, index))],
]

t.test('pieces are gathered, and hashed as if they were', async (t) => {
  for (const [what, pieces] of rows) {
    const whole = Buffer.concat(pieces)
    for (const expected of [undefined, whole.byteLength]) {
      const collector = createByteCollector(expected)
      for (const piece of pieces) collector.add(piece)
      t.equal(collector.size(), whole.byteLength)
      const joined = await collector.join()
      t.ok(joined.equals(whole), what)
      t.equal(joined.buffer.byteLength, joined.byteLength, 'it has its memory for itself')
    }
    t.equal(await sha256(pieces), createHash('sha256').update(whole).digest('hex'), what)
  }
})

t.test('others get their turn meanwhile', async (t) => {
  let turns = 0
  let ended = false
  const count = () => {
    if (ended) return
    turns++
    setImmediate(count)
  }
  setImmediate(count)
  await sha256([some(8 * MEBIBYTE)])
  ended = true
  t.ok(turns >= 7, `${turns} turns`)
})

t.test('less than was expected is an error, never what was in memory before', async (t) => {
  const collector = createByteCollector(10)
  collector.add(some(9))
  await t.rejects(collector.join(), { name: 'RangeError', message: '9 of 10 bytes came' })
})
