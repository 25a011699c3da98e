import t from 'tap'
import { createMetrics, REFRESH_RESULTS } from '../../src/base/metrics.ts'
import { seriesValue } from '../helpers/exposition.ts'

t.test('the counters of a source are there, at 0, before anything happens', async (t) => {
  const metrics = createMetrics('1.2.3')
  metrics.addSource('sensors')
  const text = await metrics.registry.metrics()
  for (const result of REFRESH_RESULTS) {
    t.equal(seriesValue(text, 'rollcall_source_refreshes_total', { source: 'sensors', result }), 0)
  }
  t.equal(
    seriesValue(text, 'rollcall_source_refresh_failures_total', { source: 'sensors', reason: 'dns' }),
    0,
  )
  t.equal(seriesValue(text, 'rollcall_source_stale', { source: 'sensors' }), 1)
  t.equal(seriesValue(text, 'rollcall_build_info', { version: '1.2.3', nodeversion: process.version }), 1)
})

t.test('the defaults of the client library are there, without the misnamed ones', async (t) => {
  const text = await createMetrics('1').registry.metrics()
  t.match(text, /^process_resident_memory_bytes \d/m)
  t.match(text, /^nodejs_eventloop_lag_seconds /m)
  t.notMatch(text, /nodejs_active_\w+_total/)
})

t.test('two registries have nothing in common', async (t) => {
  const one = createMetrics('1')
  one.http.shed.inc()
  t.equal(seriesValue(await one.registry.metrics(), 'rollcall_http_requests_shed_total'), 1)
  t.equal(seriesValue(await createMetrics('1').registry.metrics(), 'rollcall_http_requests_shed_total'), 0)
})
