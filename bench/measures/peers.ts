import { readFileSync } from 'node:fs'
import { formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { startInventory } from '../processes/inventory.ts'
import { peersMissing, startHttpSd, startNginx } from '../processes/peers.ts'
import { firstOk, startRollcall } from '../processes/rollcall.ts'
import { startServer } from '../processes/start.ts'
import { wrkMissing } from '../processes/wrk.ts'
import { type Context, type Measure, withScope } from './measure.ts'
import { loadingOf, type Runner, race, writeAnswer } from './throughput.ts'

const GZIP = { 'accept-encoding': 'gzip' }

/** CPU for each request to `/targets` against that of other servers that have the same list. */
export const peers: Measure = {
  name: 'peers',
  rows: ['fastify-100', 'nginx-100', 'fastify-10000', 'nginx-10000', 'nginx-gzip-10000', 'http-sd-10000'],
  isLong: true,
  missing: () => wrkMissing() ?? peersMissing(),
  async run(context) {
    const figures: Figure[] = []
    for (const count of [100, 10_000] as const) {
      figures.push(...(await withScope((scope) => atSize({ ...context, scope }, count))))
    }
    return figures
  },
}

async function atSize({ quick, scope }: Context, count: 100 | 10_000): Promise<Figure[]> {
  const inventory = await startInventory(scope, count, 'names')
  const rollcall = await startRollcall(scope, { inventory: inventory.url })
  await firstOk(`${rollcall.url}/targets`)
  await inventory.stop()

  async function against(id: RowId, peer: Runner): Promise<Figure> {
    const { headers = {} } = peer
    const { cpu, throughput, rate } = await race(loadingOf(quick), { server: rollcall, headers }, peer)
    await peer.server.stop()
    const note = `${rate}; ${formatNumber(median(throughput))} × its requests/s`
    return { id, value: median(cpu), rounds: cpu, note }
  }

  const files = await writeAnswer(scope, `${rollcall.url}/targets`, {})
  const fastify = await startServer(scope, {
    args: ['build/bench/processes/fastify-server.js', ...files],
    serves: /(http:\/\/\S+)\n/,
  })
  const body = readFileSync(files[0] as string)
  const figures = [
    await against(`fastify-${count}`, { server: fastify }),
    await against(`nginx-${count}`, { server: await startNginx(scope, body) }),
  ]
  if (count === 100) return figures
  return [
    ...figures,
    await against('nginx-gzip-10000', { server: await startNginx(scope, body), headers: GZIP }),
    await against('http-sd-10000', { server: await startHttpSd(scope, body), path: '/targets/' }),
  ]
}
