import fc from 'fast-check'
import t from 'tap'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { joinEncoded } from '../../src/snapshot/lines.ts'
import { holds } from '../helpers/property.ts'

t.test('groups are encoded with exactly targets and labels, one a line', async (t) => {
  const body = encodeGroups([
    { targets: ['a:1', 'b:1'], labels: [['site', 'x']] },
    { targets: ['c:1'], labels: [] },
  ])
  t.equal(
    body.toString(),
    '[\n{"targets":["a:1","b:1"],"labels":{"site":"x"}},\n{"targets":["c:1"],"labels":{}}\n]\n',
  )
  t.equal(encodeGroups([]).toString(), '[]')
})

t.test('a label called __proto__ and labels that look like numbers are sent like any other', async (t) => {
  const body = encodeGroups([
    {
      targets: ['a:1'],
      labels: [
        ['_2', 'b'],
        ['_1', 'a'],
        ['__proto__', 'x'],
      ],
    },
  ]).toString()
  t.match(body, '"labels":{"_2":"b","_1":"a","__proto__":"x"}')
})

t.test('encoded lists are joined without decoding', async (t) => {
  const one = encodeGroups([{ targets: ['a:1'], labels: [['s', '1']] }])
  const two = encodeGroups([
    { targets: ['b:1'], labels: [['s', '2']] },
    { targets: ['c:1'], labels: [] },
  ])
  const none = encodeGroups([])
  t.same(JSON.parse(joinEncoded([one, none, two]).toString()), [
    ...JSON.parse(one.toString()),
    ...JSON.parse(two.toString()),
  ])
  t.same(joinEncoded([one]), one)
  t.equal(joinEncoded([none, none]).toString(), '[]')
  t.equal(joinEncoded([]).toString(), '[]')
})

t.test('what is encoded is JSON with the same content, joined or not', async (t) => {
  const text = fc.string({ unit: 'grapheme' })
  const group = fc.record({
    targets: fc.array(text),
    labels: fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,3}$/), text)),
  })
  const asObjects = (groups: { targets: string[]; labels: [string, string][] }[]) =>
    groups.map(({ targets, labels }) => ({ targets, labels: Object.fromEntries(labels) }))
  holds(
    t,
    'any groups',
    fc.property(fc.array(group), fc.array(group), (one, two) => {
      const joined = JSON.parse(joinEncoded([encodeGroups(one), encodeGroups(two)]).toString())
      return JSON.stringify(joined) === JSON.stringify(asObjects([...one, ...two]))
    }),
  )
})
