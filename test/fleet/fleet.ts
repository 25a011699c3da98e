// Proves what is promised to devices that register themselves, with a hundred agents and a real Prometheus:
//   npm run tool -- fleet                                    two and a half minutes
//   npm run tool -- fleet --agents=20 --away=15 --ttl=30s    another fleet
// Prints what happens when, and how the agents come back; exits 1 when a promise is broken.
import { parseArgs } from 'node:util'
import { parseDuration } from '../../src/model/duration.ts'
import { createScope } from '../helpers/scope.ts'
import { findTool } from '../helpers/tools.ts'
import { runFleet } from './run.ts'

const { values } = parseArgs({
  options: {
    agents: { type: 'string', default: '100' },
    away: { type: 'string', default: '60' },
    ttl: { type: 'string', default: '30s' },
  },
})
const agents = Number(values.agents)
const ttlMs = parseDuration(values.ttl)
const awayMs = Number(values.away) * 1_000
if (!Number.isInteger(agents) || agents < 10) throw new Error('--agents: write a number from 10')
if (ttlMs === undefined || ttlMs < 3_000) throw new Error('--ttl: write a duration from 3s')
if (Number.isNaN(awayMs)) throw new Error('--away: write a number of seconds')
const prometheus = findTool('prometheus', 'PROMETHEUS')
if (prometheus === undefined) throw new Error('Prometheus is not installed; apt-get install prometheus')
const scope = createScope()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void scope.end().finally(() => process.exit(1)))
}
// Whatever happens, no process is left behind.
const { violations } = await runFleet(scope, {
  agents,
  processes: 10,
  ttlMs,
  awayMs,
  restarts: ['SIGTERM', 'SIGKILL'],
  polls: 15,
  slackMs: 0,
  mayBurst: false,
  prometheus,
  scrapeSeconds: 5,
  print: console.log,
}).finally(() => scope.end())
console.log(violations.length === 0 ? 'no promise was broken' : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
