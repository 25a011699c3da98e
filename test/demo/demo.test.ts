import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { startDemo } from '../../src/demo/demo.ts'
import { startFleet } from '../../src/demo/fleet.ts'
import { startInventory } from '../../src/demo/inventory.ts'
import { startSensor } from '../../src/demo/sensor.ts'
import { CHANGE_INTERVAL_MS, DEVICES, FLEET_SIZE, SITES } from '../../src/demo/size.ts'
import { createMachine } from '../../src/sensor/machine.ts'
import { manualClock } from '../helpers/clock.ts'
import { diskFiles } from '../helpers/files.ts'
import { recordingLog } from '../helpers/log.ts'
import { pushServer } from '../helpers/push-server.ts'
import { until } from '../helpers/until.ts'

const ANY_PORT = { host: '127.0.0.1', port: 0 }

interface DemoRecord {
  hostname: string
  address?: string
  port?: number
  site: string
}

/** What a demo needs; its changes wait for the clock that comes with it, and its sensors have the real time. */
const demoDeps = (random = 0.5, level?: string) => {
  const changes = manualClock()
  const { log, lines } = recordingLog(level)
  const clock = {
    ...systemClock,
    after: (ms: number, fn: () => void) => (ms === CHANGE_INTERVAL_MS ? changes : systemClock).after(ms, fn),
  }
  const machine = createMachine([{ name: 'nothing', collect: () => [] }], { clock, log })
  return { changes, lines, deps: { machine, clock, files: diskFiles, log, random: () => random } }
}

const sensorsOf = async (inventory: URL): Promise<DemoRecord[]> => {
  const { sensors } = (await (await fetch(inventory)).json()) as { sensors: DemoRecord[] }
  return sensors.filter((sensor) => sensor.address !== undefined)
}

t.test('the inventory lists sensors that can be scraped, and one that cannot', async (t) => {
  const demo = await startDemo(ANY_PORT, demoDeps().deps)
  t.teardown(() => demo.close())
  const sensors = await sensorsOf(demo.inventory)
  t.equal(sensors.length, FLEET_SIZE)
  t.same(new Set(sensors.map((sensor) => sensor.site)), new Set(SITES))
  for (const { address, port } of sensors) {
    const answer = await fetch(`http://${address}:${port}/metrics`)
    const text = await answer.text()
    t.match(text, /^sensor_temperature_celsius \d/m)
    t.match(text, /^sensor_readings_total 1$/m)
    t.match(text, /^node_scrape_collector_success\{collector="nothing"\} 1$/m)
  }
  t.equal((await fetch(`http://127.0.0.1:${sensors[0]?.port}/other`)).status, 404)
  t.equal((await fetch(new URL('/other', demo.inventory))).status, 404)
})

t.test('every so often one joins, moves or leaves', async (t) => {
  const { changes, lines, deps } = demoDeps()
  const demo = await startDemo(ANY_PORT, deps)
  t.teardown(() => demo.close())
  const sizes = []
  for (let step = 1; step <= 8; step++) {
    changes.advance(CHANGE_INTERVAL_MS)
    await until('the change is made', () => lines.length === step && changes.pending().length === 1)
    sizes.push((await sensorsOf(demo.inventory)).length)
  }
  t.same(
    lines.map((line) => line.change),
    ['joined', 'moved', 'left', 'moved', 'joined', 'moved', 'left', 'moved'],
  )
  t.same(sizes, [13, 13, 12, 12, 13, 13, 12, 12])
})

t.test('a demo that is closed in the middle of a change leaves nothing behind', async (t) => {
  const { changes, lines, deps } = demoDeps()
  const demo = await startDemo(ANY_PORT, deps)
  const port = (await sensorsOf(demo.inventory))[0]?.port
  changes.advance(CHANGE_INTERVAL_MS)
  await demo.close()
  t.equal(lines.length, 1)
  t.same(changes.pending(), [])
  await t.rejects(fetch(`http://127.0.0.1:${port}/metrics`))
})

t.test(
  'devices register themselves, each at its site, and leave; only who looks closer is told',
  async (t) => {
    const server = await pushServer(t)
    const { lines, deps } = demoDeps(0.5, 'debug')
    const demo = await startDemo(ANY_PORT, deps)
    let open = true
    const close = async () => {
      if (open) await demo.close()
      open = false
    }
    t.teardown(close)
    await demo.register(server.url)
    const puts = await until('all have registered', () => {
      const made = server.pushed.filter(({ method }) => method === 'PUT')
      return made.length === DEVICES && made
    })
    t.same(puts.map(({ path }) => path.split('/').at(-1)).sort(), [
      'device-01',
      'device-02',
      'device-03',
      'device-04',
    ])
    t.same(new Set(puts.map(({ body }) => body?.labels?.site)), new Set(SITES))
    for (const { body } of puts) {
      const metrics = async () => (await fetch(`http://${body?.address}/metrics`)).text()
      await until('it knows that it is registered', async () =>
        /^rollcall_sensor_registered 1$/m.test(await metrics()),
      )
      t.match(body?.address, /^127\.0\.0\.1:\d+$/)
    }
    await close()
    t.equal(server.pushed.filter(({ method }) => method === 'DELETE').length, DEVICES)
    t.ok(lines.length >= 2 * DEVICES)
    t.ok(
      lines.every((line) => line.level === 20),
      'all of it is for debugging',
    )
  },
)

t.test('a sensor whose port is taken takes another one', async (t) => {
  const { deps } = demoDeps(0)
  const first = await startSensor('one', 0, deps)
  const second = await startSensor('two', first.port, deps)
  t.teardown(() => Promise.all([first.close(), second.close()]))
  t.not(second.port, first.port)
  t.equal((await fetch(`http://127.0.0.1:${second.port}/metrics`)).status, 200)
})

t.test('a fleet gives its sensors up when it is closed, also those that left', async (t) => {
  const fleet = await startFleet(demoDeps(0).deps)
  const ports = fleet.records().flatMap((record) => (typeof record.port === 'number' ? [record.port] : []))
  for (let step = 0; step < 12; step++) await fleet.change()
  await fleet.close()
  for (const port of ports) await t.rejects(fetch(`http://127.0.0.1:${port}/metrics`))
})

t.test('an inventory whose address is taken says so, and leaves nothing running', async (t) => {
  const inventory = await startInventory(ANY_PORT, () => [])
  t.teardown(() => inventory.close())
  const taken = { host: '127.0.0.1', port: Number(inventory.url.port) }
  await t.rejects(startDemo(taken, demoDeps().deps), {
    name: 'StartError',
    message: /for the demo's inventory: another program uses this address; .*--demo.listen-address/,
  })
  await t.rejects(
    startInventory({ host: undefined, port: taken.port }, () => []),
    { message: /^cannot listen on :\d+ for/ },
  )
})
