import fc from 'fast-check'
import t from 'tap'
import { splice, splicesBetween } from '../../src/base/splices.ts'

const ANY = Number.POSITIVE_INFINITY

/** A line of a list, long enough to be found again. */
const lineOf = (number: number) =>
  `{"targets":["10.0.0.${number}:9100"],"labels":{"site":"berlin","id":"${number}"}},\n`

const listOf = (numbers: Iterable<number>) => Buffer.from([...numbers].map(lineOf).join(''))

const numbers = fc.uniqueArray(fc.nat({ max: 2_000 }), { maxLength: 400 })

t.test('the differences of any two byte strings make the second of the first', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some)),
    // Runs of the same bytes, among which a needle is found in many places.
    fc.array(fc.constantFrom(0, 0, 0, 255), { maxLength: 20_000 }).map((some) => Buffer.from(some)),
    numbers.map((some) => listOf(some.sort((a, b) => a - b))),
    numbers.map(listOf),
  )
  fc.assert(
    fc.property(bytes, bytes, (before, after) => {
      const splices = splicesBetween(before, after, ANY)
      return splices === undefined || splice(before, splices).equals(after)
    }),
    { numRuns: 300 },
  )
})

t.test('a few changes of a long list are few bytes', async (t) => {
  const length = 20_000
  const all = listOf(Array(length).keys())
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: length - 1 }), { minLength: 1, maxLength: 10 }),
      fc.array(fc.constantFrom('gone', 'changed', 'new'), { minLength: 10, maxLength: 10 }),
      (places, kinds) => {
        const kindOf = new Map(places.map((place, index) => [place, kinds[index]]))
        const after = Array.from({ length }, (_, number) => {
          const kind = kindOf.get(number)
          if (kind === 'gone') return ''
          if (kind === 'changed') return lineOf(number).replace('berlin', 'paris')
          return kind === 'new' ? lineOf(number) + lineOf(number + length) : lineOf(number)
        })
        const wanted = Buffer.from(after.join(''))
        const splices = splicesBetween(all, wanted, ANY)
        if (splices === undefined || !splice(all, splices).equals(wanted)) return false
        return splices.added.length <= places.length * 2_048
      },
    ),
    { numRuns: 50 },
  )
  t.same(splicesBetween(all, all, 0), { splices: [], added: Buffer.alloc(0) })
  const half = all.subarray(0, all.length / 2)
  t.equal(splicesBetween(all, half, 0)?.added.length, 0, 'what is gone adds nothing')
  t.equal(splicesBetween(half, all, all.length)?.added.length, all.length - half.length)
})

t.test('what differs too much has no differences', async (t) => {
  const all = listOf(Array(20_000).keys())
  const others = Buffer.from(all.toString().replaceAll('berlin', 'paris'))
  t.equal(splicesBetween(all, others, ANY), undefined, 'more than a thousand')
  t.equal(splicesBetween(listOf([1, 3]), listOf([1, 2, 3]), 20), undefined, 'more than may be added')
  const random = (seed: number) =>
    Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * at * seed) >> 7))
  t.equal(splicesBetween(random(17), random(23), ANY), undefined, 'nothing in common')
})

t.test('the differences of other bytes are refused', async (t) => {
  const added = Buffer.from('abc')
  for (const splices of [
    [[5, 0, 3]],
    [[0, 5, 3]],
    [
      [2, 1, 1],
      [1, 1, 1],
    ],
    [[0, 1, 4]],
    [[-1, 1, 1]],
  ] as const)
    t.throws(() => splice(Buffer.from('four'), { splices, added }), RangeError, JSON.stringify(splices))
})
