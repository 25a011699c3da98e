import t from 'tap'
import { compileTemplate } from '../../src/mapping/template.ts'
import { runPipeline } from '../../src/pipeline/pipeline.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { document } from '../helpers/documents.ts'

const plan = compilePlan({
  records: undefined,
  mapping: {
    source: 's',
    targets: [],
    labels: [['site', compileTemplate('{site}')]],
    metaLabels: true,
    defaultPort: 9100,
  },
  relabelConfigs: [],
})

const HUGE = 'x'.repeat(10_000_000)

/** A record as JSON text, since not all of these can be written as a value. */
const rows: readonly (readonly [name: string, record: string, reason: string])[] = [
  ['a number', '42', 'not_a_host'],
  ['null', 'null', 'not_a_host'],
  ['a list', '[["a"]]', 'not_a_host'],
  ['true', 'true', 'not_a_host'],
  ['an object without a host', '{"serial":1}', 'no_host'],
  ['a nested host', '{"host":{"name":"a"}}', 'invalid_host'],
  ['a host in the prototype', '{"__proto__":{"host":"evil"}}', 'no_host'],
  ['a huge name', `"${HUGE}"`, 'invalid_host'],
  ['a huge host', `{"host":"${HUGE}"}`, 'invalid_host'],
  ['a lone surrogate in a host', '{"host":"a\\ud800"}', 'invalid_host'],
  ['a control character in a host', '{"host":"a\\u0000b"}', 'invalid_host'],
  ['a line break in a host', '"a\\nb"', 'invalid_host'],
  ['an ANSI code in a host', '"\\u001b[31ma"', 'invalid_host'],
]

for (const [name, record, reason] of rows) {
  t.test(`30: quarantined, and the rest served: ${name}`, async (t) => {
    const { groups, report } = runPipeline([document(`[{"host":"good"},${record}]`)], plan)
    const list = JSON.parse(encodeGroups(groups).toString()) as { targets: string[] }[]
    t.same(
      list.flatMap(({ targets }) => targets),
      ['good:9100'],
    )
    t.same([...report.rejected], [[reason, 1]])
    t.ok(JSON.stringify(report.samples).length < 1_000, 'the sample is short')
  })
}

t.test('30: a value that no label can have is left out or quarantined, whatever it is', async (t) => {
  const values: [name: string, json: string][] = [
    ['nested', '{"a":{"b":[1,null]}}'],
    ['huge', `"${HUGE}"`],
    ['a lone surrogate', '"a\\ud800b"'],
    ['control characters', '"a\\u0000\\n\\u001b[31m"'],
  ]
  for (const [name, json] of values) {
    const asField = runPipeline([document(`[{"host":"a","other":${json},"__proto__":${json}}]`)], plan)
    t.same(
      asField.groups.map(({ targets }) => targets),
      [['a:9100']],
      `${name}: a field that is not configured costs nobody a target`,
    )
    t.notMatch(encodeGroups(asField.groups).toString(), /other|proto/, name)
    const asLabel = runPipeline([document(`[{"host":"good"},{"host":"odd","site":${json}}]`)], plan)
    t.same([...asLabel.report.rejected], [['invalid_label', 1]], `${name}: one that is asked for does`)
    t.same(
      asLabel.groups.map(({ targets }) => targets),
      [['good:9100']],
    )
    t.ok(JSON.stringify(asLabel.report.samples).length < 1_000, 'the sample is short')
  }
})
