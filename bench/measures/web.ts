import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { request } from 'undici'
import { authority } from '../../test/helpers/certificates.ts'
import { DAVE } from '../../test/helpers/web.ts'
import type { Figure } from '../figures/rows.ts'
import { startHelper } from '../processes/ask-process.ts'
import type { LoadOrder, LoadReport } from '../processes/closed-loop.ts'
import { startInventory } from '../processes/inventory.ts'
import { type Rollcall, startRollcall } from '../processes/rollcall.ts'
import { type Context, type Measure, withScope } from './measure.ts'
import { type Loading, race, startBare, trusting } from './throughput.ts'

const TOKEN = 'f'.repeat(32)
const USER = { authorization: `Basic ${Buffer.from('dave:dave123').toString('base64')}` }
const BEARER = { authorization: `Bearer ${TOKEN}` }

/** Requests per second of `/targets` over TLS, and for those who say who they are. */
export const web: Measure = {
  name: 'web',
  rows: ['targets-tls-100', 'targets-tls-10000', 'targets-user', 'targets-token'],
  async run(context) {
    const figures: Figure[] = []
    for (const count of [100, 10_000] as const) {
      figures.push(await withScope((scope) => overTls({ ...context, scope }, count)))
    }
    figures.push(...(await withScope((scope) => withCredentials({ ...context, scope }))))
    return figures
  },
}

function loadingOf({ quick, scope }: Context): Loading {
  const generator = startHelper<LoadOrder, LoadReport>(scope, 'build/bench/processes/closed-loop.js')
  return { generator, rounds: quick ? 3 : 15, seconds: quick ? 0.5 : 1 }
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
  const [one, other] = [rollcall, bare].map((server) => ({ server, headers: {} })) as [never, never]
  return race(loadingOf(context), `targets-tls-${count}`, one, other)
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
  const loading = loadingOf(context)
  const other = { server: open, headers: {} }
  return [
    await race(loading, 'targets-user', { server: closed, headers: USER }, other),
    await race(loading, 'targets-token', { server: closed, headers: BEARER }, other),
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
