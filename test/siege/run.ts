// Lays siege to a Rollcall that a real Prometheus polls every second, with 500 devices that send heartbeats:
//   npm run siege                     two minutes
//   npm run siege -- --seconds=30     another time
// Prints what became of each attack, and of those who may ask; exits 1 when one of them noticed.
import { parseArgs } from 'node:util'
import { createScope } from '../helpers/scope.ts'
import { findTool } from '../helpers/tools.ts'
import { besiege } from './siege.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '120' } } })
const seconds = Number(values.seconds)
if (!(seconds > 0)) throw new Error('--seconds: write a number of seconds')
const [prometheus, python] = [findTool('prometheus', 'PROMETHEUS'), findTool('python3')]
if (prometheus === undefined) throw new Error('Prometheus is not installed; apt-get install prometheus')
if (python === undefined) throw new Error('Python is not installed; apt-get install python3')
const scope = createScope()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void scope.end().finally(() => process.exit(1)))
}
const { violations, ...told } = await besiege(scope, {
  seconds,
  prometheus,
  python,
  print: console.log,
}).finally(() => scope.end())
console.log(told)
for (const violation of violations.slice(0, 20)) console.log(violation)
console.log(violations.length === 0 ? 'nobody noticed' : `${violations.length} violations`)
process.exitCode = violations.length === 0 ? 0 : 1
