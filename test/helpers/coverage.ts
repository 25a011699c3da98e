/**
 * Loaded into the processes that tests start (`node --import`), when coverage is measured: notes which lines of the
 * code under test they run, where tap's report finds it. Tap's own way of doing so more than doubles the time that a
 * process and each of its threads take to start.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'
import { threadId } from 'node:worker_threads'

const code = new URL('../../src/', import.meta.url).href
const folder = new URL('../../../.tap/coverage/', import.meta.url)

const session = new Session()
session.connect()
session.post('Profiler.enable')
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

process.on('exit', () => {
  session.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error !== null) throw error
    const result = coverage.result.filter(({ url }) => url.startsWith(code))
    mkdirSync(folder, { recursive: true })
    const file = new URL(`child-${process.pid}-${threadId}-${Date.now()}.json`, folder)
    writeFileSync(fileURLToPath(file), JSON.stringify({ result }))
  })
})
