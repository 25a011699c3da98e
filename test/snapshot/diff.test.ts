import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Target } from '../../src/model/target-group.ts'
import { countTargets, diffLists, placeOf } from '../../src/snapshot/diff.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { linesOf } from '../../src/snapshot/lines.ts'
import { packed } from '../helpers/packed.ts'
import { holds } from '../helpers/property.ts'

/** An encoded list of these targets. */
const listOf = (targets: readonly Target[]) => linesOf(encodeGroups(packed(targets)))

const target = (address: string, ...labels: [string, string][]): Target => ({ address, labels })

t.test('targets that joined and left', async (t) => {
  const diff = diffLists(
    listOf([target('a:1'), target('b:1')]),
    listOf([target('b:1'), target('c:1'), target('d:1')]),
  )
  t.same(diff, { added: new Set(['c:1', 'd:1']), removed: new Set(['a:1']) })
  t.same(diffLists(listOf([]), listOf([])), { added: new Set(), removed: new Set() })
})

t.test('a target is what would be scraped: address, scheme, path and parameters', async (t) => {
  const one = target('exporter:9116', ['__param_target', 'one'])
  const two = target('exporter:9116', ['__param_target', 'two'])
  t.equal(countTargets(listOf([one, two]), 10), 2, 'two devices behind one exporter')
  t.same(diffLists(listOf([one, two]), listOf([one])).removed.size, 1)
  t.equal(countTargets(listOf([target('a:1', ['__scheme__', 'https']), target('a:1')]), 10), 2)
  t.equal(countTargets(listOf([target('a:1', ['__metrics_path__', '/m']), target('a:1')]), 10), 2)
})

t.test('a target that only gets another label is the same target', async (t) => {
  const diff = diffLists(listOf([target('a:1', ['site', 'x'])]), listOf([target('a:1', ['site', 'y'])]))
  t.same(diff, { added: new Set(), removed: new Set() })
})

t.test('a target in two groups neither leaves nor joins with one of them', async (t) => {
  const both = listOf([target('a:1', ['site', 'x']), target('a:1', ['site', 'y'])])
  const one = listOf([target('a:1', ['site', 'y'])])
  t.same(diffLists(both, one), { added: new Set(), removed: new Set() })
  t.same(diffLists(one, both), { added: new Set(), removed: new Set() })
})

t.test('counting stops when there are enough', async (t) => {
  const list = listOf(['x', 'y', 'z'].map((site) => target(`${site}:1`, ['site', site])))
  t.equal(countTargets(list, 2), 2)
  t.equal(countTargets(list, Number.POSITIVE_INFINITY), 3)
})

/** Targets of which many are alike, with texts that look like the list around them. */
const someTargets = fc.array(
  fc.record({
    address: fc.constantFrom('a:1', 'a:10', 'a:2', 'b:1', '[::1]:9', 'c:1'),
    labels: fc.constantFrom<[string, string][]>(
      [],
      [['site', 'x']],
      [['site', '],"labels":{"a":"b"}}']],
      [['labels', 'x\n],']],
      [['__param_target', 'one']],
      [
        ['__scheme__', 'https'],
        ['site', 'x'],
      ],
    ),
  }),
  { maxLength: 12 },
)

const keys = (targets: readonly Target[]) =>
  new Set(targets.map(({ address, labels }) => address + placeOf(labels)))

t.test('lists of any groups differ in what their targets differ in', async (t) => {
  const property = fc.property(someTargets, someTargets, (before, after) => {
    const [old, fresh] = [keys(before), keys(after)]
    const removed = [...old].filter((key) => !fresh.has(key))
    const added = [...fresh].filter((key) => !old.has(key))
    const diff = diffLists(listOf(before), listOf(after))
    assert.deepEqual([...diff.removed].sort(), removed.sort())
    assert.deepEqual([...diff.added].sort(), added.sort())
    assert.equal(countTargets(listOf(before), Number.POSITIVE_INFINITY), old.size)
  })
  holds(t, 'what joined and left is what one of them has', property, { numRuns: 500 })
})
