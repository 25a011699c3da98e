import t from 'tap'
import {
  type Absence,
  type Circumstances,
  countedAnew,
  DEFAULT_GUARD,
  discounted,
  firstMissed,
  type GuardOptions,
  isEmptyBelieved,
  isTooMany,
  judge,
  missedAgain,
  NO_HISTORY,
  remember,
  type Situation,
  sumOf,
  type Verdict,
} from '../../src/roll/rules.ts'

// The rules of "When a target leaves", one after the other.

const SAME: Circumstances = { selection: 'all', idle: 0, unrecognised: 0 }

/** An absence that so many readings of a roll of 100 have shown, the last one at this time. */
const absence = (given: Partial<Absence> = {}): Absence => ({
  lastSeen: SAME,
  rollBefore: 100,
  readings: 2,
  sinceMs: 0,
  fromMs: given.sinceMs ?? 0,
  countedMs: 0,
  isUnreadable: false,
  ...given,
})

const NOBODY = { left: 0, roll: 1e9, options: { maxDrop: 1, minTargets: 0 } }

/** What is decided about absences, each with its number of targets. */
function decide(
  absences: readonly (readonly [Absence, number])[],
  situation: Partial<Situation> = {},
  options: Partial<GuardOptions> = {},
) {
  const all = { nowMs: 2_000, now: SAME, history: NO_HISTORY, present: 100, all: NOBODY, ...situation }
  return judge(absences, all, { ...DEFAULT_GUARD, ...options })
}

const LEAVES = { leaves: true } as const

t.test('rule 2: enough readings in a row have to lack a target', async (t) => {
  t.match(decide([[absence({ readings: 1 }), 1]]), [{ leaves: false, reason: 'unconfirmed' }])
  t.match(decide([[absence(), 1]]), [LEAVES])
  t.match(decide([[absence({ readings: 3 }), 1]], {}, { confirmations: 4 }), [{ reason: 'unconfirmed' }])
  t.match(decide([[absence({ readings: 1 }), 1]], {}, { confirmations: 1 }), [LEAVES], 'push needs one')
})

t.test('rule 2: and the grace has to pass', async (t) => {
  t.match(decide([[absence(), 1]], { nowMs: 59_999 }, { graceMs: 60_000 }), [
    { reason: 'unconfirmed', untilMs: 60_000 },
  ])
  t.match(decide([[absence(), 1]], { nowMs: 60_000 }, { graceMs: 60_000 }), [LEAVES])
})

t.test('rule 2: readings within a second of another do not count', async (t) => {
  const first = firstMissed(SAME, NO_HISTORY, 5_000, false)
  t.match(first, { readings: 1, sinceMs: 5_000, countedMs: 5_000 })
  t.equal(missedAgain(first, 5_999, false), first)
  t.match(missedAgain(first, 6_000, false), { readings: 2, sinceMs: 5_000, countedMs: 6_000 })
  t.equal(missedAgain(first, 9_000, false, 5_999), first, 'what was asked for within it, and came late')
  t.match(missedAgain(first, 9_000, false, 6_000), { readings: 2, countedMs: 9_000 })
})

t.test(
  'rule 3: while its record is there and cannot be read a target stays, and nothing counts',
  async (t) => {
    const unreadable = missedAgain(absence({ readings: 1 }), 1_000, true)
    t.match(unreadable, { isUnreadable: true, readings: 1 })
    t.equal(missedAgain(unreadable, 9_000, true), unreadable)
    t.match(decide([[unreadable, 1]], { nowMs: 1e9 }), [{ leaves: false, reason: 'unreadable' }])
    t.match(missedAgain(unreadable, 9_000, false), { isUnreadable: false, readings: 1, sinceMs: 9_000 })
  },
)

t.test('rule 3: more records that cannot be recognised let nothing leave', async (t) => {
  const before = absence({ lastSeen: { ...SAME, unrecognised: 5 } })
  const now = (unrecognised: number) => ({ now: { ...SAME, unrecognised }, nowMs: 1e9 })
  t.match(decide([[before, 1]], now(6)), [
    { leaves: false, reason: 'unreadable_records', untilMs: undefined },
  ])
  t.match(decide([[before, 1]], now(5)), [LEAVES], 'as many as before prove nothing')
})

t.test('rule 4: more than max_drop within an hour is held', async (t) => {
  t.match(decide([[absence(), 50]]), [LEAVES])
  t.match(decide([[absence(), 51]]), [{ leaves: false, reason: 'too_many', untilMs: 900_000 }])
  const history = { ...NO_HISTORY, left: [{ atMs: 0, count: 50 }] }
  t.match(decide([[absence(), 1]], { history }), [{ reason: 'too_many' }], 'with what left before')
  t.match(
    decide([
      [absence(), 26],
      [absence(), 25],
    ]),
    [{ reason: 'too_many' }, { reason: 'too_many' }],
  )
})

t.test('rule 4: of a small roll no more than min_targets are held, unless they are all', async (t) => {
  const small = absence({ rollBefore: 12 })
  t.match(decide([[small, 10]]), [LEAVES])
  t.match(decide([[small, 11]]), [{ reason: 'too_many' }])
  t.match(decide([[absence({ rollBefore: 3 }), 3]], { present: 0 }), [{ reason: 'too_many' }])
  t.match(
    decide([[absence({ rollBefore: 3 }), 3]], { present: 2 }),
    [{ reason: 'too_many' }],
    'all that were',
  )
})

t.test('rule 4: what is held leaves after hold, and three readings', async (t) => {
  const many = (readings: number) => [[absence({ readings }), 60]] as const
  t.match(decide(many(99), { nowMs: 899_999 }), [{ leaves: false }])
  t.match(decide(many(2), { nowMs: 1e9 }), [{ leaves: false }])
  t.match(decide(many(3), { nowMs: 900_000 }), [LEAVES])
  t.match(decide(many(3), { nowMs: 0 }, { holdMs: 0 }), [LEAVES])
})

t.test('rule 4: what is held needs no less than what is not: confirmations, and the grace', async (t) => {
  const drop = (readings: number) => [[absence({ readings }), 60]] as const
  const slow = { graceMs: 7_200_000, confirmations: 5 }
  t.match(decide(drop(5), { nowMs: 7_199_999 }, slow), [{ reason: 'too_many', untilMs: 7_200_000 }])
  t.match(decide(drop(4), { nowMs: 7_200_000 }, slow), [{ reason: 'too_many' }])
  t.match(decide(drop(5), { nowMs: 7_200_000 }, slow), [LEAVES])
})

t.test('rule 4: nothing at all is believed after hold_empty', async (t) => {
  const all = [[absence({ readings: 9 }), 100]] as const
  t.match(decide(all, { present: 0, nowMs: 900_000 }), [{ reason: 'all', untilMs: 86_400_000 }])
  t.match(decide(all, { present: 0, nowMs: 86_400_000 }), [LEAVES])
  const few = [[absence({ readings: 9, rollBefore: 9 }), 9]] as const
  t.match(decide(few, { present: 0, nowMs: 900_000 }), [LEAVES], 'of fewer than min_targets after hold')
  const rest = [...all, [absence({ isUnreadable: true }), 1]] as const
  t.match(decide(rest, { present: 0, nowMs: 900_000 })[0], LEAVES, 'one that cannot be read is left')
})

t.test('rule 4: only an operator lets those leave whose records make no target any more', async (t) => {
  const grown = (idle: number) => ({ now: { ...SAME, idle }, nowMs: 1e9 })
  t.match(decide([[absence({ readings: 9 }), 60]], grown(29)), [LEAVES])
  t.match(decide([[absence({ readings: 9 }), 60]], grown(30)), [
    { reason: 'idle_records', untilMs: undefined },
  ])
  t.match(decide([[absence(), 50]], grown(100)), [LEAVES], 'of few that is what filters are for')
})

t.test('rule 4: and those that went when the configuration changed', async (t) => {
  const changed = { now: { ...SAME, selection: 'other' }, nowMs: 1e9 }
  t.match(decide([[absence({ readings: 9 }), 60]], changed), [
    { reason: 'configuration', untilMs: undefined },
  ])
  t.match(decide([[absence(), 50]], changed), [LEAVES])
})

t.test('rules 3 and 4: a reading that an operator would have to judge proves nothing', async (t) => {
  const blind = { now: { ...SAME, selection: 'wrong' }, nowMs: 1e9 }
  const [verdict] = decide([[absence({ readings: 9 }), 60]], blind)
  t.match(verdict, { leaves: false, reason: 'configuration' })
  const after = discounted(absence({ readings: 9 }), verdict as Verdict)
  t.match(after, { readings: 0, sinceMs: 0 }, 'they are missing since then all the same')
  const again = missedAgain(after, 1e9 + 2_000, false)
  t.match(again, { readings: 1, fromMs: 1e9 + 2_000 })
  t.match(decide([[again, 60]], { nowMs: 1e9 + 2_000 }), [{ reason: 'too_many', untilMs: 1e9 + 902_000 }])
  const [other] = decide([[absence({ readings: 9 }), 60]])
  t.match(discounted(absence({ readings: 9 }), other as Verdict), { readings: 9 })
})

t.test('rule 4: an inventory that flaps is held', async (t) => {
  const returned = (...tallies: [atMs: number, count: number][]) => ({
    history: { ...NO_HISTORY, returned: tallies.map(([atMs, count]) => ({ atMs, count })) },
  })
  const row = absence({ sinceMs: 1_000 })
  t.match(decide([[row, 6]], returned([2_000, 19])), [{ reason: 'flapping', untilMs: 901_000 }])
  t.match(decide([[row, 30]], returned([2_000, 2])), [LEAVES], 'a few that came back are no reason')
  t.match(decide([[row, 1]], returned([500, 1])), [LEAVES], 'nor one that did before')
  t.match(decide([[row, 1]], returned([400, 1], [500, 1])), [{ reason: 'flapping' }], 'but twice is')
})

t.test('rule 5: the same holds for all sources together', async (t) => {
  const options = { maxDrop: 0.5, minTargets: 10 }
  t.match(decide([[absence(), 7]], { all: { left: 44, roll: 100, options } }), [
    { reason: 'too_many_of_all' },
  ])
  t.match(decide([[absence(), 6]], { all: { left: 44, roll: 100, options } }), [LEAVES])
  t.equal(isTooMany(51, { left: 0, roll: 100, options }), true)
})

t.test('rule 7: a first list that is empty is believed after three readings over a minute', async (t) => {
  t.equal(isEmptyBelieved(2, 0, 1e9), false)
  t.equal(isEmptyBelieved(9, 0, 59_999), false)
  t.equal(isEmptyBelieved(3, 0, 60_000), true)
})

t.test('rule 8: after a restart absences are counted anew', async (t) => {
  const before = absence({ readings: 9, isUnreadable: true })
  t.match(countedAnew(before, 7_000, 3_000), {
    readings: 0,
    sinceMs: 3_000,
    fromMs: 7_000,
    rollBefore: 100,
    isUnreadable: true,
  })
  t.match(
    missedAgain(countedAnew(absence(), 7_000, 7_000), 7_000, false),
    { readings: 1 },
    'the first reading counts',
  )
})

t.test('what happened is forgotten after an hour, and of the sizes the largest are known', async (t) => {
  let history = remember(NO_HISTORY, 0, { left: 1, returned: 0, sizes: 100 })
  history = remember(history, 1_000, { left: 0, returned: 2, sizes: 80 })
  history = remember(history, 2_000, { left: 3, returned: 0, sizes: 90 })
  t.same(history.sizes, [
    { atMs: 0, count: 100 },
    { atMs: 2_000, count: 90 },
  ])
  t.equal(sumOf(history.left), 4)
  t.equal(firstMissed(SAME, history, 2_000, false).rollBefore, 100)
  history = remember(history, 3_601_000, { left: 0, returned: 0, sizes: 10 })
  t.same(history, {
    left: [{ atMs: 2_000, count: 3 }],
    returned: [{ atMs: 1_000, count: 2 }],
    sizes: [
      { atMs: 2_000, count: 90 },
      { atMs: 3_601_000, count: 10 },
    ],
  })
})
