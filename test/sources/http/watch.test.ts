import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { createHttpSource } from '../../../src/sources/http/source.ts'
import { manualClock } from '../../helpers/clock.ts'
import { httpOptions } from '../../helpers/http-options.ts'
import { inventoryServer } from '../../helpers/inventory-server.ts'
import { until } from '../../helpers/until.ts'

const WATCH = { header: 'x-consul-index', parameter: 'index' }

/** An inventory that answers a request for what comes after its position when there is something. */
async function consul(t: Test) {
  const inventory = await inventoryServer(t)
  const state = { index: 7, waiting: [] as ServerResponse[], hasIndex: true }
  const answer = (response: ServerResponse) =>
    response.writeHead(200, state.hasIndex ? { 'X-Consul-Index': String(state.index) } : {}).end('[]')
  inventory.handle((request, response) => {
    const asked = new URL(request.url as string, 'http://a').searchParams.get('index')
    if (asked === String(state.index)) state.waiting.push(response)
    else answer(response)
  })
  const indexes = () => inventory.requests.map(({ url }) => /index=(\w*)/.exec(url as string)?.[1])
  return {
    inventory,
    state,
    indexes,
    change(index: number) {
      state.index = index
      for (const response of state.waiting.splice(0)) answer(response)
    },
  }
}

function watching(t: Test, url: URL) {
  const clock = manualClock()
  const source = createHttpSource(
    { ...httpOptions(url), watch: WATCH },
    { clock, userAgent: 'Rollcall/test' },
  )
  t.teardown(() => source.close())
  let changes = 0
  source.watch?.(() => changes++)
  return { source, clock, changes: () => changes }
}

t.test('a change is told as soon as the inventory says that there is one', async (t) => {
  const { inventory, state, indexes, change } = await consul(t)
  const { clock, changes } = watching(t, new URL(`${inventory.url}?passing=1`))
  await until('its position is known', () => indexes().length === 1)
  t.match(inventory.requests[0]?.url, /\?passing=1$/)
  await until('it asks for what comes after', () => clock.advance(500) ?? indexes().at(-1) === '7')
  t.equal(changes(), 0, 'the first answer is no change')
  await until('it waits', () => state.waiting.length === 1)
  change(9)
  await until('the change is told', () => changes() === 1)
  await until('it goes on from there', () => clock.advance(500) ?? indexes().at(-1) === '9')
  await until('it waits', () => state.waiting.length === 1)
  change(3)
  await until('a position that goes back is a change too', () => changes() === 2)
})

t.test('an inventory that fails, or has no position, is asked again later', async (t) => {
  const { inventory, state, indexes } = await consul(t)
  state.hasIndex = false
  const { clock, changes } = watching(t, inventory.url)
  await until('it was asked', () => indexes().length === 1)
  await until('it is asked again half a minute later', () => clock.advance(10_000) ?? indexes().length === 2)
  inventory.handle((_request, response) => response.writeHead(500).end())
  await until('it failed', () => clock.advance(10_000) ?? indexes().length === 3)
  await until('it is asked again', () => clock.advance(10_000) ?? indexes().length === 4)
  t.equal(changes(), 0)
})

t.test('closing the source ends the request that waits', async (t) => {
  const { inventory, state, indexes } = await consul(t)
  const { source, clock } = watching(t, inventory.url)
  await until('it waits', () => clock.advance(500) ?? state.waiting.length === 1)
  let isClosed = false
  state.waiting[0]?.once('close', () => {
    isClosed = true
  })
  await source.close()
  await until('its connection is closed', () => isClosed)
  const { length } = indexes()
  clock.advance(3_600_000)
  t.equal(indexes().length, length)
  const plain = createHttpSource(httpOptions(inventory.url), { clock, userAgent: 'Rollcall/test' })
  t.teardown(() => plain.close())
  t.equal(plain.watch, undefined, 'without the key nothing is watched')
})
