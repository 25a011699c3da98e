import t from 'tap'
import { CHANGE_INTERVAL_MS, startDemo } from '../../src/demo/demo.ts'
import { FLEET_SIZE, SITES, startFleet } from '../../src/demo/fleet.ts'
import { startInventory } from '../../src/demo/inventory.ts'
import { startSensor } from '../../src/demo/sensor.ts'
import { manualClock } from '../helpers/clock.ts'
import { recordingLog } from '../helpers/log.ts'
import { until } from '../helpers/until.ts'

const ANY_PORT = { host: '127.0.0.1', port: 0 }

interface DemoRecord {
  hostname: string
  address?: string
  port?: number
  site: string
}

const sensorsOf = async (inventory: URL): Promise<DemoRecord[]> => {
  const { sensors } = (await (await fetch(inventory)).json()) as { sensors: DemoRecord[] }
  return sensors.filter((sensor) => sensor.address !== undefined)
}

t.test('the inventory lists sensors that can be scraped, and one that cannot', async (t) => {
  const { log } = recordingLog()
  const demo = await startDemo(ANY_PORT, { clock: manualClock(), log, random: () => 0.5 })
  t.teardown(() => demo.close())
  const sensors = await sensorsOf(demo.inventory)
  t.equal(sensors.length, FLEET_SIZE)
  t.same(new Set(sensors.map((sensor) => sensor.site)), new Set(SITES))
  for (const { address, port } of sensors) {
    const answer = await fetch(`http://${address}:${port}/metrics`)
    t.match(await answer.text(), /^sensor_temperature_celsius \d/m)
  }
  t.equal((await fetch(`http://127.0.0.1:${sensors[0]?.port}/other`)).status, 404)
  t.equal((await fetch(new URL('/other', demo.inventory))).status, 404)
})

t.test('every so often one joins, moves or leaves', async (t) => {
  const clock = manualClock()
  const { log, lines } = recordingLog()
  const demo = await startDemo(ANY_PORT, { clock, log, random: () => 0.5 })
  t.teardown(() => demo.close())
  const sizes = []
  for (let step = 1; step <= 8; step++) {
    clock.advance(CHANGE_INTERVAL_MS)
    await until('the change is made', () => lines.length === step && clock.pending().length === 1)
    sizes.push((await sensorsOf(demo.inventory)).length)
  }
  t.same(
    lines.map((line) => line.change),
    ['joined', 'moved', 'left', 'moved', 'joined', 'moved', 'left', 'moved'],
  )
  t.same(sizes, [13, 13, 12, 12, 13, 13, 12, 12])
})

t.test('a demo that is closed in the middle of a change leaves nothing behind', async (t) => {
  const clock = manualClock()
  const { log, lines } = recordingLog()
  const demo = await startDemo(ANY_PORT, { clock, log, random: () => 0.5 })
  const port = (await sensorsOf(demo.inventory))[0]?.port
  clock.advance(CHANGE_INTERVAL_MS)
  await demo.close()
  t.equal(lines.length, 1)
  t.same(clock.pending(), [])
  await t.rejects(fetch(`http://127.0.0.1:${port}/metrics`))
})

t.test('a sensor whose port is taken takes another one', async (t) => {
  const first = await startSensor('one', 0, () => 0)
  const second = await startSensor('two', first.port, () => 0)
  t.teardown(() => Promise.all([first.close(), second.close()]))
  t.not(second.port, first.port)
  t.equal((await fetch(`http://127.0.0.1:${second.port}/metrics`)).status, 200)
})

t.test('a fleet gives its sensors up when it is closed, also those that left', async (t) => {
  const fleet = await startFleet(() => 0)
  const ports = fleet.records().flatMap((record) => (typeof record.port === 'number' ? [record.port] : []))
  for (let step = 0; step < 12; step++) await fleet.change()
  await fleet.close()
  for (const port of ports) await t.rejects(fetch(`http://127.0.0.1:${port}/metrics`))
})

t.test('an inventory whose address is taken says so, and leaves nothing running', async (t) => {
  const inventory = await startInventory(ANY_PORT, () => [])
  t.teardown(() => inventory.close())
  const taken = { host: '127.0.0.1', port: Number(inventory.url.port) }
  const { log } = recordingLog()
  await t.rejects(startDemo(taken, { clock: manualClock(), log, random: () => 0 }), {
    name: 'StartError',
    message: /for the demo's inventory: another program uses this address; .*--demo.listen-address/,
  })
  await t.rejects(
    startInventory({ host: undefined, port: taken.port }, () => []),
    { message: /^cannot listen on :\d+ for/ },
  )
})
