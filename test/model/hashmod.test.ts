import { createHash } from 'node:crypto'
import t from 'tap'
import { hashmod } from '../../src/model/hashmod.ts'

const vectors: readonly [text: string, modulus: number, expected: number][] = [
  ['baz', 1000, 976],
  ['foo\nbar', 1000, 734],
  ['10.0.0.1:9100', 1000, 645],
  ['anything', 1, 0],
]

for (const [text, modulus, expected] of vectors) {
  t.test(`hashmod of ${JSON.stringify(text)} by ${modulus}`, async (t) =>
    t.equal(hashmod(text, modulus), expected),
  )
}

t.test('small and large moduli are exact', async (t) => {
  for (const modulus of [2, 3, 2 ** 21 - 1, 2 ** 21, 2 ** 21 + 1, 2 ** 32, 2 ** 53 - 1]) {
    for (const text of ['', 'a', 'été', '𐐨', '10.0.0.1:9100']) {
      const exact = createHash('md5').update(text).digest().readBigUInt64BE(8) % BigInt(modulus)
      t.equal(hashmod(text, modulus), Number(exact), `${text} by ${modulus}`)
    }
  }
})
