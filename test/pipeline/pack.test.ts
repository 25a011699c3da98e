import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeLabels, labelsIn, parseLine } from '../../src/model/list.ts'
import { createPacker } from '../../src/pipeline/pack.ts'
import { holds } from '../helpers/property.ts'

t.test('targets are packed by their labels, sorted, each once with its last key', async (t) => {
  const target = fc.record({
    address: fc.oneof(
      fc.nat(500).map((number) => `host-${number}:9100`),
      fc.string({ unit: 'binary' }),
    ),
    site: fc.constantFrom('a', 'b'),
    key: fc.nat(2 ** 32 - 1),
  })
  const inOrder = (targets: readonly { address: string }[]) =>
    [...targets].sort((a, b) => (a.address < b.address ? -1 : 1))
  const property = fc.property(fc.array(target, { maxLength: 300 }), fc.boolean(), (some, isSorted) => {
    const targets = isSorted ? (inOrder(some) as typeof some) : some
    const packer = createPacker()
    const expected = new Map<string, Map<string, number>>()
    for (const { address, site, key } of targets) {
      packer.add({ address, labels: [['site', site]] }, key)
      const labels = encodeLabels([['site', site]])
      expected.set(labels, (expected.get(labels) ?? new Map()).set(address, key))
    }
    assert.equal(packer.isEmpty(), targets.length === 0)
    const { lines, labels, sizes, keys } = packer.pack()
    const groups = [...expected].sort(([a], [b]) => (a < b ? -1 : 1))
    const addresses = groups.map(([, keyOf]) => [...keyOf.keys()].sort())
    assert.deepEqual(labels, [...expected.keys()].sort())
    assert.deepEqual(lines.map(labelsIn), labels)
    assert.deepEqual(
      lines.map((line) => parseLine(line).targets),
      addresses,
    )
    assert.deepEqual(
      sizes,
      addresses.map((one) => one.length),
    )
    assert.deepEqual(
      [...keys],
      groups.flatMap(([, keyOf], index) => addresses[index]?.map((address) => keyOf.get(address))),
    )
    assert.equal(keys.buffer.byteLength, 4 * keys.length, 'nothing else is sent with them')
  })
  holds(t, 'any targets, in any order', property, { numRuns: 100 })
})
