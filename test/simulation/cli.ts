// npm run simulate -- --minutes=1 [--seed=N] [--steps=N] [--replicas=N]
import { historyOf, type Ran, run, shorten } from './simulate.ts'
import { replicaHistoryOf, runReplicas } from './simulate-replicas.ts'

const argument = (name: string) =>
  process.argv.find((one) => one.startsWith(`--${name}=`))?.slice(name.length + 3)

const minutes = Number(argument('minutes') ?? 1)
const length = Number(argument('steps') ?? 150)
const only = argument('seed')
const replicas = Number(argument('replicas') ?? 1)
if (replicas > 1) {
  await simulate(
    (seed) => replicaHistoryOf(seed, length, replicas),
    (history) => runReplicas(history, replicas),
  )
} else await simulate((seed) => historyOf(seed, length), run)

async function simulate<Step>(
  historyOf: (seed: number) => Step[],
  run: (history: readonly Step[]) => Promise<Ran>,
): Promise<void> {
  let seed = Number(only ?? Date.now() % 2 ** 31)
  let [hours, checks, runs] = [0, 0, 0]
  const startMs = performance.now()
  const cpu = process.cpuUsage()
  do {
    const history = historyOf(seed)
    const ran = await run(history)
    hours += ran.hours
    checks += ran.checks
    runs++
    if (ran.violation !== undefined) {
      console.error(`seed ${seed}, step ${ran.steps}: ${ran.violation}`)
      const shortest = await shorten(history, run)
      for (const step of shortest) console.error(JSON.stringify(step))
      console.error(
        `the shortest history that fails has ${shortest.length} of ${length} steps: ${(await run(shortest)).violation}`,
      )
      process.exit(1)
    }
    seed++
  } while (only === undefined && performance.now() - startMs < minutes * 60_000)
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (user + system) / 1e6
  console.log(
    `${runs} histories of ${length} steps, ${Math.round(hours)} simulated hours, ${checks} comparisons, no violation; ${Math.round((hours / seconds) * 60)} simulated hours a minute of CPU`,
  )
}
