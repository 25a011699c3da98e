import t from 'tap'
import { formatSize, parseSize } from '../../src/model/size.ts'

t.test('sizes in powers of two', async (t) => {
  const rows: [text: string, bytes: number | undefined][] = [
    ['0B', 0],
    ['512B', 512],
    ['4KB', 4096],
    ['256MB', 268_435_456],
    ['2GB', 2_147_483_648],
    ['256', undefined],
    ['1.5MB', undefined],
    ['MB', undefined],
    ['1TB', undefined],
    ['', undefined],
  ]
  for (const [text, bytes] of rows) t.equal(parseSize(text), bytes, JSON.stringify(text))
})

t.test('sizes are written for people', async (t) => {
  t.equal(formatSize(10), '10B')
  t.equal(formatSize(1500), '1.5KB')
  t.equal(formatSize(268_435_456), '256MB')
  t.equal(formatSize(2 ** 31), '2GB')
})
