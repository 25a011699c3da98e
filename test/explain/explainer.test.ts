import t from 'tap'
import { createThreads } from '../../src/base/threads.ts'
import { createExplainer } from '../../src/explain/explainer.ts'
import { type ExplainInput, explainInThread } from '../../src/explain/worker.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { INITIAL_STATUS } from '../../src/snapshot/store.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { keptOf, planOptions, servedOf } from '../helpers/inventory-of.ts'
import { names } from '../helpers/refreshing.ts'

/** A source that read so many names and serves them, or serves nothing yet. */
async function sourceOf(count: number, isServed: boolean): Promise<ExplainInput> {
  const options = planOptions({})
  return {
    options,
    lastRead: keptOf([jsonDocument(names(count))], 0),
    state: {
      name: 'sensors',
      required: true,
      maxStalenessMs: Number.POSITIVE_INFINITY,
      holdMs: 0,
      fileErrors: {},
      snapshot: isServed ? await servedOf(names(count), compilePlan(options), 0) : undefined,
      status: { ...INITIAL_STATUS, lastSuccess: { wallMs: 0, monotonicMs: 0 } },
    },
  }
}

t.test('what is asked for is found, whatever its size', async (t) => {
  const threads = createThreads()
  t.teardown(() => threads.close())
  const explain = createExplainer(threads)
  const rows: [count: number, isServed: boolean, verdict: string][] = [
    [10, true, 'served as sensor_7:9100'],
    [30_000, true, 'served as sensor_7:9100'],
    [30_000, false, 'in the inventory, but not served yet'],
  ]
  for (const [count, isServed, verdict] of rows) {
    const answer = await explain('sensor_7', { sources: [await sourceOf(count, isServed)], removed: [] })
    t.match(answer.explanations[0], { verdict: new RegExp(verdict) })
  }
  t.match(
    await explain('sensor_7', { sources: [], removed: [] }),
    { verdict: /not/ },
    'nothing is there at all',
  )
})

t.test('79: an explanation ends after a deadline, holds nothing up, and others work after it', async (t) => {
  const threads = createThreads()
  t.teardown(() => threads.close())
  // Secrets that begin like the text in which they are looked for: each place of it is compared with all of them.
  const secrets = Array.from({ length: 150 }, (_, index) => `${'a'.repeat(99)}${index}`)
  const record = {
    host: 'sensor_7',
    passwords: secrets,
    notes: Array.from({ length: 40 }, () => 'a'.repeat(240_000)),
  }
  const hostile = { ...(await sourceOf(10, false)), lastRead: keptOf([jsonDocument([record])], 0) }
  const ticks: number[] = []
  const timer = setInterval(() => ticks.push(performance.now()), 20)
  t.teardown(() => clearInterval(timer))
  // No thread even starts so fast.
  const late = createExplainer(threads, 20)('sensor_7', { sources: [hostile], removed: [] })
  await t.rejects(late, { code: 'overloaded', message: /longer than 0.02 s/ })
  t.match(await createExplainer(threads, 60_000)('sensor_7', { sources: [hostile], removed: [] }), {
    matches: 1,
  })
  const gaps = ticks.slice(1).map((at, index) => at - (ticks[index] as number))
  t.ok(ticks.length > 5, `${ticks.length} ticks`)
  t.ok(Math.max(...gaps) < 500, `the longest gap was ${Math.max(...gaps)} ms`)
  t.match(await createExplainer(threads)('sensor_7', { sources: [await sourceOf(10, true)], removed: [] }), {
    matches: Number,
  })
})

t.test(
  'more explanations of large lists than there is room for are refused, and work again later',
  async (t) => {
    const threads = createThreads()
    t.teardown(() => threads.close())
    const explain = createExplainer(threads, 60_000)
    const served = { sources: [await sourceOf(30_000, true)], removed: [] }
    const answers = await Promise.allSettled(names(6).map((name) => explain(name, served)))
    t.equal(answers.filter(({ status }) => status === 'fulfilled').length, 4)
    t.match(answers.at(-1), { reason: { code: 'overloaded', retryAfterSeconds: 5 } })
    t.match(await explain('sensor_7', served), { matches: Number })
  },
)

t.test('what a thread does is done here too; one that cannot start says why', async (t) => {
  const threads = createThreads()
  const served = { sources: [await sourceOf(10, true)], removed: [] }
  t.match(explainInThread({ query: 'sensor_7', served, gaps: [] }), {
    verdict: 'served as sensor_7:9100',
  })
  await threads.close()
  await t.rejects(createExplainer(threads)('sensor_7', served), { message: /threads have ended/ })
})
