import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Scope } from '../../test/helpers/scope.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { cpuSeconds } from '../processes/proc.ts'
import { firstOk } from '../processes/rollcall.ts'
import { serveJson, startSources } from '../processes/sources.ts'
import type { ServerProcess } from '../processes/start.ts'
import { type Measure, withScope } from './measure.ts'

const SOURCES = 80
const TARGETS = 500

/** So many changes are measured together: the system counts CPU time in hundredths of a second. */
const CHANGES = 40

/** What a change of one target costs with one source and with 80, and a warm start of 80 against that of one. */
export const manySources: Measure = {
  name: 'sources',
  rows: ['change-of-many', 'warm-start-of-many'],
  async run({ quick, scope }) {
    const inventory = await serveLists(scope)
    const rounds = quick ? 3 : 7
    return [await changes(scope, inventory, rounds), await warmStarts(scope, inventory, rounds)]
  },
}

/** Lists of names, `/list/{first}/{count}`; the first source has as many more as were added. */
async function serveLists(scope: Scope) {
  let added = 0
  const url = await serveJson(scope, (path) => {
    const [first = 0, count = 0] = path.split('/').slice(2).map(Number)
    const more = first === 0 ? added : 0
    return Array.from(
      { length: count + more },
      (_, index) => `sensor-${String(first + index).padStart(6, '0')}`,
    )
  })
  return {
    url: (first: number, count: number) => `${url}/list/${first}/${count}`,
    add: () => added++,
  }
}

type Lists = Awaited<ReturnType<typeof serveLists>>

function start(
  scope: Scope,
  inventory: Lists,
  lists: readonly (readonly [number, number])[],
  storage = scope.testdir(),
) {
  const urls = lists.map(([first, count]) => inventory.url(first, count))
  return startSources(scope, urls, { interval: '10d', storage })
}

const small = (count: number) =>
  Array.from({ length: count }, (_, index) => [index * 10_000, TARGETS] as const)

/** One target joins the first source, and the list of all is asked for. */
async function change({ url, pid }: ServerProcess, inventory: Lists): Promise<number> {
  const before = cpuSeconds(pid)
  for (let time = 0; time < CHANGES; time++) {
    inventory.add()
    await fetch(`${url}/-/refresh?source=s0`, { method: 'POST' }).then((answer) => answer.text())
    await fetch(`${url}/targets`).then((answer) => answer.arrayBuffer())
  }
  return ((cpuSeconds(pid) - before) / CHANGES) * 1_000
}

async function changes(scope: Scope, inventory: Lists, rounds: number): Promise<Figure> {
  const [one, many] = [await start(scope, inventory, small(1)), await start(scope, inventory, small(SOURCES))]
  for (const { url } of [one, many]) await firstOk(`${url}/targets`)
  await delay(1_000)
  const differences: number[] = []
  const costs: number[] = []
  // The first round of each warms up.
  for (const server of [one, many]) await change(server, inventory)
  for (let round = 0; round < rounds; round++) {
    const single = await change(one, inventory)
    const cost = await change(many, inventory)
    differences.push(cost - single)
    costs.push(cost)
  }
  return {
    id: 'change-of-many',
    value: median(differences),
    rounds: differences,
    note: `${formatNumber(median(costs))} ms of CPU a change, with its answer of ${SOURCES * TARGETS} targets`,
  }
}

async function warmStarts(scope: Scope, inventory: Lists, rounds: number): Promise<Figure> {
  const kinds = [small(SOURCES), [[0, SOURCES * TARGETS]] as const]
  const folders: string[] = []
  for (const lists of kinds) {
    const storage = scope.testdir()
    await withScope(async (inner) => {
      const server = await start(inner, inventory, lists, storage)
      await firstOk(`${server.url}/targets`)
      const kept = () => readdirSync(storage).filter((name) => name.endsWith('.snapshot')).length
      while (kept() < lists.length) await delay(20)
    })
    folders.push(storage)
  }
  const seconds: number[][] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const [index, lists] of kinds.entries()) {
      seconds[index]?.push(
        await withScope(async (inner) => {
          const began = performance.now()
          const server = await start(inner, inventory, lists, folders[index])
          await firstOk(`${server.url}/targets`)
          return (performance.now() - began) / 1_000
        }),
      )
    }
  }
  const [many = [], one = []] = seconds
  return {
    id: 'warm-start-of-many',
    value: median(many) / median(one),
    rounds: many.map((value, index) => value / (one[index] as number)),
    note: `${formatNumber(median(many))} s against ${formatNumber(median(one))} s`,
  }
}
