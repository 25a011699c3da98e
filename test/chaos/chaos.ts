// Misbehaves in every way at once and checks that no promise is broken:
//   npm run chaos                    ten minutes
//   npm run chaos -- --seconds=60    one minute
//   npm run chaos -- --seed=17       the choices of an earlier run
//   npm run chaos -- --replicas=3    several replicas, their store, and the network between them
// Prints the seed first and what happened last; exits 1 at the first broken promise.
import { parseArgs } from 'node:util'
import { createScope } from '../helpers/scope.ts'
import { findTool } from '../helpers/tools.ts'
import { runReplicasChaos } from './replicas-run.ts'
import { runChaos } from './run.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, seed: { type: 'string' }, replicas: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 2 ** 32)
const options = { seconds: Number(values.seconds ?? 600), seed, print: console.log }
console.log(`seed ${seed}`)
// Ends what hangs on this process too, such as a disk that it mounted.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const scope = createScope()
// Whatever happens, no process is left behind.
const summary = await run().finally(() => scope.end())
const { tail, ...told } = summary
console.log(JSON.stringify(told, null, 2))
if (summary.violation !== undefined) console.log(tail.join('\n'))
process.exitCode = summary.violation === undefined ? 0 : 1

/** @throws Error when what it needs is not installed */
async function run() {
  if (values.replicas !== undefined) {
    if (findTool('redis-server', 'REDIS_SERVER') === undefined)
      throw new Error('Redis is not installed; apt-get install redis-server redis-sentinel')
    return runReplicasChaos(scope, { ...options, replicas: Number(values.replicas) })
  }
  const prometheus = findTool('prometheus', 'PROMETHEUS')
  if (prometheus === undefined) throw new Error('Prometheus is not installed; apt-get install prometheus')
  return runChaos(scope, { ...options, prometheus })
}
