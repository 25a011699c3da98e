import t from 'tap'
import { seedOfRun } from '../helpers/random.ts'
import { historyOf, run, shorten } from './simulate.ts'

const STEPS = 60

/** How long new seeds are tried, in milliseconds. */
const NEW_MS = process.env.CI === 'true' ? 60_000 : 5_000

/** Runs the history of a seed; one that fails is told with the shortest that does. */
async function holds(seed: number): Promise<string | undefined> {
  const history = historyOf(seed, STEPS)
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
