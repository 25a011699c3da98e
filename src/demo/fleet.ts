import { type DemoSensor, type DemoSensorDeps, startSensor } from './sensor.ts'
import { FLEET_SIZE, SITES } from './size.ts'

/** The first port that the demo's sensors try. */
const FIRST_PORT = 21_001

/** One step of change, for the log. */
export interface Change {
  readonly change: 'joined' | 'left' | 'moved'
  readonly hostname: string
  readonly site: string
}

/** A fleet of sensors and the inventory's view of it. */
export interface Fleet {
  /** The records of the inventory: the sensors, and one in repair without a host. */
  records(): readonly Record<string, unknown>[]
  /**
   * Makes the next change, in a fixed rotation: a sensor joins, one moves to another site, one leaves, one
   * moves.
   */
  change(): Promise<Change>
  close(): Promise<void>
}

interface Member {
  readonly sensor: DemoSensor
  site: string
}

const TURNS = ['joined', 'moved', 'left', 'moved'] as const

/** Starts the sensors. */
export async function startFleet(deps: DemoSensorDeps): Promise<Fleet> {
  const { random } = deps
  const members: Member[] = []
  const retired: DemoSensor[] = []
  let closing: Promise<unknown> = Promise.resolve()
  let started = 0
  let turn = 0

  async function join(): Promise<Member> {
    const number = ++started
    const hostname = `sensor-${String(number).padStart(2, '0')}`
    const sensor = await startSensor(hostname, FIRST_PORT + number - 1, deps)
    const member = { sensor, site: SITES[number % SITES.length] as string }
    members.push(member)
    return member
  }

  function leave(): Member {
    const [member] = members.splice(Math.floor(random() * members.length), 1) as [Member]
    // It keeps running until the next one leaves: it was removed from the list, it did not fail.
    closing = Promise.all([closing, retired.shift()?.close()])
    retired.push(member.sensor)
    return member
  }

  function move(): Member {
    const member = members[Math.floor(random() * members.length)] as Member
    const others = SITES.filter((site) => site !== member.site)
    member.site = others[Math.floor(random() * others.length)] as string
    return member
  }

  for (let index = 0; index < FLEET_SIZE; index++) await join()
  return {
    records: () => [
      ...members.map(({ sensor: { hostname, port }, site }) => ({
        hostname,
        address: '127.0.0.1',
        port,
        site,
      })),
      { hostname: 'sensor-00 (in repair)', site: SITES[0] },
    ],
    async change() {
      const change = TURNS[turn++ % TURNS.length] as Change['change']
      const { sensor, site } = change === 'joined' ? await join() : change === 'left' ? leave() : move()
      return { change, hostname: sensor.hostname, site }
    },
    async close() {
      const sensors = [...members.map(({ sensor }) => sensor), ...retired]
      await Promise.all([closing, ...sensors.map((sensor) => sensor.close())])
    },
  }
}
