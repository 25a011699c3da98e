import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../helpers/random.ts'
import { createDeck } from './deck.ts'
import type { Devices } from './devices.ts'
import { FAULTS, ODD_RECORDS } from './faults.ts'
import type { Change, Edition, Fleet } from './fleet.ts'
import type { Behaviour, Inventory } from './inventory.ts'
import type { Clock, Machine } from './machine.ts'
import type { Model } from './model.ts'
import { type Configured, GUARD, type Rollcall } from './rollcall.ts'

/** What the steps act on. */
export interface World {
  readonly random: Random
  readonly fleet: Fleet
  readonly inventory: Inventory
  readonly rollcall: Rollcall
  readonly model: Model
  readonly devices: Devices
  readonly machine: Machine
  readonly note: (event: string) => void
  /** Waits until it is so, not for ever: false, and a broken promise, when that takes too long. */
  readonly eventually: (what: string, ask: () => Promise<boolean> | boolean) => Promise<boolean>
  /** Waits until the truth is served; false when that takes too long. */
  readonly converges: (list: string) => Promise<boolean>
  /** A promise was broken. */
  readonly violated: (what: string) => void
  /** Whether a promise was broken. */
  readonly isOver: () => boolean
}

const HOUR_MS = 3_600_000

/** Longer than targets are held, and than the readings take that must lack them, in milliseconds. */
const PROOF_MS = GUARD.holdMs + 1_500

/** Selects no record. */
const NOTHING = "items[?site == 'nowhere']"

/** The steps of a run, chosen at random. */
export function createSteps(world: World) {
  const { random, fleet, inventory, rollcall, machine, note } = world
  const counts = new Map<string, number>()
  let truth = fleet.now()

  const between = (from: number, to: number) => from + random.int(to - from)
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1)

  /** Waits in small parts, since a broken promise ends the run. */
  async function wait(ms: number): Promise<void> {
    const end = performance.now() + ms
    while (!world.isOver() && performance.now() < end) await delay(Math.min(50, ms))
  }

  function behave(what: string, change: Partial<Behaviour> = {}): void {
    note(`the inventory: ${what}`)
    inventory.behave({ editions: [truth], ...change })
  }

  const healthy = () => behave('healthy')

  /** The truth changes; the inventory goes on as it is, with the new truth. */
  function change(kind: Change, amount: number): void {
    fleet.changes[kind](amount)
    if (fleet.size() > 8_000) fleet.changes['two of three sensors leave']()
    truth = fleet.now()
    count(kind)
    note(`${kind} (${amount}); ${fleet.size()} sensors: ${truth.list.slice(0, 8)}`)
    inventory.behave({ ...inventory.behaviour(), editions: [truth] })
  }

  const smallChange = createDeck<Change>(random, [
    'sensors join',
    'sensors leave',
    'sensors move',
    'a site closes',
  ])
  const changeALittle = () => {
    change(smallChange(), between(1, 300))
    if (random.once(2)) world.devices.change()
  }

  /** With the inventory down, what was kept is seen to be served, for as long as that takes. */
  async function killAndStart(isDown = random.once(2)): Promise<void> {
    const what = isDown ? '34: SIGKILL while the inventory is down' : 'SIGKILL'
    const goesDown = isDown && inventory.isUp()
    note(what)
    count(what)
    await rollcall.kill()
    inventory.cut()
    if (goesDown) await inventory.stop()
    await wait(random.pick([0, 0, 500]))
    world.model.restarts()
    world.devices.restarts()
    await rollcall.start()
    note('Rollcall started again')
    if (!goesDown) return
    await wait(300)
    await inventory.restart()
  }

  /** Something else may happen while the inventory misbehaves. */
  async function meanwhile(ms: number): Promise<void> {
    await wait(ms / 2)
    if (random.once(2)) changeALittle()
    if (random.once(5)) await killAndStart()
    await wait(ms / 2)
  }

  const nextFault = createDeck(random, Object.keys(FAULTS))
  const nextBreak = createDeck(random, ['a file', 'a dangling link'] as const)
  const nextBytesLeft = createDeck(random, [0, 0, 20_000, 200_000])
  const nextCertificate = createDeck(random, ['expired', 'of an unknown CA'] as const)
  const nextMend = createDeck(random, ['as it was', 'empty', 'without lists'] as const)
  const nextPart = createDeck(random, [0, 20, 45, 80])
  const nextBigChange = createDeck<Change>(random, [
    'two of three sensors leave',
    'all sensors leave',
    'the fleet is replaced',
  ])

  async function showsFor(what: string, editions: readonly Edition[]): Promise<void> {
    count(what)
    // With failures in between, what the guard counts must begin anew.
    const fault = random.once(2) ? nextFault() : undefined
    if (fault !== undefined) count(fault)
    behave(`${what}: ${editions.map(({ list }) => list.slice(0, 8)).join(', ')}; now and then ${fault}`, {
      editions,
      fault,
      onceIn: random.pick([3, 6]),
    })
    await wait(between(400, 4_000))
    healthy()
  }

  const FAILURES = 'rollcall_source_refresh_failures_total'

  /** Waits until a counter has risen: what was done has had its effect, and Rollcall tells which one. */
  async function strikes(series: string, labels: Record<string, string>, act: () => unknown): Promise<void> {
    const before = await rollcall.metric(series, labels)
    await act()
    await world.eventually(
      `${series} ${JSON.stringify(labels)} rises`,
      async () => (await rollcall.metric(series, labels)) > before,
    )
  }

  /** No connection can be made any more, for this reason, and then again. */
  async function unreachable(what: string, reason: string, begin: () => unknown, end: () => unknown) {
    note(what)
    count(what)
    await strikes(FAILURES, { reason }, async () => {
      await begin()
      inventory.cut()
    })
    await meanwhile(between(300, 2_000))
    await end()
  }

  async function reload(change: Partial<Configured> = {}): Promise<void> {
    const how = random.pick(['POST', 'SIGHUP'] as const)
    const what = `a reload by ${how}`
    note(`${what} with ${JSON.stringify(change)}`)
    count(what)
    const before = rollcall.reloads()
    await rollcall.reload(change, how)
    await world.eventually('the configuration is reloaded', () => rollcall.reloads() > before)
  }

  /** The main source has another name; sometimes it cannot be read then, and sometimes nobody waits until it is. */
  async function rename(name: string, { isKilled = false, mayLeave = false }): Promise<void> {
    const isDown = random.once(2)
    count(isDown ? 'a source is renamed while the inventory is down' : 'a source is renamed')
    if (isDown) await inventory.stop()
    world.model.named('anew')
    await reload({ name })
    await wait(between(0, 2_500))
    if (mayLeave && random.once(2)) {
      count('sensors leave while their source is renamed')
      change('sensors leave', between(1, 300))
    }
    if (isKilled) await killAndStart()
    if (isDown) await wait(between(100, 1_000))
    await inventory.restart()
    if (random.once(3)) return
    await calm()
    world.model.named('as before')
  }

  /**
   * The main source has another name, and the process is killed while what it had still waits for the first reading
   * under the new one. The neighbour can never be read: what has left meanwhile stays until an operator accepts it.
   */
  async function renameAndKill(): Promise<void> {
    await calm()
    count('SIGKILL while a removed source waits')
    const before = truth
    const waits = () => isHeldOfRemoved(before.sites.size)
    await inventory.stop()
    world.model.named('anew')
    await reload({ name: rollcall.sourceName() === 'chaos' ? 'renamed' : 'chaos' })
    await world.eventually('all that the removed source had waits', waits)
    if (random.once(2)) change('sensors leave', between(1, 300))
    for (let kills = between(1, 3); kills > 0; kills--) {
      await killAndStart(false)
      await world.eventually('all that the removed source had waits after a kill', waits)
    }
    await inventory.restart()
    healthy()
    await acceptRemoved(new Set([...before.sites.keys()].filter((target) => !truth.sites.has(target))))
    await calm()
    world.model.named('as before')
  }

  const isHeldOfRemoved = async (targets: number) =>
    (await rollcall.heldOfRemoved()).some((held) => held.targets === targets && held.reason === 'replaced')

  /** An operator lets leave what a removed source had, and no other has. */
  async function acceptRemoved(leaving: ReadonlySet<string>): Promise<void> {
    if (leaving.size === 0) return
    const what = `${leaving.size} targets of a removed source are held`
    if (!(await world.eventually(what, () => isHeldOfRemoved(leaving.size)))) return
    // Until then it stays, however often it is read.
    await wait(between(0, PROOF_MS))
    const [held] = await rollcall.heldOfRemoved()
    if (held?.targets !== leaving.size)
      return world.violated(`${held?.targets} targets are held now; ${what}`)
    note(`${what}, and accepted`)
    count('what a removed source had is accepted')
    world.model.accepts(leaving)
    if ((await rollcall.accept(held.digest)) === undefined) world.violated(`not accepted: ${what}`)
  }

  /** An operator lets leave what is held. */
  async function accept(kind: Change): Promise<void> {
    await calm()
    const before = truth
    change(kind, fleet.size())
    const leaving = new Set([...before.sites.keys()].filter((target) => !truth.sites.has(target)))
    let digest: string | undefined
    const what = `${leaving.size} targets are held`
    await world.eventually(what, async () => {
      digest = (await rollcall.held()).find(({ targets }) => targets === leaving.size)?.digest
      return digest !== undefined
    })
    if (digest === undefined) return
    note(`${what}, and accepted`)
    world.model.accepts(leaving)
    const left = await rollcall.accept(digest)
    count(left === undefined ? 'held targets left before they were accepted' : 'held targets are accepted')
    if (left !== undefined && left !== truth.sites.size)
      world.violated(`${left} targets are left once ${leaving.size} were accepted, not ${truth.sites.size}`)
    if (random.once(3)) await killAndStart()
    await calm()
  }

  async function filled(): Promise<void> {
    const bytesLeft = nextBytesLeft()
    const what = '33: the disk is full'
    note(`${what} but for ${bytesLeft} bytes`)
    count(what)
    world.devices.disturbed()
    const fill = () => {
      rollcall.fillStorage(bytesLeft)
      change('sensors join', between(1, 300))
    }
    if (bytesLeft === 0) await strikes('rollcall_source_write_failures_total', { file: 'storage' }, fill)
    else fill()
    await meanwhile(between(600, 2_500))
    await killAndStart(true)
    rollcall.mendStorage('as it was')
    note('there is room again')
    await calm()
  }

  async function jumps(clock: Clock): Promise<void> {
    const offsetMs = random.pick([HOUR_MS, -HOUR_MS, 0].filter((other) => other !== clock.offsetMs()))
    const what = `28: the wall clock jumps ${offsetMs > clock.offsetMs() ? 'ahead' : 'back'}`
    note(what)
    count(what)
    clock.jump(offsetMs)
    world.devices.disturbed()
    const isSo = async () => Math.abs((await rollcall.dateMs()) - Date.now() - offsetMs) < 60_000
    await world.eventually('the clock of Rollcall has jumped', isSo)
    await meanwhile(between(600, 2_500))
  }

  const { clock } = machine
  const steps: Record<string, () => Promise<void>> = {
    ...(clock === undefined ? {} : { 'clock jumps': () => jumps(clock) }),
    ...(machine.disk.fill === undefined ? {} : { 'disk is full': filled }),
    'no names': () =>
      unreachable(
        '9: the name does not resolve',
        'dns',
        () => machine.names(false),
        () => machine.names(true),
      ),
    certificate() {
      const which = nextCertificate()
      return unreachable(
        `10: the certificate is ${which}`,
        'tls',
        () => inventory.shows(which),
        () => inventory.shows('good'),
      )
    },
    async 'a little change'() {
      changeALittle()
      await wait(between(100, 1_500))
    },
    async fault() {
      for (let left = between(2, 4); left > 0; left--) {
        const fault = nextFault()
        const onceIn = random.pick([1, 1, 2, 4])
        behave(`${fault}, once in ${onceIn}`, { fault, onceIn })
        count(fault)
        await meanwhile(between(500, 1_500))
      }
      healthy()
    },
    async refused() {
      await unreachable('8: connections are refused', 'connect', inventory.stop, inventory.restart)
    },
    async partial() {
      const part = nextPart()
      await showsFor(part === 0 ? '26: an empty inventory' : `25: ${part} % of the inventory`, [
        fleet.part(part),
      ])
    },
    async flapping() {
      const before = truth
      if (random.once(2)) changeALittle()
      const other = before === truth ? fleet.part(nextPart()) : before
      await showsFor('29: flapping', [truth, other])
    },
    async odd() {
      count('30: odd records')
      behave('30: odd records', { editions: [fleet.now(ODD_RECORDS)] })
      await wait(between(600, 2_000))
      healthy()
    },
    async unreadable() {
      await calm()
      const what = '30: records turn unreadable'
      count(what)
      const isLeaving = random.once(2)
      if (isLeaving) change('sensors leave', between(1, 300))
      const amount = random.pick([10, 300, fleet.size()])
      behave(`${what} (${amount})`, { editions: [fleet.unreadable(amount)] })
      if (random.once(3)) await killAndStart()
      await wait(between(1_500, 2 * PROOF_MS))
      // They are all still served, and what the reading had.
      if (!isLeaving) await world.converges(truth.list)
      await calm()
    },
    async reload() {
      changeALittle()
      await reload()
      await wait(between(100, 1_500))
    },
    async 'a wrong filter'() {
      await calm()
      count('a filter that selects nothing')
      await reload({ records: NOTHING })
      world.model.selects('none')
      await meanwhile(between(PROOF_MS, 2 * PROOF_MS))
      world.model.selects('all')
      await reload({ records: 'items' })
      await calm()
    },
    async rename() {
      await calm()
      const isKilled = random.once(2)
      const [first, second] = rollcall.sourceName() === 'chaos' ? ['renamed', 'chaos'] : ['chaos', 'renamed']
      // Once killed, it keeps what leaves later, under the other name, until the neighbour has been read: never.
      await rename(first, { isKilled, mayLeave: !isKilled })
      await rename(second, { mayLeave: !isKilled })
      await calm()
      world.model.named('as before')
    },
    'rename and kill': renameAndKill,
    async accept() {
      await accept(nextBigChange())
      if (fleet.size() < 2_000) change('sensors join', 5_000 - fleet.size())
    },
    async slow() {
      count('27: slow pages')
      behave('27: slow pages', { slowMs: between(100, 600) })
      await meanwhile(between(1_000, 3_000))
      healthy()
    },
    async kill() {
      changeALittle()
      await wait(between(0, 900))
      await killAndStart()
    },
    async storage() {
      const how = nextBreak()
      note(`33: storage is ${how}`)
      count(`33: storage is ${how}`)
      world.devices.disturbed()
      rollcall.breakStorage(how)
      await meanwhile(between(600, 2_500))
      const mended = nextMend()
      note(`storage is back, ${mended}`)
      rollcall.mendStorage(mended)
    },
    async loss() {
      for (const how of ['empty', 'without lists'] as const) {
        note(`what is kept is lost: ${how}`)
        count(`33: storage turns ${how}`)
        rollcall.mendStorage(how)
        await calm()
      }
    },
    async 'a great change'() {
      // Of a process that has no list an empty one would not be believed for a minute.
      await calm()
      change(nextBigChange(), fleet.size())
      await calm()
      if (fleet.size() < 2_000) change('sensors join', 5_000 - fleet.size())
    },
    calm,
  }

  /** Without faults the truth must be served soon. */
  async function calm(): Promise<void> {
    healthy()
    count('calm')
    await world.converges(truth.list)
  }

  const names = Object.keys(steps)
  const next = createDeck(random, [...names, ...Array(7).fill('fault'), 'partial', 'kill', 'unreadable'])
  return {
    truth: () => truth,
    counts: () => Object.fromEntries([...counts].sort()),
    /** The ways to answer wrongly that did not come up. */
    untried: () => Object.keys(FAULTS).filter((fault) => !counts.has(fault)),
    calm,
    async next(): Promise<void> {
      const name = next()
      note(`step: ${name}`)
      await steps[name]?.()
    },
  }
}
