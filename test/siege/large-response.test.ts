import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { start } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { until } from '../helpers/until.ts'

/** More than a text of Node.js can hold. */
const BODY_BYTES = 640 * 2 ** 20
/** What a reading may need, whatever the size of the response. */
const MAX_MB = 450

const SENSORS = 1_000
const record = (name: string, isWanted: boolean) =>
  JSON.stringify({ name, isWanted, note: 'x'.repeat(1_000) })
const sensors = (part: string) =>
  Array.from({ length: SENSORS }, (_, index) => record(`${part}-${index}`, true)).join()
/** 1,000 records that make no target. */
const others = Buffer.from(`,${Array.from({ length: 1_000 }, () => record('other', false)).join()}`)

/** The pieces of a list with sensors at its beginning and end, and at least so many bytes. */
function* list(end: string, bytes = BODY_BYTES): Generator<Buffer> {
  yield Buffer.from(`[${sensors('first')}`)
  for (let sent = 0; sent < bytes; sent += others.length) yield others
  yield Buffer.from(`,${sensors('last')}${end}`)
}

const peakMb = (pid: number | undefined) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

t.test(
  'a response that is larger than the memory for it is mapped while it arrives',
  { timeout: 300_000 },
  async (t) => {
    const inventory = await inventoryServer(t)
    const answer = (
      pieces: () => Generator<Buffer>,
      end: (response: ServerResponse) => void = () => {},
      headers = {},
    ) =>
      inventory.handle((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', ...headers })
        const sending = pipeline(Readable.from(pieces(), { objectMode: false }), response, { end: false })
        // A server that is stopped breaks off.
        sending.then(() => end(response)).catch(() => {})
      })
    const whole = (response: ServerResponse) => void response.end()
    answer(() => list(']'), whole)
    const config = t.testdirName
    t.testdir({
      'rollcall.yml': `
global: { refresh_interval: 10d, timeout: 5m }
sources:
  - name: sensors
    http: { url: "${inventory.url}", max_response_size: 4GB }
    filter: isWanted
`,
    })
    const { url, child } = await start(t, [`--config.file=${config}/rollcall.yml`, '--web.enable-lifecycle'])
    const refresh = async () => {
      const answer = await fetch(`${url}/-/refresh`, { method: 'POST' })
      return `${answer.status} ${await answer.text()}`
    }
    const targets = async () => {
      const groups = (await (await fetch(`${url}/targets`)).json()) as { targets: string[] }[]
      return groups.flatMap((group) => group.targets).length
    }
    await until('the list', async () => (await fetch(`${url}/targets`)).status === 200)
    t.equal(await targets(), 2 * SENSORS)
    t.ok(peakMb(child.pid) < MAX_MB, `of unknown size: ${peakMb(child.pid)} MB`)
    const size = [...list(']')].reduce((sum, { length }) => sum + length, 0)
    answer(() => list(']'), whole, { 'content-length': size })
    t.match(await refresh(), /^200 .*unchanged/)
    t.ok(peakMb(child.pid) < MAX_MB, `of known size: ${peakMb(child.pid)} MB`)

    const half = BODY_BYTES / 2
    answer(
      () => list('', half),
      (response) => void response.destroy(),
    )
    t.match(await refresh(), /^50\d .*broke/)
    answer(() => list('', half), whole)
    t.match(await refresh(), /^50\d .*not valid JSON, from byte \d{9} on/)
    t.equal(await targets(), 2 * SENSORS)
    t.ok(peakMb(child.pid) < MAX_MB, `of those that fail: ${peakMb(child.pid)} MB`)
  },
)
