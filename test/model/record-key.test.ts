import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Json } from '../../src/model/record.ts'
import { hashKey, KEY_FIELDS, NO_KEY, usualKey } from '../../src/model/record-key.ts'
import { holds } from '../helpers/property.ts'

t.test('the first of the usual fields that has a text or a number tells a record apart', async (t) => {
  const all = Object.fromEntries(KEY_FIELDS.map((field) => [field, `of ${field}`]))
  for (const field of KEY_FIELDS) {
    t.equal(usualKey(all), `of ${field}`)
    all[field] = ''
  }
  const rows: [name: string, record: Json, key: string | undefined][] = [
    ['none of the fields', { site: 'x' }, undefined],
    ['a number', { id: 7 }, '7'],
    ['zero', { id: 0, name: 'n' }, '0'],
    ['null, then a name', { id: null, name: 'n' }, 'n'],
    ['an object, then a name', { id: { a: 1 }, name: 'n' }, 'n'],
    ['a boolean, then a name', { id: true, name: 'n' }, 'n'],
    ['a text that is too long, then a name', { id: 'x'.repeat(1_025), name: 'n' }, 'n'],
    ['a text that is as long as it may be', { id: 'x'.repeat(1_024) }, 'x'.repeat(1_024)],
    ['no object', 'sensor_0', undefined],
    ['a list', ['sensor_0'], undefined],
    ['fields of the prototype', JSON.parse('{"__proto__":{"id":"x"}}'), undefined],
  ]
  for (const [name, record, key] of rows) t.equal(usualKey(record), key, name)
})

t.test('a key and a slot are four bytes, never those that stand for no key', async (t) => {
  holds(
    t,
    'any key',
    fc.property(fc.string({ unit: 'binary' }), fc.nat(100), (key, slot) => {
      const hash = hashKey(key, slot)
      assert.ok(Number.isInteger(hash) && hash > NO_KEY && hash < 2 ** 32)
      assert.equal(hashKey(key, slot), hash)
    }),
  )
})

t.test('keys that differ, and slots of one key, hardly ever come out alike', async (t) => {
  const hashes = new Set<number>()
  const count = 100_000
  for (let index = 0; index < count; index++)
    for (const slot of [0, 1]) hashes.add(hashKey(`sensor-${index}.example.net`, slot))
  // Of so many random numbers of 32 bits about five pairs are alike.
  t.ok(hashes.size > 2 * count - 25, `${2 * count - hashes.size} alike`)
})
