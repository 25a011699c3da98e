import fc from 'fast-check'
import t from 'tap'
import { formatDuration, parseDuration } from '../../src/model/duration.ts'
import { holds } from '../helpers/property.ts'

t.test('durations as Prometheus reads them', async (t) => {
  const rows: [text: string, ms: number | undefined][] = [
    ['0', 0],
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['1y', 31_536_000_000],
    ['1y2w3d4h5m6s7ms', 31_536_000_000 + 14 * 86_400_000 + 3 * 86_400_000 + 4 * 3_600_000 + 306_007],
    ['', undefined],
    ['30', undefined],
    ['30 s', undefined],
    ['1.5h', undefined],
    ['-1s', undefined],
    ['1s1m', undefined],
    ['s', undefined],
    ['10S', undefined],
  ]
  for (const [text, ms] of rows) t.equal(parseDuration(text), ms, JSON.stringify(text))
})

t.test('what is written is read back as the same duration', async (t) => {
  const durations = fc.integer({ min: 0, max: 10 * 31_536_000_000 })
  holds(
    t,
    'round trip',
    fc.property(durations, (ms) => parseDuration(formatDuration(ms)) === ms),
  )
  t.equal(formatDuration(0), '0s')
  t.equal(formatDuration(90_000), '1m30s')
  t.equal(formatDuration(14 * 86_400_000), '2w')
  t.equal(formatDuration(15 * 86_400_000), '15d')
})
