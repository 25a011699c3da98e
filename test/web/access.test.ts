import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { HttpError } from '../../src/base/errors.ts'
import { createThreads } from '../../src/base/threads.ts'
import { type AccessOptions, type Asked, createAccess, type Refusal } from '../../src/web/access.ts'
import { SCOPES } from '../../src/web/names.ts'
import { comparePassword } from '../../src/web/password-worker.ts'
import { until } from '../helpers/until.ts'
import { ask, CAROL, DAVE, webServer, written } from '../helpers/web.ts'

const ALL = { may: new Set(SCOPES), sources: undefined }
const OPTIONS: AccessOptions = {
  users: [
    { name: 'dave', hash: DAVE, ...ALL },
    { name: 'carol', hash: CAROL, ...ALL },
  ],
  bearerTokens: [],
  rateLimit: undefined,
  headers: [],
  allowedHosts: [],
}

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

function access(t: Test, options = OPTIONS) {
  const refused: Refusal[] = []
  const threads = createThreads(64, 1)
  let checks = 0
  const counting = {
    run: <Result>(...args: Parameters<typeof threads.run>) => {
      checks++
      return threads.run<Result>(...args)
    },
    close: () => threads.close(),
  }
  const report = (reason: Refusal) => void refused.push(reason)
  const made = createAccess(options, { clock: systemClock, threads: counting, report })
  t.teardown(() => made.close())
  const admit = async (authorization: string, more: Partial<Asked> = {}) =>
    made.admit({
      scope: 'read',
      source: undefined,
      isAboutServer: false,
      authorization,
      connection: {},
      address: '10.0.0.1',
      ...more,
    })
  /** The code of the error; undefined: admitted. */
  const code = (authorization: string, more: Partial<Asked> = {}) =>
    admit(authorization, more).then(
      () => undefined,
      (error) => (error as HttpError).code,
    )
  return { made, admit, code, refused, checks: () => checks }
}

t.test('the thread compares a password with a hash', async (t) => {
  t.equal(comparePassword({ hash: DAVE, password: 'dave123' }), true)
  t.equal(comparePassword({ hash: DAVE, password: 'dave124' }), false)
})

t.test('86: a wrong password a hundred thousand times is cheap, and keeps nobody else out', async (t) => {
  const { admit, code, refused, checks } = access(t)
  const codes = new Map<string | undefined, number>()
  const attack = async (index: number) => {
    const got = await code(basic('dave', `wrong ${index}`))
    codes.set(got, (codes.get(got) ?? 0) + 1)
  }
  const before = process.cpuUsage()
  let others = 0
  for (let round = 0; round < 100; round++) {
    const attacks = Array.from({ length: 1_000 }, (_, index) => attack(round * 1_000 + index))
    // On a connection of its own each time, from another address.
    await admit(basic('carol', 'carol123'), { address: `10.1.0.${round}` })
    others++
    await Promise.all(attacks)
  }
  t.equal(others, 100)
  t.same([...codes.keys()].sort(), ['overloaded', 'unauthorized'])
  t.equal((codes.get('overloaded') ?? 0) + (codes.get('unauthorized') ?? 0), 100_000)
  t.equal(codes.get('unauthorized'), 400, 'of each thousand only four were looked at')
  t.equal(checks(), 401, 'and the right password was checked once')
  t.same(new Set(refused), new Set(['too_many_checks', 'wrong_credentials']))
  const { user, system } = process.cpuUsage(before)
  t.comment(`${Math.round((user + system) / 1_000)} ms of processor for 100,000 attempts`)
})

t.test('86: many addresses at once fill a queue, and those who have been admitted go on', async (t) => {
  const { admit, code, checks } = access(t)
  const connection = {}
  await admit(basic('dave', 'dave123'), { connection })
  const attacks = Array.from({ length: 1_000 }, (_, index) =>
    code(basic('nobody', String(index)), { address: `10.2.${index >> 8}.${index & 255}` }),
  )
  t.equal(await code(basic('carol', 'carol123'), { address: '10.1.0.1' }), 'overloaded')
  t.equal(await code(basic('dave', 'dave123'), { connection }), undefined)
  t.equal(await code(basic('dave', 'dave123')), undefined, 'a password that was right is remembered')
  const codes = await Promise.all(attacks)
  t.equal(codes.filter((one) => one === 'unauthorized').length, 32)
  t.equal(checks(), 33)
  t.equal(await code(basic('carol', 'carol123')), undefined)
})

t.test('86: the same wrong password again, and at once, is checked once', async (t) => {
  const { code, checks } = access(t)
  const all = await Promise.all(Array.from({ length: 100 }, () => code(basic('dave', 'wrong'))))
  t.same([...new Set(all)], ['unauthorized'])
  t.equal(await code(basic('dave', 'wrong')), 'unauthorized')
  t.equal(checks(), 1)
})

t.test('86: of the passwords that were wrong no more than a hundred are remembered', async (t) => {
  const { code, checks } = access(t)
  for (let index = 0; index < 101; index++) await code(basic('dave', `wrong ${index}`))
  await code(basic('dave', 'wrong 100'))
  t.equal(checks(), 101)
  await code(basic('dave', 'wrong 0'))
  t.equal(checks(), 102)
})

t.test('86: over the wire other requests are answered meanwhile', async (t) => {
  const path = written(
    t.testdir(),
    `basic_auth_users: { dave: ${DAVE.replace('$04$', '$10$')}, carol: ${CAROL} }\n`,
  )
  const { port } = await webServer(t, path)
  let isOver = false
  const statuses = new Set<number>()
  const attackers = Array.from({ length: 16 }, async (_, attacker) => {
    for (let index = 0; !isOver; index++) {
      const { status, headers } = await ask(port, '/targets', { auth: `dave:${attacker} ${index}` })
      statuses.add(status)
      if (status === 503) t.equal(headers['retry-after'], '1')
    }
  })
  await until('some are put off', () => statuses.has(503))
  for (let index = 0; index < 50; index++) t.equal((await ask(port, '/-/healthy')).status, 200)
  isOver = true
  await Promise.all(attackers)
  t.same([...statuses].sort(), [401, 503])
})

t.test('a user that is changed while the password is checked is checked anew', async (t) => {
  const { made, code } = access(t)
  const asked = code(basic('dave', 'dave123'))
  made.configure({ ...OPTIONS, users: [{ name: 'dave', hash: CAROL, ...ALL }] })
  t.equal(await asked, 'unauthorized')
  t.equal(await code(basic('dave', 'carol123')), undefined)
  const other = code(basic('dave', 'x'))
  made.configure({ ...OPTIONS, users: [{ name: 'dave', hash: CAROL, ...ALL }] })
  t.equal(await other, 'unauthorized')
  const same = code(basic('carol', 'carol123'))
  made.configure({ ...OPTIONS })
  t.equal(await same, 'unauthorized')
})

t.test('without threads a password cannot be checked, which is not the fault of who asks', async (t) => {
  const { made, code } = access(t)
  await made.close()
  t.equal(await code(basic('dave', 'dave123')), 'overloaded')
})

t.test('a user with no password that a check could find takes as long as one that exists', async (t) => {
  const { code, checks } = access(t)
  t.equal(await code(basic('nobody', 'x')), 'unauthorized')
  t.equal(checks(), 1)
})
