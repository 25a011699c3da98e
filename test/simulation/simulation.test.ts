import t from 'tap'
import { seedOfRun } from '../helpers/random.ts'
import { historyOf, type Ran, run, shorten } from './simulate.ts'
import { replicaHistoryOf, runReplicas } from './simulate-replicas.ts'

const STEPS = 60

/** How long new seeds are tried, in milliseconds. */
const NEW_MS = process.env.CI === 'true' ? 60_000 : 5_000

/** Runs the history of a seed; one that fails is told with the shortest that does. */
const holds = (seed: number) => runs(seed, historyOf(seed, STEPS), run)

const REPLICAS = 3
const holdsOfReplicas = (seed: number) =>
  runs(seed, replicaHistoryOf(seed, 40, REPLICAS), (history) => runReplicas(history, REPLICAS))

async function runs<Step>(
  seed: number,
  history: readonly Step[],
  run: (history: readonly Step[]) => Promise<Ran>,
): Promise<string | undefined> {
  const { violation, steps } = await run(history)
  if (violation === undefined) return undefined
  const shortest = (await shorten(history, run)).map((step) => JSON.stringify(step)).join('\n')
  return `seed ${seed}, step ${steps}: ${violation}\n${shortest}`
}

t.test(
  '56 to 71: twenty histories: what is served is what the plain rules say',
  { timeout: 280_000 },
  async (t) => {
    for (let seed = 1; seed <= 20; seed++) t.equal(await holds(seed), undefined, `seed ${seed}`)
  },
)

t.test('a history that nobody has seen yet', { timeout: 280_000 }, async (t) => {
  const startMs = performance.now()
  let seed = seedOfRun()
  do t.equal(await holds(seed), undefined, `seed ${seed}`)
  while (++seed && performance.now() - startMs < NEW_MS)
})

t.test('the same seed gives the same history, to its last target', async (t) => {
  const ran = [await run(historyOf(7, STEPS)), await run(historyOf(7, STEPS))]
  t.same(ran[0], ran[1])
  t.ok((ran[0]?.checks ?? 0) > 100)
  t.notSame(historyOf(8, STEPS), historyOf(7, STEPS))
})

t.test(
  '93 to 97: eight histories of three replicas: no target that is there leaves one that served it',
  { timeout: 280_000 },
  async (t) => {
    for (let seed = 1; seed <= 8; seed++) t.equal(await holdsOfReplicas(seed), undefined, `seed ${seed}`)
  },
)
