import { createHash } from 'node:crypto'
import { get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { createHttpSource } from '../../src/sources/http/source.ts'
import { readHalf } from '../helpers/app.ts'
import { manualClock } from '../helpers/clock.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
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

/** How many targets only one of the two generations has. */
const SWAPPED = TARGETS / 100

/** The list of a generation, beside what was served of the other and is not proven gone. */
function listOf(generation: number, left: readonly string[]): Buffer {
  const groupOf = (hosts: readonly string[], value: number) => ({
    targets: hosts.map((host) => `${host}:9100`).sort(),
    labels: [
      ['__meta_rollcall_source', 'sensors'],
      ['generation', String(value)],
    ] as const,
  })
  const groups = [groupOf(hostsOf(generation), generation)]
  if (left.length > 0) groups.push(groupOf(left, 1 - generation))
  return encodeGroups(groups.sort((a, b) => Number(a.labels[1]?.[1]) - Number(b.labels[1]?.[1])))
}

const hostsOf = (generation: number) => names(TARGETS, generation * SWAPPED)

t.test('29: while an inventory flaps, each answer is the newest reading and what is not gone', async (t) => {
  const clock = manualClock()
  const inventory = await inventoryServer(t)
  const source = createHttpSource(httpOptions(inventory.url), { clock, userAgent: 'Rollcall/test' })
  const { refresh, store, metrics } = await refreshing(t, {
    source,
    clock,
    labels: { generation: '{generation}' },
  })
  const { app } = await readHalf(t, { sources: [], over: { clock, store, metrics } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  const digest = (body: Buffer) => createHash('sha256').update(body).digest('hex')
  const expected = [listOf(0, []), listOf(0, names(SWAPPED, TARGETS)), listOf(1, names(SWAPPED))].map(digest)
  const flap = async (round: number) => {
    const generation = round % 2
    inventory.json(hostsOf(generation).map((host) => ({ host, generation })))
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
      if (!expected.includes(found))
        wrong.push(`${path}: none of the expected lists: ${body.byteLength} bytes`)
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
  for (const list of expected.slice(1)) t.ok(seen.has(list), 'both generations were served')
})
