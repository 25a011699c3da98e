import t from 'tap'
import { createThreads } from '../../src/base/threads.ts'
import { createExplainer } from '../../src/explain/explainer.ts'
import type { ExplainInput } from '../../src/explain/worker.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import { keepRead } from '../../src/refresh/compute.ts'
import { INITIAL_STATUS } from '../../src/snapshot/store.ts'
import { jsonDocument } from '../helpers/documents.ts'
import { planOptions, servedOf } from '../helpers/inventory-of.ts'
import { names } from '../helpers/refreshing.ts'

/** A source that read so many names and serves them, or serves nothing yet. */
async function sourceOf(count: number, isServed: boolean): Promise<ExplainInput> {
  const options = planOptions({})
  return {
    options,
    lastRead: keepRead([jsonDocument(names(count))], 0),
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

t.test('what is small is explained here, what is large in a thread, with the same words', async (t) => {
  const threads = createThreads()
  t.teardown(() => threads.close())
  let jobs = 0
  const explain = createExplainer({
    ...threads,
    run(job, input, options) {
      jobs++
      return threads.run(job, input, options)
    },
  })
  const rows: [count: number, isServed: boolean, jobs: number, verdict: string][] = [
    [10, true, 0, 'served as sensor_7:9100'],
    [30_000, true, 1, 'served as sensor_7:9100'],
    [30_000, false, 2, 'in the inventory, but not served yet'],
  ]
  for (const [count, isServed, expected, verdict] of rows) {
    const answer = await explain('sensor_7', [await sourceOf(count, isServed)])
    t.match(answer.explanations[0], { verdict: new RegExp(verdict) })
    t.equal(jobs, expected)
  }
  t.match(await explain('sensor_7', []), { verdict: /not/ }, 'nothing is there at all')
})

t.test(
  'more explanations of large lists than there is room for are refused, and work again later',
  async (t) => {
    const threads = createThreads()
    t.teardown(() => threads.close())
    const explain = createExplainer(threads)
    const sources = [await sourceOf(30_000, true)]
    const answers = await Promise.allSettled(names(6).map((name) => explain(name, sources)))
    t.equal(answers.filter(({ status }) => status === 'fulfilled').length, 4)
    t.match(answers.at(-1), { reason: { code: 'overloaded', retryAfterSeconds: 5 } })
    t.match(await explain('sensor_7', sources), { matches: Number })
  },
)
