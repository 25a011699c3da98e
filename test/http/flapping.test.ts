import { createHash } from 'node:crypto'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { encodeGroups } from '../../src/snapshot/encode.ts'
import { createHttpSource } from '../../src/sources/http/source.ts'
import { readHalf } from '../helpers/app.ts'
import { manualClock } from '../helpers/clock.ts'
import { httpOptions } from '../helpers/http-options.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { names, refreshing } from '../helpers/refreshing.ts'

/** Large enough that an answer goes over the wire in several pieces. */
const TARGETS = 4_000

const REFRESHES = 30

/** The answer of one poll, unpacked, and its entity tag. */
function poll(url: string, encoding: string): Promise<{ body: Buffer; etag: string }> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': encoding } }, async (answer) => {
      try {
        const chunks: Buffer[] = []
        for await (const chunk of answer) chunks.push(chunk)
        const bytes = Buffer.concat(chunks)
        const body = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes
        resolve({ body, etag: String(answer.headers.etag) })
      } catch (error) {
        reject(error)
      }
    }).once('error', reject)
  })
}

t.test('29: while an inventory flaps, no answer mixes two generations', async (t) => {
  const clock = manualClock()
  const generations = [names(TARGETS), names(TARGETS, TARGETS / 100)]
  const inventory = await inventoryServer(t)
  const source = createHttpSource(httpOptions(inventory.url), { clock, userAgent: 'Rollcall/test' })
  const { refresh, store, metrics } = await refreshing(t, { source, clock })
  const { app } = await readHalf(t, { sources: [], over: { clock, store, metrics } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  const digest = (body: Buffer) => createHash('sha256').update(body).digest('hex')
  const expected = generations.map((hosts) => {
    const targets = hosts.map((host) => `${host}:9100`).sort()
    return digest(encodeGroups([{ targets, labels: [['__meta_rollcall_source', 'sensors']] }]))
  })
  const flap = async (round: number) => {
    inventory.json(generations[round % 2])
    t.equal((await refresh()).result, 'changed')
  }
  await flap(0)

  let isFlapping = true
  const seen = new Map<string, number>()
  const wrong: string[] = []
  async function keepPolling(path: string, encoding: string): Promise<void> {
    while (isFlapping) {
      const { body, etag } = await poll(`${base}${path}`, encoding)
      const found = digest(body)
      seen.set(found, (seen.get(found) ?? 0) + 1)
      if (!expected.includes(found)) wrong.push(`${path}: neither generation: ${body.byteLength} bytes`)
      if (!etag.startsWith(`"${found}`)) wrong.push(`${path}: the tag ${etag} of another generation`)
    }
  }
  const polling = ['/targets', '/targets/sensors'].flatMap((path) =>
    ['identity', 'gzip'].map((encoding) => keepPolling(path, encoding)),
  )
  for (let round = 1; round <= REFRESHES; round++) await flap(round)
  isFlapping = false
  await Promise.all(polling)
  t.same(wrong, [])
  t.same([...seen.keys()].sort(), [...expected].sort(), 'both generations were served')
})
