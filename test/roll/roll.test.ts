import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import type { Labels } from '../../src/model/labels.ts'
import { hashKey, NO_KEY } from '../../src/model/record-key.ts'
import { placeOf, type Target } from '../../src/model/target-group.ts'
import { createPacker } from '../../src/pipeline/pack.ts'
import { subtract } from '../../src/roll/members.ts'
import {
  absentIn,
  type Called,
  callAgain,
  callRoll,
  letGo,
  type Occasion,
  openRoll,
  type Reading,
  type Roll,
  unite,
} from '../../src/roll/roll.ts'
import {
  type Absence,
  DEFAULT_GUARD,
  firstMissed,
  type GuardOptions,
  judge,
  missedAgain,
} from '../../src/roll/rules.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { packed } from '../helpers/packed.ts'
import { holds } from '../helpers/property.ts'
import { addressesIn } from '../helpers/refreshing.ts'

/** A target of a record. */
interface Made extends Target {
  readonly key?: string
}

const at = (address: string, labels: Labels = [], key?: string): Made => ({
  address,
  labels,
  ...(key !== undefined && { key }),
})

const many = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => at(`host-${first + index}:1`, [], `k${first + index}`))

function readingOf(
  targets: readonly Made[],
  rest: { unreadable?: readonly string[]; keyless?: number; idle?: number; isAtRest?: boolean } = {},
): Reading {
  const packer = createPacker()
  for (const one of targets) packer.add(one, one.key === undefined ? NO_KEY : hashKey(one.key, 0))
  const { unreadable = [], keyless = 0, idle = 0, isAtRest = true } = rest
  return {
    ...packer.pack(),
    unreadable: new Set(unreadable.map((key) => hashKey(key, 0))),
    keyless,
    idle,
    isAtRest,
  }
}

const NOBODY = { left: 0, roll: 1e9, options: { maxDrop: 1, minTargets: 0 } }

const when = (nowMs: number, options: Partial<GuardOptions> = {}, selection = 'all'): Occasion => ({
  nowMs,
  startedMs: nowMs,
  selection,
  options: { ...DEFAULT_GUARD, ...options },
  all: NOBODY,
})

/** A roll that is called again and again, a minute apart. */
function calling(first: readonly Made[], options: Partial<GuardOptions> = {}) {
  let nowMs = 0
  let called: Called = openRoll(readingOf(first), when(nowMs, options))
  const step = (next: Called | undefined) => {
    if (next !== undefined) called = next
    return next
  }
  return {
    call: (targets: readonly Made[], rest: Parameters<typeof readingOf>[1] = {}, selection?: string) => {
      nowMs += 60_000
      return step(callRoll(called.roll, readingOf(targets, rest), when(nowMs, options, selection)))
    },
    again: (selection?: string) => {
      nowMs += 60_000
      return step(callAgain(called.roll, when(nowMs, options, selection)))
    },
    letGo: (digest: string) => step(letGo(called.roll, digest, nowMs)),
    called: () => called,
    roll: (): Roll => called.roll,
    served: () => addressesIn(called.roll.body),
    held: () => called.roll.held,
  }
}

t.test('rule 1: whoever joins is served at once, and with the labels that the reading has', async (t) => {
  const { call, served, roll } = calling([at('a:1', [['site', 'x']])])
  t.match(call([at('a:1', [['site', 'y']]), at('b:1')]), {
    isChanged: true,
    joined: 1,
    left: 0,
    samples: { added: ['b:1'], removed: [] },
  })
  t.same(served(), ['a:1', 'b:1'])
  t.match(Buffer.from(roll().body).toString(), /"a:1"\],"labels":\{"site":"y"\}/)
})

t.test('of targets with one address the one whose record has new labels moved, and no other', async (t) => {
  const first = [at('x:1', [['l', 'm']], '1'), at('x:1', [['l', 'a']], '2'), ...many(9)]
  const modules = (body: Uint8Array) =>
    [
      ...Buffer.from(body)
        .toString()
        .matchAll(/"l":"(.)"/g),
    ].map(([, l]) => l)
  const one = calling(first)
  one.call([at('x:1', [['l', 'z']], '1'), ...many(9)])
  t.same(modules(one.roll().body), ['a', 'z'], 'the other is missing for the first time')
  one.call([at('x:1', [['l', 'z']], '1'), ...many(9)])
  t.same(modules(one.roll().body), ['z'])
  const other = calling(first)
  other.call([at('x:1', [['l', 'z']], '1'), ...many(9)], { unreadable: ['2'] })
  other.again()
  t.same(modules(other.roll().body), ['a', 'z'], 'rule 3: its record is there')
  const third = calling(first)
  third.call([at('x:1', [['l', 'z']], '3'), ...many(9)])
  t.same(modules(third.roll().body), ['a', 'm', 'z'], 'nothing tells which of them moved')
})

t.test(
  '56: a target that is missing once is there, with its labels, and leaves the second time',
  async (t) => {
    const site: Labels = [['site', 'x']]
    const { call, again, served, roll } = calling([at('a:1', site), at('b:1', site), at('c:1')])
    t.match(call([at('b:1', site), at('c:1')]), { isChanged: false, left: 0, needsConfirmation: true })
    t.same(served(), ['a:1', 'b:1', 'c:1'])
    t.equal(absentIn(roll()), 1)
    t.match(call([at('a:1', site), at('b:1', site), at('c:1')]), {
      isChanged: false,
      needsConfirmation: false,
    })
    t.equal(absentIn(roll()), 0)
    call([at('b:1', site), at('c:1')])
    t.match(call([at('b:1', site), at('c:1')]), { left: 1, samples: { removed: ['a:1'] }, isChanged: true })
    t.same(served(), ['b:1', 'c:1'])
    call([at('c:1')])
    t.match(again(), { left: 1, samples: { removed: ['b:1'] } }, 'an unchanged answer is a reading')
    t.same(served(), ['c:1'])
  },
)

t.test('rule 2: readings that confirm are asked for, and the grace is waited for', async (t) => {
  const { call, served } = calling([at('a:1'), at('b:1')], { graceMs: 3_600_000 })
  t.match(call([at('b:1')]), { left: 0, needsConfirmation: true })
  t.match(call([at('b:1')]), { left: 0, needsConfirmation: false })
  t.same(served(), ['a:1', 'b:1'])
})

t.test('rule 2: a target is known by its address, scheme, path and parameters', async (t) => {
  const place: Labels = [['__param_target', 'x']]
  const { call, served } = calling([at('a:1'), at('a:1', place), at('b:1')])
  t.match(call([at('a:1', [['site', 'new']]), at('b:1')]), { joined: 0 })
  t.match(call([at('a:1', [['site', 'new']]), at('b:1')]), {
    left: 1,
    samples: { removed: ['a:1\t[["__param_target","x"]]'] },
  })
  t.same(served(), ['a:1', 'b:1'])
})

t.test('rule 2: of targets that differ in their labels only, each is proven gone by itself', async (t) => {
  const [x, y, z] = ['x', 'y', 'z'].map((site) => at('a:1', [['site', site]])) as [Made, Made, Made]
  const { call, roll, served } = calling([x, y, at('b:1')])
  t.match(call([y, at('b:1')]), { isChanged: false, left: 0, needsConfirmation: true })
  t.match(call([z, at('b:1')]), { left: 1, joined: 1, needsConfirmation: true }, 'x is missing again')
  t.equal(roll().keys.length, 3, 'y may have moved, and is missing for the first time')
  t.match(call([z, at('b:1')]), { left: 1, samples: { removed: ['a:1'] } })
  t.same(served(), ['a:1', 'b:1'])
})

t.test('59: records that cannot be read keep their targets, and only these', async (t) => {
  const all = many(1_000)
  const broken = all.slice(0, 600).map(({ key }) => key as string)
  const { call, again, held, served } = calling(all)
  for (let reading = 0; reading < 3; reading++) call(all.slice(601), { unreadable: broken, idle: 600 })
  t.equal(served().length, 999)
  t.match(held(), [{ reason: 'unreadable', targets: 600 }])
  for (let reading = 0; reading < 99; reading++) again()
  t.equal(served().length, 999)
  call(all)
  t.equal(served().length, 1_000)
})

t.test('rule 3: a target of a record of which another one cannot be read may leave', async (t) => {
  const { call, served } = calling([at('a:1', [], 'k'), at('b:1', [], 'other')])
  const one = readingOf([at('b:1', [], 'other')])
  const another = { ...one, unreadable: new Set([hashKey('k', 1)]) }
  t.notSame([...another.unreadable], [hashKey('k', 0)])
  call([at('b:1', [], 'other')])
  call([at('b:1', [], 'other')])
  t.same(served(), ['b:1'])
})

t.test('59: records without a key that cannot be read let nothing leave', async (t) => {
  const all = many(1_000)
  const { call, again, held, served, letGo } = calling(all)
  call(all.slice(601), { keyless: 600 })
  for (let reading = 0; reading < 20; reading++) again()
  t.equal(served().length, 1_000)
  t.match(held(), [{ reason: 'unreadable_records', targets: 601, untilMs: undefined }])
  t.match(letGo(held()[0]?.digest as string), { left: 601, accepted: 601 })
  t.equal(served().length, 399)
})

t.test('rule 3: after an accept of targets that cannot be read their records are as before', async (t) => {
  const all = many(100)
  const broken = ['k0', 'k1']
  const { call, held, letGo, served } = calling(all)
  call(all.slice(2), { unreadable: broken })
  t.match(letGo(held()[0]?.digest as string), { left: 2 })
  call(all.slice(3), { unreadable: broken })
  call(all.slice(3), { unreadable: broken })
  t.equal(served().length, 97, 'one more leaves although they are still there')
})

t.test('25, 58: halving is held once more than half of the hour is gone', async (t) => {
  const all = many(1_000)
  const { call, served, held } = calling(all)
  for (let left = 500; left > 1; left = Math.floor(left / 2)) {
    call(all.slice(0, left))
    call(all.slice(0, left))
  }
  t.equal(served().length, 500)
  t.match(held(), [{ reason: 'too_many', targets: 497 }])
})

t.test(
  '60: a fleet that is replaced by one of other names: both are served, and the old one leaves',
  async (t) => {
    const { call, again, served, held } = calling(many(100))
    t.match(call(many(100, 100)), { joined: 100, left: 0 })
    t.equal(served().length, 200)
    t.match(held(), [{ reason: 'too_many', targets: 100 }])
    for (let minute = 0; minute < 14; minute++) t.equal(again()?.left, 0)
    t.match(again(), { left: 100 })
    t.equal(served().length, 100)
  },
)

t.test('60: records that were always unreadable hold nothing for ever', async (t) => {
  const all = many(100)
  const broken = { unreadable: many(500, 1_000).map(({ key }) => key as string), idle: 500 }
  const { call, again, served } = calling(all)
  call(all, broken)
  call(all.slice(60), broken)
  for (let minute = 0; minute < 14; minute++) again()
  t.equal(served().length, 100)
  again()
  t.equal(served().length, 40)
})

t.test(
  '62: targets whose records are there without making any are held until an operator says so',
  async (t) => {
    const { call, again, served, held, letGo } = calling(many(100))
    call([], { idle: 100 })
    for (let reading = 0; reading < 2_000; reading++) again()
    t.equal(served().length, 100)
    t.match(held(), [{ reason: 'idle_records', untilMs: undefined, targets: 100 }])
    t.equal(letGo('0'.repeat(64)), undefined)
    t.match(letGo(held()[0]?.digest as string), { left: 100, isChanged: true })
    t.same(served(), [])
    t.same(held(), [])
  },
)

t.test('63: a configuration that selects nothing holds everything until an operator says so', async (t) => {
  const { call, again, served, held } = calling(many(100))
  call([], {}, 'other')
  for (let reading = 0; reading < 2_000; reading++) again('other')
  t.equal(served().length, 100)
  t.match(held(), [{ reason: 'configuration', targets: 100 }])
})

t.test('57: a random quarter that is missing in every reading: nothing leaves', async (t) => {
  holds(
    t,
    'any seed',
    fc.property(
      fc.integer({ min: 8, max: 200 }),
      fc.infiniteStream(fc.array(fc.nat({ max: 1e6 }), { minLength: 50, maxLength: 50 })),
      (count, stream) => {
        const all = many(count)
        const { call, served } = calling(all)
        // Two readings that lack the very same show nothing yet of an inventory that flaps.
        call(all.slice(Math.ceil(count / 4)))
        call(all.slice(0, -Math.ceil(count / 4)))
        for (let reading = 0; reading < 20; reading++) {
          const { value: numbers } = stream.next()
          const order = all.map((one, index) => ({
            one,
            sort: ((numbers?.[index % 50] ?? 0) * (index + 7)) % 1_009,
          }))
          order.sort((a, b) => a.sort - b.sort)
          call(order.slice(Math.floor(count / 4)).map(({ one }) => one))
        }
        return served().length === count
      },
    ),
  )
})

t.test('accept in the configuration lets exactly the targets leave that it names', async (t) => {
  const all = many(100)
  const before = calling(all)
  before.call(all.slice(60))
  const accept = before.held()[0]?.digest as string
  const { call, served } = calling(all, { accept })
  t.match(call(all.slice(61)), { left: 0 }, 'others are missing')
  call(all)
  t.match(call(all.slice(60)), { left: 60, accepted: 60 })
  t.equal(served().length, 40)
})

t.test('accept in the configuration counts once, whatever comes later', async (t) => {
  const all = many(100)
  const before = calling(all)
  before.call([])
  const accept = before.held()[0]?.digest as string
  const { call, served, letGo, held } = calling(all, { accept })
  t.match(call([]), { left: 100, accepted: 100 })
  call(all)
  for (let time = 0; time < 3; time++) t.match(call([]), { left: 0, accepted: 0 })
  t.equal(served().length, 100)
  t.equal(held()[0]?.digest, accept)
  t.match(letGo(accept), { left: 100 }, 'who says it again means it')
  call(all)
  t.match(call([]), { left: 0 })
})

t.test('the digest of what is held is that of its list', async (t) => {
  const { call, held } = calling(many(30))
  call(many(10))
  const list = encodeGroups(packed(many(20, 10)))
  t.equal(held()[0]?.digest, createHash('sha256').update(list).digest('hex'))
})

t.test('67: what may be half of something is believed only when nothing is missing', async (t) => {
  const { call, served } = calling(many(3))
  t.equal(call(many(2), { isAtRest: false }), undefined)
  t.match(call(many(4), { isAtRest: false }), { joined: 1 })
  t.equal(served().length, 4)
})

t.test('64: the targets that no other list has', async (t) => {
  const list = (targets: readonly Made[]) => encodeGroups(packed(targets))
  const body = list([...many(4), at('p:1', [['__param_x', '1']])])
  const rest = subtract({ body, others: [list(many(2)), list([at('p:1')])] })
  t.match(rest, { groups: 2, targets: 3 })
  t.same(addressesIn(rest.body), ['host-2:1', 'host-3:1', 'p:1'])
})

// The same with plain objects, target by target: the compact form has to give the same lists.

interface Plain {
  readonly target: Made
  readonly absence?: Absence
}

const identityOf = ({ address, labels }: Target) => address + placeOf(labels)
const sameLabels = (one: Target, other: Target) => JSON.stringify(one.labels) === JSON.stringify(other.labels)

function callPlain(
  known: readonly Plain[],
  roll: Roll,
  targets: readonly Made[],
  reading: Reading,
  occasion: Occasion,
) {
  const { nowMs } = occasion
  const textOf = (target: Made) => `${JSON.stringify(Object.fromEntries(target.labels))} ${target.address}`
  const kept = new Set(known.map(({ target }) => textOf(target)))
  const here = new Set(targets.map(textOf))
  const joined = targets.filter((target) => !kept.has(textOf(target))).map(identityOf)
  const hasMoved = (target: Made) => {
    const at = joined.indexOf(identityOf(target))
    return at !== -1 && joined.splice(at, 1).length > 0
  }
  const missing = known
    .filter(({ target }) => !here.has(textOf(target)))
    .sort((one, other) => (textOf(one.target) < textOf(other.target) ? -1 : 1))
    .filter(({ target }) => !hasMoved(target))
    .map(({ target, absence }) => {
      const isUnreadable = target.key !== undefined && reading.unreadable.has(hashKey(target.key, 0))
      const next = absence
        ? missedAgain(absence, nowMs, isUnreadable)
        : firstMissed(roll.seen, roll.history, nowMs, isUnreadable)
      return { target, absence: next }
    })
  return { missing, present: targets.map((target): Plain => ({ target })) }
}

const made = fc.record({
  address: fc.constantFrom('a:1', 'b:1', 'c:1', 'd:1', 'e:1', 'f:1'),
  site: fc.constantFrom('', 'x', 'y'),
  path: fc.constantFrom('', '/m'),
})

const readings = fc.array(
  fc.record({
    made: fc.uniqueArray(made, { selector: (one) => JSON.stringify(one), maxLength: 12 }),
    unreadable: fc.uniqueArray(fc.constantFrom('a:1', 'b:1', 'c:1', 'd:1')),
    keyless: fc.nat({ max: 2 }),
    ms: fc.constantFrom(100, 2_000, 60_000, 900_000),
    again: fc.boolean(),
  }),
  { minLength: 1, maxLength: 30 },
)

t.test('any readings: the compact roll serves what a plain one serves', async (t) => {
  holds(
    t,
    'served',
    fc.property(readings, (steps) => {
      let nowMs = 0
      let roll = openRoll(readingOf([]), when(0)).roll
      let known: Plain[] = []
      for (const { made: some, unreadable, keyless, ms, again } of steps) {
        nowMs += ms
        const occasion = when(nowMs)
        const targets = some.map(({ address, site, path }) => {
          const labels: [string, string][] = []
          if (path !== '') labels.push(['__metrics_path__', path])
          if (site !== '') labels.push(['site', site])
          return at(address, labels, address)
        })
        const reading = readingOf(targets, { unreadable, keyless, idle: unreadable.length + keyless })
        const { missing, present } = callPlain(known, roll, targets, reading, occasion)
        const called = callRoll(roll, reading, occasion) as Called
        const verdicts = judge(
          missing.map(({ absence }) => [absence, 1] as const),
          {
            nowMs,
            now: called.roll.seen,
            history: called.roll.history,
            present: reading.keys.length,
            all: NOBODY,
          },
          DEFAULT_GUARD,
        )
        const stay = missing.filter((_, index) => verdicts[index]?.leaves === false)
        known = [...present, ...stay]
        // Decided with what left now, as the history tells it: of the same call only the rest can be compared.
        const served = encodeGroups(packed(known.map(({ target }) => target)))
        if (called.left === missing.length - stay.length && !served.equals(called.roll.body)) return false
        roll = called.roll
        known = resync(roll, known, missing)
        if (again) {
          nowMs += ms
          const before = addressesIn(roll.body)
          roll = callAgain(roll, when(nowMs)).roll
          const now = addressesIn(roll.body)
          if (now.some((one) => !before.includes(one))) return false
          known = resync(roll, known, [])
        }
        if (absentIn(roll) > roll.keys.length || roll.absences.length > absentIn(roll)) return false
      }
      return true
    }),
  )
})

/** What is known after a call, by the list that it gave, with the absences of the compact roll. */
function resync(roll: Roll, known: readonly Plain[], missing: readonly Plain[]): Plain[] {
  const groups = JSON.parse(Buffer.from(roll.body).toString()) as { targets: string[]; labels: object }[]
  let place = 0
  return groups.flatMap(({ targets, labels }) =>
    targets.map((address) => {
      const target = at(address, Object.entries(labels), address)
      const number = roll.absenceOf[place++] ?? -1
      const isKnown = [...known, ...missing].some(
        (one) => one.target.address === address && sameLabels(one.target, target),
      )
      if (!isKnown) throw new Error(`${address} was invented`)
      return number === -1 ? { target } : { target, absence: roll.absences[number] as Absence }
    }),
  )
}

t.test(
  '95: two lists are united: whoever has a target keeps it, absent where only the other had it',
  async (t) => {
    const rollOf = (targets: readonly Made[]) => openRoll(readingOf(targets), when(0)).roll
    const [one, other] = [rollOf(many(4)), rollOf(many(4, 2))]
    const united = unite(one, other, 10_000)
    t.same(
      addressesIn(united.body),
      many(6).map(({ address }) => address),
    )
    t.equal(absentIn(united), 2)
    t.match(united.absences, [{ readings: 0, sinceMs: 10_000 }])
    t.equal(united.groups, 1)
    const same = unite(one, one, 10_000)
    t.same([same.body, absentIn(same)], [one.body, 0])
    const gone = [5_000, 10_000, 15_000].reduce(
      (roll, ms) => (callRoll(roll, readingOf(many(4)), when(20_000 + ms)) as Called).roll,
      united,
    )
    t.same(
      addressesIn(gone.body),
      many(4).map(({ address }) => address),
      'and leaves when that is proven',
    )
  },
)

t.test('lists are united whatever their labels: nothing is lost', async (t) => {
  const made = fc.array(
    fc.record({ host: fc.integer({ min: 0, max: 8 }), site: fc.constantFrom('a', 'b', '') }),
    { maxLength: 12 },
  )
  const rollOf = (list: readonly { host: number; site: string }[]) =>
    openRoll(
      readingOf(
        list.map(({ host, site }) => at(`h${host}:1`, site === '' ? [] : [['site', site]], `k${host}`)),
      ),
      when(0),
    ).roll
  const property = fc.property(made, made, (first, second) => {
    const united = new Set(addressesIn(unite(rollOf(first), rollOf(second), 0).body))
    return [...first, ...second].every(({ host }) => united.has(`h${host}:1`))
  })
  holds(t, 'every host of both is in it', property)
})
