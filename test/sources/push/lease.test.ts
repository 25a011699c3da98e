import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Secret } from '../../../src/base/secret.ts'
import { createLeases, TICK_MS } from '../../../src/sources/push/lease.ts'
import { manualClock } from '../../helpers/clock.ts'
import { diskFiles } from '../../helpers/files.ts'
import { idsIn, pushSource } from '../../helpers/push-source.ts'
import { virtualClock } from '../../simulation/clock.ts'

const TTL = 90_000
const HEARTBEAT = TTL / 3
const PAUSED = 'heartbeats cannot be received: expiry is paused'
const RESUMED = 'heartbeats can be received again: every lease is whole'

/** A source at work whose token is a file, and what is registered with it. */
function listening(t: Test) {
  const token = join(t.testdir(), 'token')
  writeFileSync(token, 'right')
  const rig = pushSource(t, { token: Secret.file(token, diskFiles) })
  let changes = 0
  rig.source.watch?.(() => changes++)
  return {
    ...rig,
    changes: () => changes,
    token,
    /** What a request does first. */
    authorize: () => rig.source.instances.authorize('right'),
    known: () => rig.source.registry.table.size(),
    said: () => rig.messages().filter((message) => message === PAUSED || message === RESUMED),
    isPaused: () => rig.metric('push_expiry_paused'),
  }
}

t.test('while the token cannot be read no lease expires, and after it each is whole', async (t) => {
  const rig = listening(t)
  const { token, clock, put, known, said, authorize } = rig
  await put('a')
  clock.pass(TTL - 1_000)
  rmSync(token)
  mkdirSync(token)
  t.equal(await rig.isPaused(), 0)
  for (let times = 0; times < 3; times++) {
    await t.rejects(authorize(), { code: 'token_unreadable' })
    clock.pass(TTL)
    t.equal(known(), 1)
  }
  t.same(said(), [PAUSED], 'it is said once')
  t.equal(await rig.isPaused(), 1)
  rmSync(token, { recursive: true })
  writeFileSync(token, 'right')
  await authorize()
  clock.pass(100)
  t.same(said(), [PAUSED, RESUMED])
  t.match(rig.lines.at(-1), { level: 30, seconds: 270, instances: 1 })
  t.equal(await rig.isPaused(), 0)
  clock.pass(TTL - 1)
  t.equal(known(), 1, 'it may have been refused at the very end')
  clock.pass(1)
  t.equal(known(), 0)
})

t.test('a refresh notices too that the token cannot be read, and that it can be again', async (t) => {
  const { token, clock, put, known, read } = listening(t)
  await put('a')
  rmSync(token)
  await t.rejects(read(), { name: 'RefreshError', reason: 'file' })
  clock.pass(10 * TTL)
  t.equal(known(), 1)
  writeFileSync(token, 'right')
  t.same(await idsIn(read()), ['a'])
  clock.pass(TTL + 500)
  t.equal(known(), 0)
})

t.test('a disk that does not give the token is a token that cannot be read', async (t) => {
  const { clock, put, known, authorize } = listening(t)
  await put('a')
  clock.pass(TTL - 1_000)
  const refused = t.rejects(authorize(), { code: 'token_unreadable', message: /took longer than 5 s/ })
  clock.advance(5_000)
  await refused
  clock.pass(TTL)
  t.equal(known(), 1)
})

t.test('a heartbeat that is refused because of load pauses expiry for everybody, for 5 s', async (t) => {
  const { source, clock, put, known, said } = listening(t)
  await put('a')
  clock.pass(TTL - 1_000)
  source.instances.overloaded()
  clock.pass(4_000)
  source.instances.overloaded()
  clock.pass(4_999)
  t.same(said(), [PAUSED])
  clock.pass(1)
  t.same(said(), [PAUSED, RESUMED])
  clock.pass(TTL - 1)
  t.equal(known(), 1)
  clock.pass(1)
  t.equal(known(), 0)
})

t.test('a cause that ends does not end another', async (t) => {
  for (const isOverloadFirst of [true, false]) {
    const { source, token, clock, put, known, said, authorize } = listening(t)
    await put('a')
    clock.pass(TTL - 1_000)
    if (isOverloadFirst) source.instances.overloaded()
    rmSync(token)
    await t.rejects(authorize())
    if (!isOverloadFirst) source.instances.overloaded()
    writeFileSync(token, 'right')
    await authorize()
    clock.pass(4_999)
    t.same(said(), [PAUSED])
    clock.pass(1)
    t.same(said(), [PAUSED, RESUMED])
    clock.pass(TTL)
    t.equal(known(), 0)
  }
  const { source, token, clock, put, known, authorize } = listening(t)
  await put('a')
  rmSync(token)
  await t.rejects(authorize())
  source.instances.overloaded()
  clock.pass(2 * TTL)
  t.equal(known(), 1, 'the token cannot be read yet')
})

t.test('a process that stood still for 5 s or more makes every lease whole', async (t) => {
  for (const ms of [5_000, 60_000, 3_600_000]) {
    const { clock, put, known, said, lines } = listening(t)
    await put('a')
    clock.pass(TTL - 500)
    clock.advance(ms)
    t.same(said(), [RESUMED])
    t.match(lines.at(-1), { seconds: Math.round(ms / 1000), instances: 1 })
    clock.pass(TTL - 1)
    t.equal(known(), 1, `${ms} ms`)
    clock.pass(1)
    t.equal(known(), 0)
  }
})

t.test('after a shorter stall what arrived meanwhile is read first', async (t) => {
  for (const ms of [1_001, 4_999]) {
    const { clock, put, known, said } = listening(t)
    await put('a')
    await put('silent')
    clock.pass(TTL - 500)
    clock.advance(ms)
    t.equal(known(), 2, `${ms} ms: nobody has expired yet`)
    await put('a')
    clock.pass(TICK_MS)
    t.equal(known(), 1, 'who is silent expires at the next look')
    t.same(said(), [])
  }
})

t.test('who is silent expires although the process stands still again and again', async (t) => {
  const { clock, put, known } = listening(t)
  await put('a', { ttl: '10m' })
  for (let minute = 0; minute < 10; minute++) {
    t.equal(known(), 1)
    clock.pass(55_500)
    clock.advance(4_500)
  }
  clock.pass(TICK_MS)
  t.equal(known(), 0)
})

t.test('a system clock that is corrected again and again changes nothing', async (t) => {
  const { clock, put, known, said } = listening(t)
  await put('a', { ttl: '10m' })
  for (let minute = 0; minute < 10; minute++) {
    t.equal(known(), 1)
    clock.jump(minute % 2 === 0 ? 59_999 : -59_999)
    clock.pass(60_000)
  }
  t.equal(known(), 0)
  t.same(said(), [])
})

t.test('a machine that slept, whose monotonic clock slept too, is one that stood still', async (t) => {
  const { clock, put, known, said } = listening(t)
  await put('a')
  clock.pass(TTL - 1_000)
  clock.jump(3_600_000)
  clock.pass(500)
  t.same(said(), [RESUMED])
  clock.pass(TTL - 1)
  t.equal(known(), 1)
  clock.jump(-3_600_000)
  clock.pass(1)
  t.equal(known(), 0, 'a clock that is put back changes nothing')
})

t.test('timers that come a little late are no standing still', async (t) => {
  const { clock, put, known, said } = listening(t)
  await put('a')
  for (let ms = 0; ms < TTL; ms += 900) clock.advance(900)
  t.equal(known(), 0)
  t.same(said(), [])
})

t.test('what takes the place of a source whose expiry is paused ends that, or goes on with it', async (t) => {
  const { source, create, token, clock, put, known, authorize, said } = listening(t)
  await put('a')
  rmSync(token)
  await t.rejects(authorize())
  clock.pass(2 * TTL)
  const next = create({ token: Secret.of('other') }, source.registry)
  await source.close()
  await next.open?.()
  next.watch?.(() => {})
  t.same(said(), [PAUSED, RESUMED])
  clock.pass(TTL - 1)
  t.equal(known(), 1)
  clock.pass(1)
  t.equal(known(), 0)
  await next.close()
})

t.test('of a server that is about to stop no lease expires, and who leaves is gone', async (t) => {
  const { source, clock, put, known, changes } = listening(t)
  await put('a')
  await put('b')
  source.pauseExpiry?.()
  await source.instances.leave('b')
  clock.pass(2 * TTL)
  t.equal(known(), 1)
  t.equal(changes(), 1)
})

/** So many leases whose heartbeats are spread over one interval. */
function fleet(size: number) {
  const clock = manualClock()
  const leases = createLeases(clock, () => {})
  leases.start()
  const known = new Set<string>()
  const beat = (index: number, ttlMs = TTL) => {
    known.add(`device-${index}`)
    leases.renew(`device-${index}`, ttlMs)
  }
  const look = () => {
    const ids = leases.expire()
    for (const id of ids) known.delete(id)
    return ids
  }
  const step = HEARTBEAT / size
  for (let index = 0; index < size; index++) {
    beat(index)
    clock.advance(step)
    look()
  }
  const startMs = clock.monotonic() - HEARTBEAT
  /** Goes on to a time after the start, with heartbeats from these. */
  const goOn = (toMs: number, alive: (index: number) => boolean) => {
    const gone: { atMs: number; count: number }[] = []
    for (let ms = clock.monotonic() - startMs; ms < toMs; ms += step) {
      const index = Math.round((ms % HEARTBEAT) / step) % size
      if (alive(index)) beat(index)
      const ids = look()
      if (ids.length > 0) gone.push({ atMs: clock.monotonic() - startMs, count: ids.length })
      clock.advance(step)
    }
    return gone
  }
  return { clock, leases, beat, look, goOn, known }
}

t.test('a few of many that die go one by one, each within its time to live', async (t) => {
  const { known, goOn } = fleet(100)
  const gone = goOn(5 * HEARTBEAT, (index) => index >= 10)
  t.equal(known.size, 90)
  t.equal(gone.length, 10)
  t.ok((gone.at(-1)?.atMs ?? 0) <= HEARTBEAT + TTL)
})

t.test('many that fall silent at the same time go together, so that it is one drop', async (t) => {
  const { known, goOn } = fleet(100)
  const gone = goOn(6 * HEARTBEAT, (index) => index >= 70)
  t.same(
    gone.map(({ count }) => count),
    [70],
  )
  t.ok((gone[0]?.atMs ?? 0) <= HEARTBEAT + TTL, 'once the last of them has expired')
  t.equal(known.size, 30)
})

/** Steps of at most a tick, so that nothing looks like a stall. */
function wait({ clock, look }: Pick<ReturnType<typeof fleet>, 'clock' | 'look'>, ms: number): string[] {
  const gone: string[] = []
  for (let left = ms; left > 0; left -= TICK_MS) {
    clock.advance(Math.min(left, TICK_MS))
    gone.push(...look())
  }
  return gone
}

t.test('one whose heartbeat comes while others wait for it stays, and nobody waits for ever', async (t) => {
  const first = fleet(1)
  const startMs = first.clock.monotonic()
  first.beat(0)
  wait(first, 20_000)
  first.beat(1)
  t.same(wait(first, TTL - 20_000), [], 'both are silent')
  t.equal(first.leases.soonestMs(), startMs + TTL + 20_000 - first.clock.monotonic())
  t.same(wait(first, 19_500), [])
  first.beat(1)
  t.same(wait(first, 500), ['device-0'], 'nobody else is silent any more')

  const second = fleet(1)
  second.beat(0, 1_000)
  second.beat(1, 100_000)
  t.same(wait(second, 1_000), ['device-0'], 'the other is not silent yet')
  second.beat(2, 10_000)
  const gone = wait(second, 80_000)
  t.same(gone, ['device-2'])
  t.equal(second.leases.soonestMs(), 19_000)
})

t.test('without a lease there is nothing to look for', async (t) => {
  const { leases, look } = fleet(1)
  leases.end('device-0')
  leases.end('device-0')
  look()
  wait({ clock: manualClock(), look }, 0)
  t.same(look(), [])
})

type Act =
  | { readonly do: 'renew'; readonly id: number; readonly ttl: number }
  | { readonly do: 'pause'; readonly why: number; readonly ms: number | undefined }
  | { readonly do: 'resume'; readonly why: number }
  | { readonly do: 'pass' | 'stall'; readonly ms: number }

const ACT: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    do: fc.constant('renew' as const),
    id: fc.nat(3),
    ttl: fc.integer({ min: 1_000, max: 60_000 }),
  }),
  fc.record({
    do: fc.constant('pause' as const),
    why: fc.nat(1),
    ms: fc.option(fc.integer({ min: 1, max: 20_000 }), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('resume' as const), why: fc.nat(1) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
  fc.record({ do: fc.constant('stall' as const), ms: fc.integer({ min: 1_001, max: 30_000 }) }),
)

t.test('the lease rule: no loss while heartbeats cannot be received, and an end after it', async () => {
  fc.assert(
    fc.property(fc.array(ACT, { maxLength: 60 }), (acts) => {
      const clock = virtualClock()
      const leases = createLeases(clock, () => {})
      leases.start()
      // The plain rule: when each lease was last whole, for how long it lasts, and what pauses expiry until when.
      const plain = new Map<string, { wholeMs: number; ttlMs: number }>()
      const causes = new Map<string, number>()
      let endedMs = Number.NEGATIVE_INFINITY
      let lookedMs = clock.monotonic()

      const look = () => {
        const nowMs = clock.monotonic()
        for (const [why, untilMs] of causes) if (untilMs <= nowMs) causes.delete(why)
        const isStall = nowMs - lookedMs >= 5_000
        const isLate = nowMs - lookedMs > 2 * TICK_MS
        lookedMs = nowMs
        if (isStall || wasPaused) if (causes.size === 0) endedMs = nowMs
        wasPaused = causes.size > 0
        for (const id of leases.expire()) {
          const { wholeMs, ttlMs } = plain.get(id) as { wholeMs: number; ttlMs: number }
          if (causes.size > 0) throw new Error(`${id} expired while heartbeats could not be received`)
          if (isLate) throw new Error(`${id} expired before what arrived was read`)
          if (nowMs - Math.max(wholeMs, endedMs) < ttlMs)
            throw new Error(`${id} expired before its time to live`)
          plain.delete(id)
        }
        if (causes.size > 0 || isLate) return
        // Those that expired wait for others for two fifths of their time to live at most.
        for (const [id, { wholeMs, ttlMs }] of plain) {
          const ms = nowMs - Math.max(wholeMs, endedMs)
          if (ms > 1.4 * ttlMs + 2 * TICK_MS)
            throw new Error(`${id} has not expired after ${ms} of ${ttlMs} ms`)
        }
      }
      let wasPaused = false

      const passes = (ms: number) => {
        for (let left = ms; left > 0; left -= TICK_MS) {
          clock.step(clock.monotonic() + Math.min(left, TICK_MS))
          look()
        }
      }
      for (const act of acts) {
        if (act.do === 'renew') {
          leases.renew(`${act.id}`, act.ttl)
          plain.set(`${act.id}`, { wholeMs: clock.monotonic(), ttlMs: act.ttl })
        } else if (act.do === 'pause') {
          leases.pause(`${act.why}`, act.ms)
          causes.set(`${act.why}`, clock.monotonic() + (act.ms ?? Number.POSITIVE_INFINITY))
          wasPaused = true
        } else if (act.do === 'resume') {
          leases.resume(`${act.why}`)
          causes.delete(`${act.why}`)
        } else if (act.do === 'pass') passes(act.ms)
        else {
          clock.step(clock.monotonic() + act.ms)
          look()
        }
      }
      for (const why of ['0', '1']) {
        leases.resume(why)
        causes.delete(why)
      }
      passes(1.4 * 60_000 + 2 * TICK_MS)
      if (plain.size > 0) throw new Error(`${[...plain.keys()]} never expired`)
    }),
    { numRuns: 500 },
  )
})
