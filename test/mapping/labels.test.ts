import fc from 'fast-check'
import t from 'tap'
import { addMetaLabels } from '../../src/mapping/labels.ts'
import type { LabelDropReason } from '../../src/mapping/rejection.ts'
import { isLabelName } from '../../src/model/labels.ts'
import type { Json } from '../../src/model/record.ts'
import { holds } from '../helpers/property.ts'

function metaOf(record: Json) {
  const labels = new Map<string, string>()
  const dropped: LabelDropReason[] = []
  addMetaLabels(record, labels, (reason) => dropped.push(reason))
  return { labels: Object.fromEntries(labels), dropped }
}

t.test('each field becomes a meta label; nested objects and null do not', async (t) => {
  const { labels, dropped } = metaOf({
    id: 7,
    up: true,
    'rack-unit': 'a',
    tags: ['x', 'y'],
    store: { id: 1 },
    gone: null,
  })
  t.same(labels, {
    __meta_inventory_id: '7',
    __meta_inventory_up: 'true',
    __meta_inventory_rack_unit: 'a',
    __meta_inventory_tags: ',x,y,',
  })
  t.same(dropped, [])
  t.same(metaOf('sensor_0').labels, {}, 'a bare name has no fields')
})

t.test('3: fields that collide are resolved the same way in every order, and counted', async (t) => {
  const collisions: [record: Json, value: string][] = [
    [{ 'a-b': '1', a_b: '2' }, '2'],
    [{ a_b: '2', 'a-b': '1' }, '2'],
    [{ 'a-b': '1', 'a.b': '3' }, '1'],
    [{ 'a.b': '3', 'a-b': '1' }, '1'],
  ]
  for (const [record, value] of collisions) {
    t.same(
      metaOf(record),
      { labels: { __meta_inventory_a_b: value }, dropped: ['collision'] },
      JSON.stringify(record),
    )
  }
})

t.test('a value that cannot be sent is left out and counted, and its target stays', async (t) => {
  t.same(metaOf({ host: 'a', note: 'x\u0000' }), {
    labels: { __meta_inventory_host: 'a' },
    dropped: ['invalid_value'],
  })
  t.same(metaOf({ serial: 2 ** 60 }), { labels: {}, dropped: ['invalid_value'] })
  t.same(metaOf({ huge: 'x'.repeat(100_000) }), { labels: {}, dropped: ['invalid_value'] })
})

t.test(
  'whatever a record holds, label names are legal and the order of its fields does not matter',
  async (t) => {
    const fields = fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }), fc.jsonValue()), {
      selector: ([key]) => key,
    })
    holds(
      t,
      'any record',
      fc.property(fields, (pairs) => {
        const record = Object.fromEntries(pairs) as Json
        const reversed = Object.fromEntries([...pairs].reverse()) as Json
        const { labels } = metaOf(record)
        return (
          Object.keys(labels).every((name) => isLabelName(name)) &&
          JSON.stringify(Object.entries(labels).sort()) ===
            JSON.stringify(Object.entries(metaOf(reversed).labels).sort())
        )
      }),
    )
  },
)

t.test('51: a field whose name says that it holds a secret is no label', async (t) => {
  const labels = new Map<string, string>()
  const dropped: string[] = []
  addMetaLabels({ host: 'a', password: 'hunter2', snmpCommunity: 'x', key: 'k1' }, labels, (reason) =>
    dropped.push(reason),
  )
  t.same(
    [...labels],
    [
      ['__meta_inventory_host', 'a'],
      ['__meta_inventory_key', 'k1'],
    ],
  )
  t.same(dropped, ['secret', 'secret'])
})
