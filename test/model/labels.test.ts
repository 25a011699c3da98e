import fc from 'fast-check'
import t from 'tap'
import {
  compareText,
  isLabelName,
  isLabelValue,
  labelText,
  MAX_LABEL_VALUE_LENGTH,
  sanitizeLabelName,
  sortedLabels,
} from '../../src/model/labels.ts'
import type { Json } from '../../src/model/record.ts'
import { holds } from '../helpers/property.ts'

t.test('label names that Prometheus 2 and 3 both accept', async (t) => {
  for (const name of ['a', 'A_1', '_x', '__meta_x', '__proto__']) t.ok(isLabelName(name), name)
  for (const name of ['', '1a', 'a-b', 'a.b', 'é', 'a b', 'a\n'])
    t.notOk(isLabelName(name), JSON.stringify(name))
})

t.test('any text becomes a legal part of a label name', async (t) => {
  t.equal(sanitizeLabelName('rack-unit.Ü 1'), 'rack_unit___1')
  const texts = fc.string({ unit: 'binary' })
  holds(
    t,
    'any text',
    fc.property(texts, (text) => isLabelName(`__meta_${sanitizeLabelName(text)}`)),
  )
})

t.test('JSON values as label values', async (t) => {
  const rows: [value: Json, text: string | undefined][] = [
    ['text', 'text'],
    [12, '12'],
    [1.5, '1.5'],
    [9007199254740991, '9007199254740991'],
    [2 ** 60, undefined],
    [1.5e300, undefined],
    [true, 'true'],
    [false, 'false'],
    [null, ''],
    [['a', 'b'], ',a,b,'],
    [['a', 1, null], ',a,1,,'],
    [[], ''],
    [{ a: 1 }, undefined],
    [[{ a: 1 }], undefined],
    [[['a']], undefined],
  ]
  for (const [value, text] of rows) t.equal(labelText(value), text, JSON.stringify(value))
})

t.test('label values that can be sent', async (t) => {
  for (const text of ['', 'x', 'Zürich 🚀', 'two\nlines\tand a tab', 'x'.repeat(MAX_LABEL_VALUE_LENGTH)]) {
    t.ok(isLabelValue(text), JSON.stringify(text.slice(0, 30)))
  }
  for (const text of [
    '\u0000',
    'a\u001b[31m',
    '\u007f',
    '\ud800',
    'x\udc00',
    'x'.repeat(MAX_LABEL_VALUE_LENGTH + 1),
  ]) {
    t.notOk(isLabelValue(text), JSON.stringify(text.slice(0, 30)))
  }
})

t.test('labels are sorted by code unit and empty ones are left out', async (t) => {
  t.same(
    sortedLabels(
      new Map([
        ['b', '1'],
        ['a', ''],
        ['B', '2'],
        ['_', '3'],
      ]),
    ),
    [
      ['B', '2'],
      ['_', '3'],
      ['b', '1'],
    ],
  )
  t.equal(compareText('a', 'a'), 0)
})
