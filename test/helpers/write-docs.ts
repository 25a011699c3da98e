// Writes the pages that are made from code: npm run docs.
import { writeFileSync } from 'node:fs'
import { createMetrics } from '../../src/base/metrics.ts'
import { METRICS_PAGE, metricsPage } from './metrics-page.ts'

writeFileSync(METRICS_PAGE, await metricsPage(createMetrics('')))
