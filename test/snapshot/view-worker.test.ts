import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { hashmod } from '../../src/model/hashmod.ts'
import { groupsIn } from '../../src/model/list.ts'
import type { Target } from '../../src/model/target-group.ts'
import { makeParts, type View } from '../../src/snapshot/view-worker.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { packed } from '../helpers/packed.ts'
import { holds } from '../helpers/property.ts'

const listOf = (targets: readonly Target[]) => encodeGroups(packed(targets))

const fleet = listOf(
  Array.from({ length: 40 }, (_, index): Target => {
    const site = `site-${index % 4}`
    return {
      address: `sensor-${index}:9100`,
      labels:
        index % 2 === 0
          ? [
              ['rack', 'r1'],
              ['site', site],
            ]
          : [['site', site]],
    }
  }),
)

/** The addresses of the only part. */
function narrowed(labels: View['labels']): string[] | undefined {
  const [part] = makeParts({ pieces: [fleet], labels, shards: 1 }).parts
  return part && groupsIn(part.body).flatMap(({ targets }) => targets)
}

t.test('a list is narrowed to the targets whose labels have the values', async (t) => {
  t.equal(narrowed([['site', 'site-1']])?.length, 10)
  t.equal(
    narrowed([
      ['site', 'site-2'],
      ['rack', 'r1'],
    ])?.length,
    10,
  )
  t.same(
    narrowed([
      ['site', 'site-1'],
      ['rack', 'r1'],
    ]),
    [],
  )
  t.same(narrowed([['site', 'nowhere']]), [])
  const [all] = makeParts({ pieces: [fleet], labels: [], shards: 1 }).parts
  t.equal(all?.body.toString(), fleet.toString(), 'all of it is the very same list')
  t.match(all, { targets: 40, groups: 4 })
})

t.test('a label that no target has is told, unless there are no targets at all', async (t) => {
  t.same(
    makeParts({
      pieces: [fleet],
      labels: [
        ['site', 'site-1'],
        ['sight', 'x'],
      ],
      shards: 2,
    }),
    { parts: [], unknownLabel: 'sight' },
  )
  t.same(makeParts({ pieces: [fleet], labels: [['toString', 'x']], shards: 1 }), {
    parts: [],
    unknownLabel: 'toString',
  })
  t.same(
    makeParts({ pieces: [listOf([])], labels: [['site', 'x']], shards: 1 }).parts.map(({ body }) =>
      body.toString(),
    ),
    ['[]'],
  )
})

t.test('every target is in exactly one shard, the one that Prometheus would put it into', async (t) => {
  const label = fc.constantFrom<[string, string][]>([], [['site', 'x']], [['site', '],"labels":{"a":"b"}}']])
  const targets = fc.array(
    fc.record({ address: fc.constantFrom('a:1', 'b:1', 'c:2', '[::1]:9', 'd:1'), labels: label }),
  )
  const property = fc.property(targets, fc.integer({ min: 1, max: 7 }), (some, count) => {
    const list = listOf(some)
    const { parts } = makeParts({ pieces: [list], labels: [], shards: count })
    assert.equal(parts.length, count)
    const found: Target[] = []
    for (const [index, part] of parts.entries()) {
      const groups = groupsIn(part.body)
      assert.equal(part.groups, groups.length)
      assert.equal(part.targets, groups.flatMap(({ targets }) => targets).length)
      for (const group of groups) {
        for (const address of group.targets) {
          assert.equal(hashmod(address, count), index)
          found.push({ address, labels: Object.entries(group.labels) })
        }
      }
    }
    assert.equal(listOf(found).toString(), list.toString())
    assert.equal(found.length, packed(some).flatMap(({ targets }) => targets).length)
  })
  holds(t, 'the union of all shards is the list', property, { numRuns: 300 })
})
