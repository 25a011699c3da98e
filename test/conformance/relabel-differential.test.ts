import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Labels } from '../../src/model/labels.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { compileRelabel, isDropped, relabel, relabelSteps } from '../../src/relabel/relabel.ts'
import { validateRelabel } from '../../src/relabel/validate.ts'
import { discoveredLabels, populate, type ScrapeConfig, type SdResult } from '../helpers/populate.ts'
import { canonical, discover, findPromtools, inParallel, type Promtool } from '../helpers/promtool.ts'
import { createRandom, type Random, seedOfRun } from '../helpers/random.ts'
import { randomLabels, randomRule } from '../helpers/random-relabel.ts'
import { isThorough } from '../helpers/thorough.ts'

const CI = isThorough
const CASES = CI ? 2000 : 200
/** Label sets under one list of rules: one run of promtool answers for all of them. */
const TARGETS = 12

t.test('promtool and Rollcall relabel random targets with random rules alike', async (t) => {
  const promtools = await findPromtools()
  if (promtools.length === 0) {
    t.comment('NOT COMPARED: there is no promtool on the PATH, so nothing was checked here')
    t.notOk(CI, 'in CI there has to be a promtool')
    return
  }
  const seed = seedOfRun()
  t.comment(`SEED=${seed} repeats this run`)
  for (const promtool of promtools) await compare(t, promtool, seed)
})

async function compare(t: Test, promtool: Promtool, seed: number): Promise<void> {
  const random = createRandom(seed)
  const jobs = Array.from({ length: Math.ceil(CASES / TARGETS) }, () => randomJob(random, promtool.major))
  const directory = t.testdir()
  const differences = await inParallel([...jobs.entries()], 6, async ([index, job]) => {
    const file = join(directory, `${promtool.major}-${index}.yml`)
    await writeFile(file, configuration(job, promtool))
    const expected = JSON.stringify(
      canonical(withoutDiscovered(await discover(promtool, file, job.job_name))),
    )
    const actual = JSON.stringify(canonical(withoutDiscovered(populate(job))))
    return expected === actual ? [] : [{ job, expected, actual }]
  })
  const cases = jobs.length * TARGETS
  t.same(
    differences.flat().slice(0, 3),
    [],
    `${cases} cases, ${jobs.length} lists of rules, ${promtool.command}`,
  )
}

function configuration(job: ScrapeConfig, { major }: Promtool): string {
  // JSON is YAML too. Prometheus 3 would otherwise take any UTF-8 text for a label name.
  const global = major === 3 ? { metric_name_validation_scheme: 'legacy' } : {}
  return JSON.stringify({ global, scrape_configs: [job] })
}

function withoutDiscovered(results: readonly SdResult[]): SdResult[] {
  return results.map((result) => ({ ...result, discoveredLabels: {} }))
}

function randomJob(random: Random, major: 2 | 3): ScrapeConfig {
  const relabel_configs = Array.from({ length: 1 + random.int(4) }, () => validRule(random, major))
  const job = { job_name: 'fleet', static_configs: [], relabel_configs }
  const static_configs = Array.from({ length: TARGETS }, (_, index) => {
    // Under some rules chance decides for whatever labels: then none but the address is compared.
    for (let attempt = 0; ; attempt++) {
      const labels = attempt < 100 ? randomLabels(random, major) : {}
      const targets = [`host-${index}:9100`]
      const discovered = discoveredLabels(job, { ...labels, __address__: `host-${index}:9100` })
      if (major === 2 || attempt === 100 || !isLeftToChance(discovered, relabel_configs))
        return { targets, labels }
    }
  })
  return { ...job, static_configs }
}

function validRule(random: Random, major: 2 | 3): RelabelConfig {
  for (;;) {
    const rule = randomRule(random, major)
    if (validateRelabel(rule).length === 0) return rule
  }
}

/** Whether labelmap gives one name to two values: which of them stays is then by chance in Prometheus 3. */
function isLeftToChance(labels: Labels, configs: readonly RelabelConfig[]): boolean {
  return [...relabelSteps(labels, compileRelabel(configs))].some(({ rule, action, before }) => {
    if (action !== 'labelmap') return false
    const config = configs[rule] as RelabelConfig
    const map = compileRelabel([config])
    const matches = compileRelabel([{ action: 'labeldrop', regex: config.regex ?? '(.*)' }])
    const written = new Map<string, string>()
    return before.some((pair) => {
      const isMatch = (relabel([pair], matches) as Labels).length === 0
      if (!isMatch) return false
      const mapped = relabel([pair], map)
      if (isDropped(mapped)) return false
      const [name, value] = mapped.find(([name]) => name !== pair[0]) ?? pair
      const rival = written.get(name)
      written.set(name, value)
      return rival !== undefined && rival !== value
    })
  })
}
