import t from 'tap'
import { printable, printableJson } from '../../src/base/printable.ts'

t.test('what a terminal would obey becomes visible', async (t) => {
  const rows: [name: string, text: string, shown: string][] = [
    ['plain text', 'sensor_1 é 日本 "x"', 'sensor_1 é 日本 "x"'],
    ['a colour', '\u001b[31mred', '\\u001b[31mred'],
    ['a control sequence of one byte', '\u009b2J', '\\u009b2J'],
    ['line breaks and tabs', 'a\nb\r\tc', 'a\\u000ab\\u000d\\u0009c'],
    ['delete', '\u007f', '\\u007f'],
    ['text that runs backwards', 'a\u202egnp', 'a\\u202egnp'],
    ['what is not seen', 'a\u200b\ufeff', 'a\\u200b\\ufeff'],
  ]
  for (const [name, text, shown] of rows) t.equal(printable(text), shown, name)
})

t.test('JSON stays the same JSON', async (t) => {
  const value = { a: ['\u001b[31m', '\u009b', '\u202e', 'line\nbreak'], b: 1 }
  const text = printableJson(value)
  t.same(JSON.parse(text), value)
  t.notMatch(text.replaceAll('\n', ''), /\p{Cc}|\u202e/u)
  t.match(text, /^\{\n {2}"a"/, 'indented')
  t.match(text, /\}\n$/)
})
