import t from 'tap'
import { compilePath, compileTemplate } from '../../src/mapping/template.ts'
import type { Document } from '../../src/model/document.ts'
import type { Json } from '../../src/model/record.ts'
import { createJoin, ownDocuments } from '../../src/pipeline/join.ts'
import { compilePlan, type JoinOptions, type PlanOptions, readsHeaders } from '../../src/pipeline/plan.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { runPipeline } from '../helpers/pipeline.ts'

const DEVICE: JoinOptions = {
  name: 'device',
  records: 'results',
  by: compilePath('id'),
  from: compilePath('device.id'),
  isOptional: false,
}

function planOf(joins: readonly JoinOptions[], more: Partial<PlanOptions> = {}) {
  const address = compileTemplate('{device.ip}:{port}')
  return compilePlan({
    records: undefined,
    joins,
    mapping: {
      source: 's',
      targets: [{ address, labels: [] }],
      labels: [],
      metaLabels: false,
      defaultPort: 1,
    },
    relabelConfigs: [],
    ...more,
  })
}

const joined = (value: Json, join = 'device', more: Partial<Document> = {}): Document => ({
  ...jsonDocument(value),
  name: `with.${join}: the answer`,
  join,
  ...more,
})

/** The record that a join makes of one, and why it is quarantined. */
function join(record: Json, list: Json, more: Partial<JoinOptions> = {}) {
  const { joins } = planOf([{ ...DEVICE, records: undefined, ...more }])
  if (joins === undefined) throw new Error('there are joins')
  const { record: after, refused } = createJoin([joined(list)], joins)(record)
  return { record: after, reason: refused?.rejections[0]?.reason, detail: refused?.rejections[0]?.detail }
}

t.test('a record has its partner in the field that the join is called', async (t) => {
  const list = [
    { id: 1, ip: 'a' },
    { id: '2', ip: 'b' },
    { ip: 'nobody' },
    { id: null, ip: 'nobody' },
    { id: '', ip: 'nobody' },
    'a text',
  ]
  const record = { id: 9, device: { id: 1, name: 'brief' } }
  t.same(join(record, list), {
    record: { id: 9, device: { id: 1, ip: 'a' } },
    reason: undefined,
    detail: undefined,
  })
  t.same(record, { id: 9, device: { id: 1, name: 'brief' } }, 'it is not changed itself')
  t.match(join({ device: { id: 2 } }, list), { record: { device: { id: '2', ip: 'b' } }, reason: undefined })
  for (const device of [null, undefined, {}, { id: null }, { id: '' }] as Json[]) {
    t.match(join({ device }, list), { record: { device: null }, reason: undefined }, JSON.stringify(device))
  }
  t.same(join('a host', list).record, 'a host', 'what is no object has no field')
})

t.test('what cannot be told is quarantined, whatever else would be made of the record', async (t) => {
  const list = [{ id: 1 }, { id: 2, ip: 'a' }, { id: 2, ip: 'b' }, { id: 3 }, { id: 3 }]
  const faults: [Json, RegExp][] = [
    [{ device: { id: 7 } }, /^with\.device: no record has 7 as id$/],
    [{ device: { id: 2 } }, /^with\.device: several records have 2 as id$/],
    [{ device: 7 }, /^with\.device: device\.id leads through something that has no such field$/],
    [{ device: { id: [1] } }, /^with\.device: device\.id is a list, which cannot be a key$/],
    [{ device: { id: true } }, /is a boolean, which cannot/],
  ]
  for (const [record, detail] of faults) {
    t.match(join(record, list), { record: { device: null }, reason: 'not_joined', detail })
  }
  t.match(join({ device: { id: 3 } }, list), { reason: undefined }, 'the same twice is one')
  t.match(join({ device: { id: 7 } }, list, { isOptional: true }), {
    record: { device: null },
    reason: undefined,
  })
  t.match(join({ device: { id: 2 } }, list, { isOptional: true }), { reason: 'not_joined' })
})

t.test('a later join may begin at the partner of an earlier one, and only when there is one', async (t) => {
  const ip: JoinOptions = { ...DEVICE, name: 'ip', records: undefined, from: compilePath('device.ip') }
  const { joins } = planOf([{ ...DEVICE, records: undefined }, ip])
  if (joins === undefined) return
  const chain = createJoin(
    [joined([{ id: 1, ip: 5 }, { id: 2 }]), joined([{ id: 5, address: 'a' }], 'ip')],
    joins,
  )
  t.match(chain({ device: { id: 1 } }).record, { ip: { address: 'a' } })
  t.match(chain({ device: { id: 2 } }), { record: { ip: null }, refused: undefined })
  t.equal('ip' in (chain({ device: { id: 3 } }).record as object), false)
})

t.test('targets are made of records and their partners; a filter and labels see them too', async (t) => {
  const services = [
    { id: 1, port: 80, device: { id: 1 } },
    { id: 2, port: 81, device: { id: 2 } },
    { id: 3, port: 82, device: { id: 9 } },
  ]
  const devices = {
    results: [
      { id: 1, ip: 'a', state: 'on' },
      { id: 2, ip: 'b', state: 'off' },
    ],
  }
  const documents = [jsonDocument(services), joined(devices)]
  const run = (more?: Partial<PlanOptions>) => runPipeline(documents, planOf([DEVICE], more))
  t.match(run(), {
    groups: [{ targets: ['a:80', 'b:81'] }],
    report: { records: 3, rejected: new Map([['not_joined', 1]]), samples: [{ index: 2, key: '3' }] },
  })
  const filtered = run({ filter: "device.state == 'on'" })
  t.match(filtered, {
    groups: [{ targets: ['a:80'] }],
    report: { notSelected: 1, rejected: new Map([['not_joined', 1]]) },
  })
  t.equal(filtered.unreadable.size, 1, 'the filter has no say about one whose partner is not known')
  t.equal(ownDocuments(documents).length, 1)
})

t.test('a long list is joined a part at a time, to the same groups', async (t) => {
  const services = Array.from({ length: 6_000 }, (_, id) => ({
    id,
    port: 1 + (id % 100),
    device: { id: id % 50, note: 'x'.repeat(40) },
  }))
  const devices = joined({ results: Array.from({ length: 50 }, (_, id) => ({ id, ip: `host-${id}` })) })
  const parts = runPipeline([jsonDocument(services), devices], planOf([DEVICE]))
  const whole = runPipeline([jsonDocument(services), devices], planOf([DEVICE], { records: '[]' }))
  t.ok(jsonDocument(services).bytes.byteLength > 262_144)
  t.same(parts.groups, whole.groups)
  t.equal(parts.report.records, 6_000)
})

t.test('a joined list is read as whole as that of the records', async (t) => {
  const main = jsonDocument([{ id: 1, port: 80, device: { id: 1 } }])
  const run = (documents: readonly Document[], more: Partial<JoinOptions> = {}) => {
    try {
      return runPipeline([main, ...documents], planOf([{ ...DEVICE, ...more }])).groups
    } catch (error) {
      return error
    }
  }
  const page = (value: Json, name: string) => joined(value, 'device', { name })
  const one = { id: 1, ip: 'a' }
  t.match(
    run([page({ results: [] }, 'p1'), page({ results: [one] }, 'p2')], {
      paging: { hasMore: false, total: false },
    }),
    [{ targets: ['a:80'] }],
  )
  const part = { results: [one], next: 'http://a/?page=2' }
  t.match(run([joined(part)]), { name: 'RefreshError', reason: 'pagination', join: 'device' })
  t.match(run([joined(part)], { isComplete: true }), [{ targets: ['a:80'] }])
  t.match(run([joined('<html>')]), { reason: 'shape', join: 'device' })
  t.match(run([joined({ results: [one], odd: 'yes' })], { failIf: 'odd' }), {
    reason: 'refused',
    join: 'device',
  })
  t.match(run([joined({ results: [] })]), { reason: 'all_rejected', join: undefined })
  t.ok(readsHeaders({ joins: [{ ...DEVICE, failIf: 'headers.a' }] }))
  t.notOk(readsHeaders({ failIf: 'error', joins: [DEVICE] }))
})
