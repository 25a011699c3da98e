// Misbehaves in every way at once and checks that no promise is broken:
//   npm run chaos                    ten minutes
//   npm run chaos -- --seconds=60    one minute
//   npm run chaos -- --seed=17       the choices of an earlier run
// Prints the seed first and what happened last; exits 1 at the first broken promise.
import { parseArgs } from 'node:util'
import { createScope } from '../helpers/scope.ts'
import { findTool } from '../helpers/tools.ts'
import { runChaos } from './run.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } })
const seed = Number(values.seed ?? Date.now() % 2 ** 32)
const prometheus = findTool('prometheus', 'PROMETHEUS')
if (prometheus === undefined) throw new Error('Prometheus is not installed; apt-get install prometheus')
console.log(`seed ${seed}`)
// Ends what hangs on this process too, such as a disk that it mounted.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const scope = createScope()
const options = { seconds: Number(values.seconds ?? 600), seed, prometheus, print: console.log }
// Whatever happens, no process is left behind.
const summary = await runChaos(scope, options).finally(() => scope.end())
const { tail, ...told } = summary
console.log(JSON.stringify(told, null, 2))
if (summary.violation !== undefined) console.log(tail.join('\n'))
process.exitCode = summary.violation === undefined ? 0 : 1
