import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Secret } from '../../../src/base/secret.ts'
import { diskFiles } from '../../helpers/files.ts'
import { idsIn, pushSource } from '../../helpers/push-source.ts'

const TTL = 90_000
const PAUSED = 'devices cannot be heard: nobody runs out'
const RESUMED = 'devices could not be heard, and can be again: each is known for its whole time to live'
const STOOD_STILL = 'devices could not be heard, and can be again: each is known for so much longer'
const TOLD: readonly unknown[] = [PAUSED, RESUMED, STOOD_STILL]

/** A source at work whose token is a file, and who is known to it. */
function listening(t: Test) {
  const token = join(t.testdir(), 'token')
  writeFileSync(token, 'right')
  const rig = pushSource(t, { token: Secret.file(token, diskFiles) }, { folder: '' })
  let changes = 0
  rig.source.watch?.(() => changes++)
  return {
    ...rig,
    changes: () => changes,
    token,
    /** What a request does first. */
    authorize: () => rig.source.instances.authorize('right'),
    known: () => rig.source.register.registrations.size(),
    told: () => rig.messages().filter((message) => TOLD.includes(message)),
    isPaused: () => rig.metric('push_expiry_paused'),
  }
}

t.test('while the token cannot be read nobody runs out, and after it each has a whole time', async (t) => {
  const rig = listening(t)
  const { token, clock, put, known, told, authorize } = rig
  put('a')
  clock.pass(TTL - 1_000)
  rmSync(token)
  mkdirSync(token)
  t.equal(await rig.isPaused(), 0)
  for (let times = 0; times < 3; times++) {
    await t.rejects(authorize(), { code: 'token_unreadable' })
    clock.pass(TTL)
    t.equal(known(), 1)
  }
  t.same(told(), [PAUSED], 'it is told once')
  t.equal(await rig.isPaused(), 1)
  rmSync(token, { recursive: true })
  writeFileSync(token, 'right')
  await authorize()
  clock.pass(100)
  t.same(told(), [PAUSED, RESUMED])
  t.match(rig.lines.at(-1), { level: 30, seconds: 270, instances: 1 })
  t.equal(await rig.isPaused(), 0)
  clock.pass(TTL - 1)
  t.equal(known(), 1, 'it may have been refused at the very end')
  clock.pass(1)
  t.equal(known(), 0)
})

t.test('a refresh notices too that the token cannot be read, and that it can be again', async (t) => {
  const { token, clock, put, known, read } = listening(t)
  put('a')
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
  put('a')
  clock.pass(TTL - 1_000)
  const refused = t.rejects(authorize(), { code: 'token_unreadable', message: /took longer than 5 s/ })
  clock.advance(5_000)
  await refused
  clock.pass(TTL)
  t.equal(known(), 1)
})

t.test('a heartbeat that was missed counts for everybody, and so does the next', async (t) => {
  const { source, clock, put, known, told } = listening(t)
  put('a')
  clock.pass(TTL - 1_000)
  source.instances.missed('there is too much load')
  clock.pass(4_000)
  source.instances.missed('there is too much load')
  clock.pass(4_999)
  t.same(told(), [PAUSED])
  clock.pass(1)
  t.same(told(), [PAUSED, RESUMED])
  clock.pass(TTL - 1)
  t.equal(known(), 1)
  clock.pass(1)
  t.equal(known(), 0)
})

t.test('what is over does not end what is not', async (t) => {
  const { source, token, clock, put, known, authorize } = listening(t)
  put('a')
  rmSync(token)
  await t.rejects(authorize())
  source.instances.missed('there is too much load')
  clock.pass(2 * TTL)
  t.equal(known(), 1)
})

t.test('a token that can be read again does not end the quiet time after an overload', async (t) => {
  for (const isOverloadFirst of [true, false]) {
    const { source, token, clock, put, known, told, authorize } = listening(t)
    put('a')
    clock.pass(TTL - 1_000)
    if (isOverloadFirst) source.instances.missed('there is too much load')
    rmSync(token)
    await t.rejects(authorize())
    if (!isOverloadFirst) source.instances.missed('there is too much load')
    writeFileSync(token, 'right')
    await authorize()
    clock.pass(4_999)
    t.same(told(), [PAUSED])
    clock.pass(1)
    t.same(told(), [PAUSED, RESUMED])
    clock.pass(TTL - 1)
    t.equal(known(), 1)
    clock.pass(1)
    t.equal(known(), 0)
  }
})

t.test('a process that stood still for a minute or more gives each a whole time', async (t) => {
  for (const ms of [60_000, 3_600_000]) {
    const { clock, put, known, told, lines } = listening(t)
    put('a')
    clock.pass(TTL - 500)
    clock.advance(ms)
    t.same(told(), [RESUMED])
    t.match(lines.at(-1), { seconds: Math.round(ms / 1000) })
    clock.pass(TTL - 1)
    t.equal(known(), 1, `${ms} ms`)
    clock.pass(1)
    t.equal(known(), 0)
  }
})

t.test('a process that stood still for less lets each live for so much longer', async (t) => {
  for (const ms of [1_001, 30_000, 59_999]) {
    const { clock, put, known, told, lines } = listening(t)
    put('a')
    clock.pass(TTL - 500)
    clock.advance(ms)
    t.same(told(), [STOOD_STILL])
    t.match(lines.at(-1), { level: 30, seconds: Math.round(ms / 1000), instances: 1 })
    clock.pass(499)
    t.equal(known(), 1, `${ms} ms`)
    clock.pass(1)
    t.equal(known(), 0)
  }
})

t.test('nobody lives for longer than a whole time because a process stood still', async (t) => {
  const { clock, put, known } = listening(t)
  put('a')
  clock.pass(1_000)
  clock.after(0, () => put('a'))
  clock.advance(30_000)
  clock.pass(TTL - 1)
  t.equal(known(), 1, 'it was heard at the end of that time')
  clock.pass(1)
  t.equal(known(), 0)
})

t.test('who is silent runs out although the process stands still again and again', async (t) => {
  const { clock, put, known } = listening(t)
  put('a', { ttl: '10m' })
  for (let minute = 0; minute < 10; minute++) {
    clock.pass(58_900)
    clock.advance(1_100)
  }
  t.equal(known(), 1)
  clock.pass(10 * 1_500 - 1)
  t.equal(known(), 1, 'so long it did not look, ten times')
  clock.pass(1)
  t.equal(known(), 0)
})

t.test('a system clock that is corrected again and again changes nothing', async (t) => {
  const { clock, put, known, told } = listening(t)
  put('a', { ttl: '10m' })
  for (let minute = 0; minute < 10; minute++) {
    t.equal(known(), 1)
    clock.jump(minute % 2 === 0 ? 59_999 : -59_999)
    clock.pass(60_000)
  }
  t.equal(known(), 0)
  t.same(told(), [])
})

t.test('it is noticed in the middle of a time to live too', async (t) => {
  const { clock, put, known } = listening(t)
  put('a')
  clock.pass(20_000)
  clock.advance(60_000)
  clock.pass(TTL - 1)
  t.equal(known(), 1, 'its heartbeats of a whole minute were lost')
})

t.test('a machine that slept, whose monotonic clock slept too, is one that stood still', async (t) => {
  const { clock, put, known, told } = listening(t)
  put('a')
  clock.pass(TTL - 1_000)
  clock.jump(3_600_000)
  clock.pass(500)
  t.same(told(), [RESUMED])
  clock.pass(TTL - 1)
  t.equal(known(), 1)
  clock.jump(-3_600_000)
  clock.pass(1)
  t.equal(known(), 0, 'a clock that is put back changes nothing')
})

t.test('timers that come a little late are no standing still', async (t) => {
  const { clock, put, known, told } = listening(t)
  put('a')
  for (let ms = 0; ms < TTL; ms += 900) clock.advance(900)
  t.equal(known(), 0)
  t.same(told(), [])
})

t.test('the time between the start of the process and that of the server does not count', async (t) => {
  const first = pushSource(t)
  first.put('a', { ttl: '1s' })
  await first.source.close()
  const { source, clock, messages } = pushSource(t, {}, { folder: first.folder })
  await source.open?.()
  clock.pass(8_000)
  source.watch?.(() => {})
  clock.pass(999)
  t.equal(source.register.registrations.size(), 1)
  clock.pass(1)
  t.equal(source.register.registrations.size(), 0)
  t.notOk(messages().includes(RESUMED), 'the start is told in other words')
})

t.test('what takes the place of a source that cannot be heard ends it, or goes on with it', async (t) => {
  const { source, create, token, clock, put, known, authorize, told } = listening(t)
  put('a')
  rmSync(token)
  await t.rejects(authorize())
  clock.pass(2 * TTL)
  const next = create({ token: Secret.of('other') }, source.register)
  await source.close()
  await next.open?.()
  next.watch?.(() => {})
  t.same(told(), [PAUSED, RESUMED])
  clock.pass(TTL - 1)
  t.equal(known(), 1)
  clock.pass(1)
  t.equal(known(), 0)
  await next.close()
})

t.test('a server that is about to stop forgets nobody but who leaves, and tells of it', async (t) => {
  const { source, clock, put, known, changes } = listening(t)
  put('a')
  put('b')
  source.deafen?.()
  source.instances.leave('b')
  clock.pass(2 * TTL)
  t.equal(known(), 1)
  t.equal(changes(), 1)
})
