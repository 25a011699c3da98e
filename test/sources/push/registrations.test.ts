import t from 'tap'
import { readRegistration } from '../../../src/model/registration.ts'
import { createRegistrations } from '../../../src/sources/push/registrations.ts'
import { manualClock } from '../../helpers/clock.ts'

const TTL = 90_000
const HEARTBEAT = TTL / 3

/** So many devices whose heartbeats are spread over one interval. */
function fleet(size: number) {
  const clock = manualClock()
  const registrations = createRegistrations(clock)
  const beat = (index: number, ttlMs = TTL) =>
    registrations.hear(`device-${String(index).padStart(3, '0')}`, {
      registration: readRegistration({ address: `d${index}:1` }),
      ttlMs,
    })
  const start = clock.monotonic()
  for (let index = 0; index < size; index++) {
    beat(index)
    clock.advance(HEARTBEAT / size)
  }
  /** Goes on to a time after the start, with heartbeats from these, and looks whenever it is told to. */
  const goOn = (toMs: number, alive: (index: number) => boolean) => {
    const gone: { atMs: number; count: number }[] = []
    for (let step = clock.monotonic() - start; step < toMs; step += HEARTBEAT / size) {
      const index = Math.round((step % HEARTBEAT) / (HEARTBEAT / size)) % size
      if (alive(index)) beat(index)
      const ids = registrations.expire()
      if (ids.length > 0) gone.push({ atMs: clock.monotonic() - start, count: ids.length })
      clock.advance(HEARTBEAT / size)
    }
    return gone
  }
  return { clock, registrations, beat, goOn }
}

t.test('hearing of an instance tells whether it is new, changed or only renewed', async (t) => {
  const registrations = createRegistrations(manualClock())
  const hear = (address: string, ttlMs = TTL) =>
    registrations.hear('a', { registration: readRegistration({ address }), ttlMs })
  t.equal(hear('x:1'), 'new')
  const { revision } = registrations
  const before = revision()
  t.equal(hear('x:1'), 'renewed')
  t.equal(revision(), before, 'nothing to be told')
  t.equal(hear('y:1'), 'changed')
  t.not(revision(), before)
  t.ok(registrations.has('a'))
  t.ok(registrations.forget('a'))
  t.notOk(registrations.forget('a'))
  t.equal(registrations.size(), 0)
  t.equal(registrations.nextMs(), undefined)
  t.same(registrations.expire(), [])
})

t.test('an instance runs out after its own time to live, whatever the wall clock does', async (t) => {
  const { clock, registrations, beat } = fleet(1)
  beat(0)
  beat(1, 1_000)
  clock.jump(86_400_000)
  t.same(registrations.expire(), [])
  t.equal(registrations.nextMs(), clock.monotonic() + 1_000)
  clock.advance(1_000)
  t.same(registrations.expire(), ['device-001'])
  t.equal(registrations.nextMs(), clock.monotonic() + TTL - 1_000)
  clock.advance(TTL - 1_001)
  t.same(registrations.expire(), [])
  clock.advance(1)
  t.same(registrations.expire(), ['device-000'])
})

t.test('a few of many that die go one by one, each within its time to live', async (t) => {
  const { registrations, goOn } = fleet(100)
  const gone = goOn(5 * HEARTBEAT, (index) => index >= 10)
  t.equal(registrations.size(), 90)
  t.equal(gone.length, 10)
  t.ok((gone.at(-1)?.atMs ?? 0) <= HEARTBEAT + TTL)
})

t.test('many that fall silent at the same time go together, so that it is one drop', async (t) => {
  const { registrations, goOn } = fleet(100)
  const gone = goOn(6 * HEARTBEAT, (index) => index >= 70)
  t.same(
    gone.map(({ count }) => count),
    [70],
  )
  t.ok((gone[0]?.atMs ?? 0) <= HEARTBEAT + TTL, 'once the last of them has run out')
  t.equal(registrations.size(), 30)
})

t.test('one that is heard of while others wait for it is not lost, and nobody waits for ever', async (t) => {
  const { clock, registrations, beat } = fleet(1)
  beat(0)
  clock.advance(20_000)
  beat(1)
  clock.advance(TTL - 20_000)
  const end = clock.monotonic()
  t.same(registrations.expire(), [], 'both are silent')
  t.equal(registrations.nextMs(), end + 20_000)
  clock.advance(20_000)
  beat(1)
  t.same(registrations.expire(), ['device-000'], 'nobody else is silent any more')

  const { clock: later, registrations: two, beat: hear } = fleet(1)
  hear(0, 1_000)
  hear(1, 100_000)
  later.advance(1_000)
  t.same(two.expire(), ['device-000'], 'the other is not silent yet')
  hear(2, 10_000)
  later.advance(80_000)
  t.same(two.expire(), ['device-002'], 'too late to wait')
  t.equal(two.nextMs(), later.monotonic() + 19_000)
})

t.test('everybody is believed anew when nobody could be heard', async (t) => {
  const { clock, registrations, beat } = fleet(1)
  beat(0)
  clock.advance(TTL + 60_000)
  registrations.prolong(Number.POSITIVE_INFINITY)
  t.same(registrations.expire(), [])
  t.equal(registrations.nextMs(), clock.monotonic() + TTL)
  clock.advance(TTL - 1)
  t.same(registrations.expire(), [])
  clock.advance(1)
  t.same(registrations.expire(), ['device-000'])
})

t.test('each is believed for longer by the time in which nobody could be heard, within bounds', async (t) => {
  const { clock, registrations, beat } = fleet(1)
  beat(0, 10_000)
  clock.advance(4_000)
  beat(1, 10_000)
  clock.advance(1_000)
  registrations.prolong(3_000)
  t.equal(registrations.nextMs(), clock.monotonic() + 8_000)
  clock.advance(8_000)
  t.same(registrations.expire(), [], 'it waits for the other, which is silent too')
  clock.advance(2_000)
  t.same(registrations.expire(), ['device-000', 'device-001'], 'a whole time, and no more')
})
