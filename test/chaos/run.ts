import { setTimeout as delay } from 'node:timers/promises'
import { seriesValue } from '../helpers/exposition.ts'
import { discovering, type Prometheus, startPrometheus } from '../helpers/prometheus.ts'
import { createRandom } from '../helpers/random.ts'
import type { Scope } from '../helpers/scope.ts'
import { createAgeCheck } from './age.ts'
import { createCertificates } from './certificates.ts'
import { createDevices, GONE_WITHIN_MS } from './devices.ts'
import { createFleet } from './fleet.ts'
import { createHistory } from './history.ts'
import { createInventories, DEVICES } from './inventories.ts'
import { createInventory } from './inventory.ts'
import { createMachine } from './machine.ts'
import { createModel } from './model.ts'
import { createRollcall, GUARD } from './rollcall.ts'
import { createSteps } from './steps.ts'
import { createViewCheck } from './views.ts'
import { createWatch } from './watch.ts'

const SENSORS = 5_000
/** A refresh that hangs, Retry-After, and what is held all come before. */
const CONVERGES_WITHIN_MS = 25_000
/** The age of a list that is read twice a second: an interval, a reading, and some time on a busy machine. */
const FRESH_MS = 5_000
/** It polls every second, and takes up to five more to act on what it is told. */
const PROMETHEUS_CONVERGES_WITHIN_MS = 30_000

/** How a run went. */
export interface Summary {
  readonly seed: number
  readonly steps: number
  readonly faults: Readonly<Record<string, number>>
  /** The wrong answers for which there was no time. */
  readonly untried: readonly string[]
  /** How many readings of the inventory began, and in how many answers a fault struck. */
  readonly readings: number
  readonly struck: number
  /** 24: how often another source was asked, which fails all the time. */
  readonly neighbours: number
  readonly starts: number
  readonly polls: Readonly<Record<string, number>>
  readonly health: { readonly asked: number; readonly slow: number; readonly slowestMs: number }
  /** What this machine cannot do, so that it was not tried. */
  readonly without: readonly string[]
  readonly violation: string | undefined
  /** What happened last, and what Rollcall logged last; for a violation. */
  readonly tail: readonly string[]
}

/** What a run is told. */
export interface RunOptions {
  readonly seconds: number
  readonly seed: number
  /** The Prometheus to run. */
  readonly prometheus: string
  readonly print: (line: string) => void
}

/** Misbehaves for so long, then lets everything converge; ends at the first broken promise. */
export async function runChaos(scope: Scope, options: RunOptions): Promise<Summary> {
  const random = createRandom(options.seed)
  const history = createHistory(options.print)
  const inventories = createInventories()
  const model = createModel(inventories, GUARD)
  const machine = createMachine(scope)
  for (const missing of machine.without) options.print(`without ${missing}`)
  const certificates = createCertificates(scope, machine.clock)
  const inventory = await createInventory(scope, {
    model,
    random: createRandom(options.seed + 1),
    certificates,
    storms: history.violated,
  })
  const fleet = createFleet(SENSORS, random, inventories)
  const token = 'token-of-devices'
  const rollcall = createRollcall(scope, model, machine, {
    ...inventory,
    caFile: certificates.caFile,
    token,
  })
  const checks = {
    model,
    age: createAgeCheck(inventory.lastWholeMs),
    views: createViewCheck(GUARD.holdMs),
    devices: createDevices(rollcall, { random: createRandom(options.seed + 2), history, token }),
  }
  const watch = await createWatch(scope, rollcall, checks, history)
  const { devices } = checks
  const isOver = () => history.violation() !== undefined

  async function within(ms: number, what: string, ask: () => Promise<boolean> | boolean): Promise<boolean> {
    const end = performance.now() + ms
    while (!isOver()) {
      if (await ask()) return true
      if (performance.now() > end) history.violated(`not within ${ms} ms: ${what}; ${model.states()}`)
      await delay(50)
    }
    return false
  }

  const eventually = (what: string, ask: () => Promise<boolean> | boolean) =>
    within(CONVERGES_WITHIN_MS, what, ask)
  const converges = async (list: string) => {
    const it = `${list.slice(0, 8)}, as the inventory says`
    const isServed = () => watch.list() === list && watch.ageMs() < FRESH_MS
    if (!(await eventually(`Rollcall serves ${it}, as fresh`, isServed))) return false
    return eventually(`Rollcall keeps ${it}`, async () => (await rollcall.keptList()) === list)
  }
  const steps = createSteps({
    random,
    fleet,
    inventory,
    rollcall,
    machine,
    model,
    devices,
    violated: history.violated,
    note: history.add,
    eventually,
    converges,
    isOver,
  })

  inventory.behave({ editions: [steps.truth()] })
  await rollcall.start()
  const prometheus = await startPrometheus(scope, options.prometheus, discovering(watch.url, '1s'))
  await steps.calm()
  await within(
    PROMETHEUS_CONVERGES_WITHIN_MS,
    'Prometheus has its first targets',
    async () => ((await discovered(prometheus)) ?? 0) > 0,
  )

  let taken = 0
  const end = performance.now() + options.seconds * 1_000
  while (!isOver() && performance.now() < end) {
    await steps.next()
    taken += 1
    const count = await discovered(prometheus)
    if (count === undefined || !watch.given().has(count)) {
      history.violated(`Prometheus has ${count} targets, as many as no list that it was given`)
    }
    if (taken % 20 === 0) options.print(`${taken} steps, ${inventory.readings()} readings …`)
  }

  await steps.calm()
  const wanted = JSON.stringify([...inventories.sites(steps.truth().list).keys()].sort())
  await within(
    PROMETHEUS_CONVERGES_WITHIN_MS,
    'Prometheus has exactly the targets of the inventory',
    async () => JSON.stringify(await addresses(prometheus)) === wanted,
  )
  await within(GONE_WITHIN_MS, 'exactly the devices that register are served', () => {
    const served = watch.devices()
    return served?.size === devices.targets().length && devices.targets().every((one) => served.has(one))
  })
  await Promise.all([watch.stop(), devices.stop()])
  return {
    seed: options.seed,
    steps: taken,
    faults: steps.counts(),
    untried: steps.untried(),
    readings: inventory.readings(),
    struck: inventory.struck(),
    neighbours: inventory.neighbours(),
    starts: rollcall.starts(),
    polls: watch.statuses(),
    health: watch.health(),
    without: machine.without,
    violation: history.violation(),
    tail: [...history.tail(), 'Rollcall logged last:', ...loggedLast(rollcall.log())],
  }
}

/** The last lines of a log that are not of the source that fails all the time. */
function loggedLast(log: string): string[] {
  const lines = log.trim().split('\n')
  return lines.filter((line) => !line.includes('"source":"neighbour"')).slice(-30)
}

async function discovered({ url }: Prometheus): Promise<number | undefined> {
  const page = await (await fetch(`${url}/metrics`)).text()
  return seriesValue(page, 'prometheus_sd_discovered_targets', { config: 'sensors', name: 'scrape' })
}

/** The addresses of the inventory that Prometheus discovered, sorted. */
async function addresses({ url }: Prometheus): Promise<string[]> {
  const answer = (await (await fetch(`${url}/api/v1/targets?state=dropped`)).json()) as {
    data: { droppedTargets: { discoveredLabels: { __address__: string; __meta_rollcall_source: string } }[] }
  }
  return answer.data.droppedTargets
    .filter(({ discoveredLabels }) => discoveredLabels.__meta_rollcall_source !== DEVICES)
    .map(({ discoveredLabels }) => discoveredLabels.__address__)
    .sort()
}
