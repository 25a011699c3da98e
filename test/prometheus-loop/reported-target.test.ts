import t from 'tap'
import { readQuickly, readTarget } from '../../src/prometheus/reported-target.ts'

const LABELS = {
  __address__: 'a:1',
  __meta_rollcall_source: 'sensors',
  __meta_url: 'http://rollcall/targets',
  __metrics_path__: '/metrics',
  __scheme__: 'http',
  job: 'node',
}

const told = (discoveredLabels: object, more: object = {}) => ({
  discoveredLabels,
  labels: { instance: 'a:1', health: 'x', scrapePool: 'y' },
  scrapePool: 'node',
  scrapeUrl: 'http://a:1/metrics?a&b',
  lastError: '',
  lastScrape: '2026-01-01T00:00:00Z',
  health: 'up',
  ...more,
})

/** As Go writes JSON. */
const written = (value: unknown) => JSON.stringify(value).replaceAll('&', '\\u0026')

t.test('a target that is not down is read without parsing it', async (t) => {
  const wanted = {
    discoveredLabels: LABELS,
    scrapePool: 'node',
    health: 'up',
    lastScrape: '2026-01-01T00:00:00Z',
  }
  t.same(readQuickly(written(told({ ...LABELS, health: 'down', x: '},{' }))), wanted)
  t.same(readQuickly(written(told(LABELS, { lastError: '"health":"down"' }))), wanted)
  t.same(readTarget(written(told(LABELS))), wanted)
  t.match(readQuickly(written(told(LABELS, { health: 'unknown', lastError: '"health":"up"' }))), {
    health: 'unknown',
  })
  const { job, ...others } = LABELS
  t.same(readQuickly(written(told(others)))?.discoveredLabels, others)
})

t.test('any other target is parsed', async (t) => {
  const others = [
    told(LABELS, { health: 'down' }),
    told(LABELS, { health: 'x"y' }),
    told({ ...LABELS, x: '"__address__":"b:1"' }),
    told({ ...LABELS, __param_target: 'x' }),
    told(LABELS, { scrapePool: 'no"de' }),
    { discoveredLabels: LABELS },
    { first: 1, ...told(LABELS) },
    { scrapePool: 'node' },
    {},
  ]
  for (const other of others) {
    t.equal(readQuickly(written(other)), undefined, written(other))
    t.same(readTarget(written(other)), other)
  }
})
