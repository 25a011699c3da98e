// Writes the pages that are made from code: npm run docs.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createMetrics } from '../../src/base/metrics.ts'
import { fileSchema } from '../../src/config/schema.ts'
import { openApiDocument } from '../../src/http/api/document.ts'
import { KINDS } from '../../src/sources/kinds.ts'
import { ICON } from '../../src/ui/style.ts'
import { webSchema } from '../../src/web/config.ts'
import { chartFiles, copiedFiles } from './chart-files.ts'
import {
  CONFIGURATION_PAGE,
  CONFIGURATION_SCHEMA,
  configurationPage,
  configurationSchema,
  VALIDATION_SCHEMA,
  validationSchema,
  WEB_PAGE,
  WEB_VALIDATION_SCHEMA,
} from './configuration-page.ts'
import { METRICS_PAGE, metricsPage } from './metrics-page.ts'
import { OPENAPI_FILES } from './openapi.ts'

writeFileSync(METRICS_PAGE, await metricsPage(createMetrics('')))
writeFileSync(CONFIGURATION_PAGE, configurationPage(fileSchema, readFileSync(CONFIGURATION_PAGE, 'utf8')))
writeFileSync(WEB_PAGE, configurationPage(webSchema, readFileSync(WEB_PAGE, 'utf8')))
writeFileSync(WEB_VALIDATION_SCHEMA, validationSchema(webSchema))
writeFileSync(VALIDATION_SCHEMA, validationSchema(fileSchema))
writeFileSync(CONFIGURATION_SCHEMA, configurationSchema(fileSchema, Object.keys(KINDS)))
for (const file of OPENAPI_FILES) writeFileSync(file, openApiDocument())
writeFileSync('docs/icon.svg', ICON)

// After the schema of the configuration, which is a part of the chart's.
for (const path of copiedFiles()) rmSync(path)
for (const [path, text] of chartFiles()) writeFileSync(path, text)
