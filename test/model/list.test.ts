import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  countIn,
  encodeLines,
  groupsIn,
  labelsIn,
  lineOf,
  linesOf,
  parseLine,
  targetsIn,
} from '../../src/model/list.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
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

t.test('a long list is taken apart some lines at a time, in shared memory', async (t) => {
  const groups = Array.from({ length: 50 }, (_, index) => ({
    targets: Array.from({ length: (index * 97) % 400 }, (_, place) => `gerät-${index}-${place}:9100`),
    labels: [['site', `${'—'.repeat(index * 50)}${index}`]] as const,
  }))
  const body = encodeGroups([...groups, { targets: ['x'.repeat(200_000)], labels: [] }])
  t.ok(body.buffer instanceof SharedArrayBuffer)
  t.ok(body.byteLength > 500_000)
  t.equal(body.toString(), `[\n${linesOf(body).join(',\n')}\n]\n`)
  t.same(linesOf(body), body.toString().slice(2, -3).split(',\n'))
})

t.test('texts that look like what stands between them are counted as what they are', async (t) => {
  for (const targets of [
    [','],
    [',', ','],
    ['a', ','],
    ['","'],
    ['"],"labels":{', '],'],
    ['\\', ','],
    ['x",'],
    ['"', ',"'],
  ])
    t.equal(countIn(lineOf(targets, '{}')), targets.length, JSON.stringify(targets))
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

t.test('an encoded list is taken apart line by line, whatever its texts look like', async (t) => {
  const look = fc.constantFrom('a:1', '","', '],"labels":{}', '\\', '\\"', '"', ']}', '{"targets":[', '\n')
  const text = fc.oneof(look, fc.string({ unit: 'grapheme' }))
  const group = fc.record({
    targets: fc.array(text, { minLength: 1 }),
    labels: fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,3}$/), text)),
  })
  const property = fc.property(fc.array(group), (groups) => {
    const body = encodeGroups(groups)
    const lines = linesOf(body)
    assert.deepEqual(
      lines.map(targetsIn),
      groups.map(({ targets }) => targets),
    )
    assert.deepEqual(
      lines.map(countIn),
      groups.map(({ targets }) => targets.length),
    )
    assert.deepEqual(
      lines.map((line) => lineOf(targetsIn(line), labelsIn(line))),
      lines,
    )
    assert.deepEqual(lines.map(parseLine), groupsIn(body))
    assert.ok(encodeLines(lines).equals(body))
  })
  holds(t, 'any groups', property, { numRuns: 500 })
  t.same(linesOf(encodeGroups([])), [])
})
