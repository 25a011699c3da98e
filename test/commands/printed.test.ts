import t from 'tap'
import { columns } from '../../src/commands/printed.ts'

t.test('columns are as wide as their widest cell, however many rows there are', async (t) => {
  t.equal(
    columns([
      ['A', 'B'],
      ['long', 'x'],
      ['', 'y'],
    ]),
    'A     B\nlong  x\n      y\n',
  )
  const rows = Array.from({ length: 200_000 }, (_, index) => [String(index), 'x'])
  t.equal(columns(rows).split('\n').length, 200_001)
})
