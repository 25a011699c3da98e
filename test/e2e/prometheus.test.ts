import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { startFleet } from '../../src/demo/fleet.ts'
import { startInventory } from '../../src/demo/inventory.ts'
import { DEVICES, FLEET_SIZE } from '../../src/demo/size.ts'
import { createMachine } from '../../src/sensor/machine.ts'
import { acceptHeld, heldDigests } from '../helpers/accept.ts'
import { start } from '../helpers/cli.ts'
import { diskFiles } from '../helpers/files.ts'
import { recordingLog } from '../helpers/log.ts'
import {
  cannotTest,
  PROMETHEUS_VERSIONS,
  type Prometheus,
  recordingProxy,
  shippedConfig,
  startPrometheus,
} from '../helpers/prometheus.ts'
import { findTool, missing } from '../helpers/tools.ts'
import { until } from '../helpers/until.ts'

const addressesOf = async (prometheus: Prometheus) =>
  (await prometheus.targets('sensors')).map((target) => target.discoveredLabels.__address__).sort()

/** Waits until every one of so many sensors is discovered and up. */
const allUp = (prometheus: Prometheus, count: number) =>
  until(`${count} sensors are up`, async () => {
    const targets = await prometheus.targets('sensors')
    const up = targets.filter((target) => target.health === 'up').length
    if (targets.length !== count || up !== count) throw new Error(`${up} of ${targets.length} are up`)
    return targets
  })

/** Waits until a query has this value. */
const answers = (prometheus: Prometheus, expression: string, value: number) =>
  until(`${expression} is ${value}`, async () => (await prometheus.query(expression)) === value)

// Mostly waiting for intervals, so they wait together.
t.jobs = 3

for (const { name, find } of PROMETHEUS_VERSIONS) {
  t.test(
    `the life of a fleet, as ${name} sees it with the shipped configuration`,
    { timeout: 280_000 },
    async (t) => {
      const binary = find()
      if (cannotTest(t, name, binary)) return
      const deps = { clock: systemClock, files: diskFiles, log: recordingLog().log, random: () => 0.5 }
      const fleet = await startFleet({ ...deps, machine: createMachine([], deps) })
      t.teardown(() => fleet.close())
      let empty = false
      const records = () => ({ sensors: empty ? [] : fleet.records() })
      let inventory = await startInventory({ host: '127.0.0.1', port: 0 }, records)
      t.teardown(() => inventory.close())
      const proxy = await recordingProxy(t)
      const env = { INVENTORY_URL: inventory.url.href, UPDATE_INTERVAL: '0.5' }
      const first = await start(t, [], env)
      proxy.state.upstream = first.url
      const prometheus = await startPrometheus(t, binary as string, shippedConfig(proxy.url))

      const polls = async (count: number, status: number) => {
        const from = proxy.polls.length
        await until(`${count} polls answered ${status}`, () => {
          const seen = proxy.polls.slice(from).map((poll) => poll.status)
          return seen.filter((one) => one === status).length >= count
        })
      }

      /** How many polls it takes from now until Prometheus is told of so many sensors; it polls once a second. */
      const pollsUntil = async (sensors: number) => {
        const from = proxy.polls.length
        const told = ({ body }: { body: string }) => body.split('127.0.0.1').length - 1 === sensors
        await until('Prometheus is told', () => proxy.polls.slice(from).some(told))
        return proxy.polls.slice(from).findIndex(told) + 1
      }

      const targets = await allUp(prometheus, FLEET_SIZE)
      t.pass('every sensor is discovered and up')
      await answers(prometheus, 'min(up{job="rollcall"})', 1)
      await answers(prometheus, 'rollcall_source_targets', FLEET_SIZE)
      t.pass('and Rollcall too')
      t.ok(targets.every((target) => target.discoveredLabels.__meta_rollcall_source === 'inventory'))

      await fleet.change()
      t.ok(
        (await pollsUntil(FLEET_SIZE + 1)) <= 2,
        'a sensor that joins is in the second answer at the latest',
      )
      await allUp(prometheus, FLEET_SIZE + 1)
      await fleet.change()
      await fleet.change()
      t.ok((await pollsUntil(FLEET_SIZE)) <= 4, 'one that leaves is gone once a second reading lacks it')
      await allUp(prometheus, FLEET_SIZE)

      const before = await addressesOf(prometheus)
      await inventory.close()
      await until('refreshes fail', () => first.err().includes('refresh failed'))
      await polls(3, 200)
      t.same(await addressesOf(prometheus), before, 'while the inventory is down, every target stays')
      await allUp(prometheus, FLEET_SIZE)

      first.child.kill('SIGKILL')
      await first.ended
      await polls(2, 502)
      const second = await start(t, ['--web.enable-lifecycle'], env)
      proxy.state.upstream = second.url
      await polls(3, 503)
      t.same(await addressesOf(prometheus), before, 'after Rollcall was killed and started again too')
      await allUp(prometheus, FLEET_SIZE)

      inventory = await startInventory({ host: '127.0.0.1', port: Number(inventory.url.port) }, records)
      await polls(2, 200)
      t.same(await addressesOf(prometheus), before, 'and when the inventory is back')
      t.ok(
        proxy.polls.every((poll) => poll.status !== 200 || poll.body.includes('127.0.0.1')),
        'no empty list was ever sent',
      )

      empty = true
      await heldDigests(second.url, 'inventory')
      await polls(3, 200)
      t.same(await addressesOf(prometheus), before, 'an inventory that turns empty takes nothing away')
      await acceptHeld(second.url, 'inventory')
      await until('no sensor is left', async () => (await prometheus.targets('sensors')).length === 0)
      t.equal(proxy.polls.at(-1)?.body, '[]', 'until an operator says that it is so')
    },
  )
}

t.test('the demo, as Prometheus sees it', { timeout: 280_000 }, async (t) => {
  const binary = findTool('prometheus', 'PROMETHEUS')
  if (missing(t, binary, 'Prometheus')) return
  const demo = await start(t, ['demo', '--demo.listen-address=127.0.0.1:0'])
  const prometheus = await startPrometheus(t, binary as string, shippedConfig(demo.url))
  const targets = await allUp(prometheus, FLEET_SIZE + DEVICES)
  t.same([...new Set(targets.map((target) => target.labels.site))].sort(), ['berlin', 'lyon', 'porto'])
  await answers(prometheus, 'count(sensor_temperature_celsius)', FLEET_SIZE + DEVICES)
  await answers(prometheus, 'sum(rollcall_sensor_registered)', DEVICES)
  await answers(prometheus, 'rollcall_source_records_rejected{reason="invalid_host"}', 1)
})
