import { constants, deflateRawSync } from 'node:zlib'
import t from 'tap'
import { decodeGeneration, descends, encodeGeneration, type Signing } from '../../src/cluster/generation.ts'
import { NO_CHANGE, type SharedList } from '../../src/refresh/sharing.ts'
import type { Roll } from '../../src/roll/roll.ts'
import { NO_HISTORY } from '../../src/roll/rules.ts'
import { freeze } from '../../src/snapshot/freeze.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'

const NOW = { wallMs: 1_000_000, monotonicMs: 5_000 }

const signing = (change: Partial<Signing> = {}): Signing => ({
  source: 'sensors',
  key: 'a key',
  storeMs: 2_000_000,
  now: NOW,
  ...change,
})

async function listOf(count: number): Promise<SharedList> {
  // Random names, so that the list stays long when it is compressed.
  const targets = Array.from(
    { length: count },
    (_, index) => `${(index * 2654435761) >>> 0}-${index}:9100`,
  ).sort()
  const body = encodeGroups(count === 0 ? [] : [{ targets, labels: [] }])
  const snapshot = await freeze(body, { groups: Math.min(count, 1), targets: count }, 900_000)
  const absence = {
    lastSeen: { selection: 'all', idle: 0, unrecognised: 0 },
    ...{
      rollBefore: count,
      readings: 1,
      sinceMs: 4_000,
      fromMs: 4_000,
      countedMs: 4_500,
      isUnreadable: false,
    },
  }
  const roll: Roll = {
    ...{ body, groups: snapshot.groups, keys: Uint32Array.from(targets, (_, index) => index) },
    absenceOf: Int32Array.from(targets, (_, index) => (index === 0 ? 0 : -1)),
    ...{ absences: [absence], seen: absence.lastSeen, history: NO_HISTORY, accepted: ['d'] },
    held: [
      {
        ...{ reason: 'too_many', digest: 'e', absences: [0], targets: 1, samples: ['x'] },
        ...{ sinceMs: 4_000, untilMs: 9_000 },
      },
      {
        reason: 'configuration',
        digest: 'f',
        absences: [0],
        targets: 1,
        samples: [],
        sinceMs: 1,
        untilMs: undefined,
      },
    ],
  }
  return { roll, snapshot, lastSuccess: { wallMs: 999_000, monotonicMs: 4_000 }, change: NO_CHANGE }
}

t.test('what is stored is what was, on whichever clock it is read', async (t) => {
  for (const count of [0, 3, 20_000]) {
    const list = await listOf(count)
    const stored = encodeGeneration(list, 7, [6, 4], signing())
    // An hour earlier on the wall clock, two seconds later, and the machine was started a while ago.
    const other = signing({
      storeMs: 2_002_000,
      now: { wallMs: 1_000_000 - 3_600_000, monotonicMs: 100_000 },
    })
    const read = await decodeGeneration(stored, undefined, other)
    t.same(read.snapshot.body, list.snapshot.body)
    t.same(Buffer.concat(read.snapshot.gzip), Buffer.concat(list.snapshot.gzip), 'byte for byte')
    t.equal(read.snapshot.changedAtMs, 900_000)
    t.same(read.lastSuccess, { wallMs: 1_000_000 - 3_600_000 - 3_000, monotonicMs: 97_000 })
    t.same(read.ancestors, [6, 4])
    t.same(read.roll.keys, list.roll.keys)
    t.same(read.roll.absenceOf, list.roll.absenceOf)
    t.match(read.roll.absences, [{ readings: 1, sinceMs: 97_000, countedMs: 97_500 }])
    t.match(read.roll.held, [{ sinceMs: 97_000, untilMs: 102_000 }, { untilMs: undefined }])
    const again = encodeGeneration(read, 8, [7, 6, 4], other)
    t.equal(
      (await decodeGeneration({ ...again, list: undefined }, read.snapshot, other)).snapshot,
      read.snapshot,
    )
    const later = { ...read.snapshot, changedAtMs: 1 }
    const taken = await decodeGeneration({ ...again, list: undefined }, later, other)
    t.equal(taken.snapshot.changedAtMs, 900_000)
  }
})

/** A generation that is signed with another compressed list than its own. */
function packedAs(list: SharedList, deflated: Buffer) {
  const { snapshot } = list
  const part = { ...snapshot.part, deflated }
  return encodeGeneration({ ...list, snapshot: { ...snapshot, part } }, 7, [6, 4], signing())
}

t.test('94: what another wrote, or was changed, is not read', async (t) => {
  const list = await listOf(3)
  const stored = encodeGeneration(list, 7, [6, 4], signing())
  const other = encodeGeneration(await listOf(4), 8, [], signing())
  const spoilt = Buffer.from(stored.head)
  spoilt[40] = (spoilt[40] as number) ^ 1
  for (const [what, generation, by, message] of [
    ['another key', stored, signing({ key: 'other' }), /signature/],
    ['another source', stored, signing({ source: 'others' }), /signature/],
    ['a changed byte', { ...stored, head: spoilt }, signing(), /signature/],
    ['too short', { ...stored, head: Buffer.from('short') }, signing(), /signature/],
    ['another generation', { ...stored, generation: 8 }, signing(), /another generation/],
    ['another digest', { ...stored, digest: other.digest }, signing(), /another generation or list/],
    ['another list', { ...stored, list: other.list }, signing(), /not the one that was signed/],
    ['no list', { ...stored, list: undefined }, signing(), /missing/],
    ['a changed list', { ...stored, list: Buffer.from([7, 7, 7]) }, signing(), /not the one/],
    ['no deflate', packedAs(list, Buffer.from([7, 7, 7])), signing(), /cannot be read/],
    [
      'shorter groups',
      packedAs(list, deflateRawSync('{}', { finishFlush: constants.Z_FULL_FLUSH })),
      signing(),
      /cannot be read: \d+ bytes/,
    ],
    ['no deflate, and long', packedAs(list, Buffer.alloc(40_000, 7)), signing(), /cannot be read/],
  ] as const) {
    await t.rejects(decodeGeneration(generation, undefined, by), { name: 'GenerationError', message }, what)
  }
})

t.test('which generation has all of another', async (t) => {
  t.ok(descends([9, 7, 5], 7))
  t.ok(descends([9, 7, 5], 4), 'it was only slow')
  t.ok(descends([], 4), 'nothing is known of those before')
  t.notOk(descends([9, 7, 5], 8), 'both were made of 7')
  t.notOk(descends([9, 7, 5], 10))
  t.notOk(descends([0], 4), 'it began with nothing')
  t.notOk(descends([9, 7, 0], 4), 'so did the first before it')
})
