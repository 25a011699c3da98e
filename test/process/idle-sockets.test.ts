import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { MAX_CONNECTIONS } from '../../src/base/connections.ts'
import { start } from '../helpers/cli.ts'
import { missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const SOCKETS = 10_000
/** What the processes need besides sockets. */
const SPARE = 500
/** How many connections are made at a time; the queue of the operating system holds 511. */
const AT_ONCE = 100
/** The longest that a probe may take, as probes are usually configured. */
const PROBE_WITHIN_MS = 1_000

t.test(`44: of ${SOCKETS} idle sockets ${MAX_CONNECTIONS} are kept, and probes still answer`, async (t) => {
  // Node.js raises the soft limit to this one by itself.
  const limit = Number(
    execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).replace('unlimited', '1e9'),
  )
  const enough = limit >= SOCKETS + SPARE ? 'enough' : undefined
  if (missing(t, enough, `a limit of ${SOCKETS + SPARE} descriptors (ulimit -Hn says ${limit})`)) return
  const folder = t.testdir({ 'sensors.json': '["a"]' })
  const config = join(folder, 'rollcall.yml')
  writeFileSync(config, 'sources: [{ name: sensors, file: { files: [sensors.json] } }]\n')
  const { url, child } = await start(t, [`--config.file=${config}`])
  const port = Number(new URL(url).port)
  const descriptors = () => readdirSync(`/proc/${child.pid}/fd`).length
  const before = descriptors()

  const sockets: Socket[] = []
  let closed = 0
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  const open = async () => {
    const socket = connect(port, '127.0.0.1')
      .on('error', () => {})
      .once('close', () => closed++)
    sockets.push(socket)
    await once(socket, 'connect')
  }
  const ask = async (path: string) => {
    const began = performance.now()
    const answer = await fetch(`${url}/${path}`, { headers: { connection: 'close' } })
    await answer.arrayBuffer()
    t.equal(answer.status, 200, `/${path} with ${sockets.length} sockets opened`)
    return performance.now() - began
  }
  let slowestMs = 0
  const probe = async () => {
    for (const path of ['health', 'metrics', 'targets']) {
      let tookMs = await ask(path)
      // A busy machine makes one probe slow now and then; too many sockets would make them all.
      for (let again = 0; again < 2 && tookMs >= PROBE_WITHIN_MS; again++) tookMs = await ask(path)
      slowestMs = Math.max(slowestMs, tookMs)
    }
  }
  await until('the first list', async () => (await fetch(`${url}/targets`)).status === 200)
  while (sockets.length < SOCKETS) {
    await Promise.all(Array.from({ length: AT_ONCE }, open))
    if (sockets.length % 2_000 === 0) await probe()
  }
  await until('the oldest are closed', () => closed >= SOCKETS - MAX_CONNECTIONS)
  await probe()
  t.ok(descriptors() <= before + MAX_CONNECTIONS + 5, `${descriptors()} descriptors, ${before} before`)
  t.ok(closed <= SOCKETS - MAX_CONNECTIONS + 10, `${closed} were closed, no more than need be`)
  const newest = sockets.slice(-(MAX_CONNECTIONS - 100))
  t.ok(
    newest.every(({ readyState }) => readyState === 'open'),
    'the newest are open',
  )
  t.ok(slowestMs < PROBE_WITHIN_MS, `the slowest probe took ${slowestMs.toFixed(0)} ms`)
})
