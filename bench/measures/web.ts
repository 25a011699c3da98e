import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { request } from 'undici'
import { authority } from '../../test/helpers/certificates.ts'
import { DAVE } from '../../test/helpers/web.ts'
import { formatNumber } from '../figures/format.ts'
import type { Figure, RowId } from '../figures/rows.ts'
import { median } from '../figures/statistics.ts'
import { startInventory } from '../processes/inventory.ts'
import { type Rollcall, startRollcall } from '../processes/rollcall.ts'
import { wrkMissing } from '../processes/wrk.ts'
import type { Context, Measure } from './measure.ts'
import { loadingOf, manyStarts, type Runner, race, startBare, trusting } from './throughput.ts'

const TOKEN = 'f'.repeat(32)
const USER = { authorization: `Basic ${Buffer.from('dave:dave123').toString('base64')}` }
const BEARER = { authorization: `Bearer ${TOKEN}` }

/** Requests per second of `/targets` over TLS, and for those who say who they are. */
export const web: Measure = {
  name: 'web',
  rows: ['targets-tls-100', 'targets-tls-10000', 'targets-user', 'targets-token'],
  missing: wrkMissing,
  async run(context) {
    const figures: Figure[] = []
    for (const count of [100, 10_000] as const) {
      figures.push(...(await manyStarts(context, async (own) => [await overTls(own, count)])))
    }
    figures.push(...(await manyStarts(context, withCredentials)))
    return figures
  },
}

/** Requests per second of one over those of the other. */
async function compare({ quick }: Context, id: RowId, one: Runner, other: Runner): Promise<Figure> {
  const { cpu, throughput, rate } = await race(loadingOf(quick), one, other)
  const note = `${rate}: ${formatNumber(median(cpu))} ×`
  return { id, value: median(throughput), rounds: throughput, note }
}

async function overTls(context: Context, count: 100 | 10_000): Promise<Figure> {
  const { scope } = context
  const folder = scope.testdir()
  const { certFile, keyFile } = authority(folder).sign('server', 'IP:127.0.0.1')
  const file = join(folder, 'web.yml')
  writeFileSync(file, `tls_server_config: { cert_file: ${certFile}, key_file: ${keyFile} }\n`)
  const inventory = await startInventory(scope, count, 'names')
  const rollcall = await startRollcall(scope, { inventory: inventory.url, web: file })
  await firstList(rollcall, {})
  await inventory.stop()
  const bare = await startBare(scope, `${rollcall.url}/targets`, {}, [certFile, keyFile])
  return compare(context, `targets-tls-${count}`, { server: rollcall }, { server: bare })
}

async function withCredentials(context: Context): Promise<Figure[]> {
  const { scope } = context
  const folder = scope.testdir()
  const file = join(folder, 'web.yml')
  writeFileSync(join(folder, 'token'), TOKEN)
  writeFileSync(
    file,
    `basic_auth_users: { dave: ${DAVE} }\nbearer_tokens: [{ name: bench, token_file: token }]\n`,
  )
  const inventory = await startInventory(scope, 100, 'names')
  const closed = await startRollcall(scope, { inventory: inventory.url, web: file })
  const open = await startRollcall(scope, { inventory: inventory.url })
  await firstList(closed, BEARER)
  await firstList(open, {})
  await inventory.stop()
  const other = { server: open }
  return [
    await compare(context, 'targets-user', { server: closed, headers: USER }, other),
    await compare(context, 'targets-token', { server: closed, headers: BEARER }, other),
  ]
}

/** Waits for the first list. @throws Error after a minute */
async function firstList({ url }: Rollcall, headers: Record<string, string>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const answer = await request(`${url}/targets`, { headers, dispatcher: trusting })
    await answer.body.dump()
    if (answer.statusCode === 200) return
    await delay(100)
  }
  throw new Error(`${url}/targets never answered 200`)
}
