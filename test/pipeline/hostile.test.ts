import t from 'tap'
import type { LabelDropReason } from '../../src/mapping/rejection.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { document } from '../helpers/documents.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { runPipeline } from '../helpers/pipeline.ts'

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

t.test(
  '30, 61: a value that no label can have is left out, whatever it is, and its target served',
  async (t) => {
    const values: [name: string, json: string, reason: string][] = [
      ['nested', '{"a":{"b":[1,null]}}', 'not_text'],
      ['huge', `"${HUGE}"`, 'invalid_value'],
      ['a lone surrogate', '"a\\ud800b"', 'invalid_value'],
      ['control characters', '"a\\u0000\\n\\u001b[31m"', 'invalid_value'],
    ]
    for (const [name, json, reason] of values) {
      const asField = runPipeline([document(`[{"host":"a","other":${json},"__proto__":${json}}]`)], plan)
      t.same(
        asField.groups.map(({ targets }) => targets),
        [['a:9100']],
        `${name}: a field that is not configured costs nobody a target`,
      )
      t.notMatch(encodeGroups(asField.groups).toString(), /other|proto/, name)
      const asLabel = runPipeline([document(`[{"host":"good"},{"host":"odd","site":${json}}]`)], plan)
      t.same([...asLabel.report.rejected], [], `${name}: nor does one that is`)
      t.ok(Number(asLabel.report.droppedLabels.get(reason as LabelDropReason)) >= 1, `${name}: ${reason}`)
      t.same(asLabel.groups.flatMap(({ targets }) => targets).sort(), ['good:9100', 'odd:9100'])
      t.notMatch(encodeGroups(asLabel.groups).toString(), /"site"/, `${name}: the label is left out`)
    }
  },
)
