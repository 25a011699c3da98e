import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { sha256 } from '../../src/base/bytes.ts'
import { createFiles } from '../../src/base/files.ts'
import { readSealed, writeSealed } from '../../src/base/sealed-file.ts'
import { createPacker } from '../../src/pipeline/pack.ts'
import { createShelves, type Keepable } from '../../src/roll/kept.ts'
import { callRoll, openRoll, type Roll } from '../../src/roll/roll.ts'
import { manualClock, momentOf } from '../helpers/clock.ts'
import { memoryFiles } from '../helpers/memory-files.ts'
import { spawnNode } from '../helpers/node.ts'
import { occasionAt } from '../helpers/occasion.ts'
import { isThorough } from '../helpers/thorough.ts'

function readingOf(targets: readonly string[]) {
  const packer = createPacker()
  for (const [index, address] of targets.entries()) packer.add({ address, labels: [] }, index + 1)
  return { ...packer.pack(), unreadable: new Set<number>(), keyless: 0, idle: 0, isAtRest: true }
}

async function keepable(roll: Roll, lastSuccessMs = 1_000): Promise<Keepable> {
  return { roll, digest: await sha256([roll.body]), changedAtMs: 500, lastSuccessMs }
}

const listOf = (...targets: string[]) => keepable(openRoll(readingOf(targets), occasionAt(0)).roll)

function shelves(t: Test, folder = t.testdir()) {
  const files = createFiles({ clock: manualClock() })
  t.teardown(() => files.close())
  return {
    files,
    folder,
    shelf: (address: string | string[] = 'here', source = 'sensors') =>
      createShelves(files, folder).of(source, address === '' ? [] : [address].flat()),
  }
}

/** What is kept of a source, before its numbers. */
function headIn(folder: string) {
  const [, line = ''] = readFileSync(join(folder, 'sensors.snapshot'), 'utf8').split('\n')
  return JSON.parse(line) as { file: string; origin: string }
}

t.test('rule 8: a list and its roll are loaded as they were kept; absences are counted anew', async (t) => {
  const { shelf } = shelves(t, join(t.testdir(), 'made', 'when needed'))
  t.equal(await shelf().load(momentOf(0)), undefined, 'nothing at first')
  const all = Array.from({ length: 20 }, (_, index) => `host-${index}:1`)
  const first = openRoll(readingOf(all), occasionAt(0)).roll
  const second = callRoll(first, readingOf(all.slice(15)), occasionAt(60_000))?.roll as Roll
  const third = callRoll(second, readingOf(all.slice(15)), occasionAt(120_000))?.roll as Roll
  t.match(third.absences, [{ readings: 2, sinceMs: 60_000 }])
  await shelf().keep(await keepable(third), momentOf(120_000))
  // Another process, whose monotonic clock began anew.
  const kept = await shelf().load({ wallMs: 125_000, monotonicMs: 5_000 })
  t.match(kept, { changedAtMs: 500, lastSuccessMs: 1_000 })
  t.same(kept?.roll.body, third.body)
  for (const key of ['keys', 'absenceOf', 'seen', 'groups'] as const) t.same(kept?.roll[key], third[key], key)
  t.match(kept?.roll.absences, [
    { readings: 0, sinceMs: -60_000, fromMs: 5_000, rollBefore: 20, lastSeen: { selection: 'all' } },
  ])
  t.same(
    kept?.roll.history.sizes,
    [
      { atMs: -115_000, count: 20 },
      { atMs: 5_000, count: 5 },
    ],
    'what happened is as long ago as it was',
  )
})

t.test('a roll that does not say since when targets are missing is one of an earlier version', async (t) => {
  const { shelf, files, folder } = shelves(t)
  const first = openRoll(readingOf(['a:1', 'b:1']), occasionAt(0)).roll
  const second = callRoll(first, readingOf(['a:1']), occasionAt(60_000))?.roll as Roll
  await shelf().keep(await keepable(second), momentOf(60_000))
  const path = join(folder, 'sensors.snapshot')
  const bytes = (await readSealed(files, path)) as Buffer
  const end = bytes.indexOf('\n')
  const { sinceMs, ...head } = JSON.parse(bytes.toString('utf8', 0, end))
  t.same(sinceMs, [60_000])
  await writeSealed(files, path, [Buffer.from(JSON.stringify(head)), bytes.subarray(end)])
  t.match((await shelf().load(momentOf(90_000)))?.roll.absences, [{ sinceMs: 90_000 }])
})

t.test('only what changed is written; that it is right once a minute', async (t) => {
  const { shelf, folder } = shelves(t)
  const one = shelf()
  const list = await listOf('a:1', 'b:1')
  t.equal(await one.keep(list, momentOf(0)), false)
  const written = () => readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs)
  const before = written()
  await one.keep({ ...list, lastSuccessMs: 60_999 }, momentOf(60_999))
  t.same(written(), before)
  await one.keep({ ...list, lastSuccessMs: 61_000 }, momentOf(61_000))
  t.equal(written()[0], before[0], 'the list is as it was')
  t.not(written()[1], before[1])
  await one.keep(await listOf('a:1'), momentOf(62_000))
  t.not(written()[0], before[0])
  t.match(await shelf().load(momentOf(0)), { roll: { keys: new Uint32Array([1]) } })
})

t.test('the folder is read once for the sources of a start, and nothing old stays', async (t) => {
  const { files, folder } = shelves(t)
  let looks = 0
  const counted = {
    ...files,
    list: (path: string) => {
      looks++
      return files.list(path)
    },
  }
  const names = ['a', 'b', 'c']
  const { of: shelf } = createShelves(counted, folder)
  const shelvesOf = () => names.map((name) => shelf(name, ['here']))
  for (const one of shelvesOf()) await one.keep(await listOf('old:1'), momentOf(0))
  t.equal(looks, 1)
  // Those of a reload, soon after: what the others wrote was not there yet when the folder was read.
  const latest = await listOf('new:1')
  for (const one of shelvesOf()) {
    await one.load(momentOf(1_000))
    await one.keep(latest, momentOf(1_000))
  }
  t.equal(looks, 1)
  const list = latest.digest.slice(0, 16)
  t.same(
    readdirSync(folder).sort(),
    names.flatMap((name) => [`${name}.${list}.json`, `${name}.snapshot`]),
  )
  for (const one of shelvesOf()) await one.keep(latest, momentOf(60_000))
  t.equal(looks, 2, 'later it may have others')
})

t.test('what was written since the folder was read is replaced too', async (t) => {
  const { files, folder } = shelves(t)
  let isFull = false
  const { of: shelf } = createShelves(
    {
      ...files,
      async write(path, ...how) {
        if (isFull && path.endsWith('.snapshot')) throw new Error('the disk is full')
        return files.write(path, ...how)
      },
    },
    folder,
  )
  const lists = await Promise.all(['a:1', 'b:1', 'c:1', 'd:1', 'e:1'].map((target) => listOf(target)))
  const [a, b, c, d, e] = lists as [Keepable, Keepable, Keepable, Keepable, Keepable]
  const assertOnly = (list: Keepable, what: string) =>
    t.same(
      readdirSync(folder).sort(),
      [`sensors.${list.digest.slice(0, 16)}.json`, 'sensors.snapshot'].sort(),
      what,
    )
  const one = shelf('sensors', ['here'])
  await one.keep(a, momentOf(0))
  await one.keep(b, momentOf(1_000))
  // A reload: it goes on with the list in memory.
  const other = shelf('sensors', ['there'])
  await other.keep(c, momentOf(2_000))
  assertOnly(c, 'after a reload')
  isFull = true
  await t.rejects(other.keep(d, momentOf(3_000)), { message: 'the disk is full' })
  t.match(await other.load(momentOf(3_000)), { roll: { body: c.roll.body } }, 'the list before is whole')
  isFull = false
  await other.keep(e, momentOf(4_000))
  assertOnly(e, 'after a failure')
})

t.test('lists that are only still right are written in turn, four a second', async (t) => {
  const { files, folder } = shelves(t)
  const { of: shelf } = createShelves(files, folder)
  const [one, other] = [shelf('one', ['here']), shelf('other', ['here'])]
  const list = await listOf('a:1')
  for (const each of [one, other]) await each.keep(list, momentOf(0))
  const written = (name: string) => statSync(join(folder, `${name}.snapshot`), { bigint: true }).mtimeNs
  const before = written('other')
  const later = { ...list, lastSuccessMs: 61_000 }
  for (const each of [one, other]) await each.keep(later, momentOf(61_000))
  t.equal((await shelf('one', ['here']).load(momentOf(0)))?.lastSuccessMs, 61_000)
  t.equal(written('other'), before, 'soon')
  await other.keep(later, momentOf(61_300))
  t.equal((await shelf('other', ['here']).load(momentOf(0)))?.lastSuccessMs, 61_000)
})

t.test('the group file is a file_sd file, and only current ones are there', async (t) => {
  // Others may keep files of theirs in the folder: an inventory, a file_sd file, a copy of either.
  const others = [
    'sensors.json',
    'sensors.targets.json',
    'sensors.backup.json',
    'sensors.tmp',
    'sensors.0123456789abcdef.json.tmp',
    'sensors2.json',
    'sensors2.0123456789abcdef.json',
    'a.sensors.0123456789abcdef.json',
  ]
  const left = `${randomUUID()}.tmp`
  const ours = [
    'sensors.0123456789abcdef.json',
    `sensors.0123456789abcdef.json.${left}`,
    `sensors.snapshot.${left}`,
  ]
  const { shelf, folder } = shelves(
    t,
    t.testdir(Object.fromEntries([...others, ...ours].map((name) => [name, 'text']))),
  )
  const one = shelf()
  await one.keep(await listOf('a:1'), momentOf(0))
  const latest = await listOf('b:1')
  await one.keep(latest, momentOf(0))
  const file = `sensors.${latest.digest.slice(0, 16)}.json`
  const names = readdirSync(folder)
  t.same(names.sort(), [...others, file, 'sensors.snapshot'].sort())
  t.same(JSON.parse(readFileSync(join(folder, file), 'utf8')), [{ targets: ['b:1'], labels: {} }])
  await one.remove()
  t.same(readdirSync(folder).sort(), others.sort())
})

t.test('what cannot be tidied away does not fail what was kept', async (t) => {
  const { shelf } = shelves(t, t.testdir({ 'sensors.0123456789abcdef.json': { in: 'the way' } }))
  const list = await listOf('a:1')
  await shelf().keep(list, momentOf(0))
  t.same((await shelf().load(momentOf(0)))?.roll.body, list.roll.body)
})

t.test('32: a list that is missing, or is another one, is refused', async (t) => {
  const { shelf, folder, files } = shelves(t)
  await shelf().keep(await listOf('a:1'), momentOf(0))
  const path = join(folder, headIn(folder).file)
  const body = readFileSync(path)
  writeFileSync(path, '[]')
  await t.rejects(shelf().load(momentOf(0)), {
    message: /is not the file that was written: its digest differs/,
  })
  rmSync(path)
  await t.rejects(shelf().load(momentOf(0)), { message: /\.json is missing/ })
  writeFileSync(path, body)
  t.ok(await shelf().load(momentOf(0)))
  for (const file of ['../../etc/passwd', '/etc/passwd.json', '..', 'a\\b.json']) {
    const head = Buffer.from(`${JSON.stringify({ ...headIn(folder), file })}\n`)
    await writeSealed(files, join(folder, 'sensors.snapshot'), [head])
    await t.rejects(shelf().load(momentOf(0)), { message: /is damaged: file is/ }, file)
  }
})

t.test(
  '71: the list of another inventory is told apart from that of this one, and from others',
  async (t) => {
    const { shelf } = shelves(t)
    const originOf = async (address: string) => (await shelf(address).load(momentOf(0)))?.otherOrigin
    await shelf('http://inventory/?site=b').keep(await listOf('a:1'), momentOf(0))
    t.equal(await originOf('http://inventory/?site=b'), undefined)
    t.equal(await originOf(''), undefined)
    const other = await originOf('http://inventory/?site=a')
    t.match(other, /^[0-9a-f]{8}$/)
    await shelf('http://inventory/?site=c').keep(await listOf('a:1'), momentOf(0))
    t.not(await originOf('http://inventory/?site=a'), other)
  },
)

t.test('51: what tells inventories apart shows nothing of their addresses', async (t) => {
  const { shelf, folder } = shelves(t)
  await shelf('http://inventory/?token=hunter2').keep(await listOf('a:1'), momentOf(0))
  const origin = () => headIn(folder).origin
  const first = origin()
  await shelf('http://inventory/?token=hunter2').keep(await listOf('a:1'), momentOf(0))
  t.not(origin(), first, 'not even that they are the same')
})

t.test('33: a folder that cannot be written is an error', async (t) => {
  const { shelf } = shelves(t, join(t.testdir({ file: 'not a folder' }), 'file'))
  await t.rejects(shelf().keep(await listOf('a:1'), momentOf(0)))
  await t.rejects(shelf().load(momentOf(0)), { code: 'ENOTDIR' })
})

t.test('33: what somebody removed or replaced is written again, and that is told', async (t) => {
  const { shelf, folder } = shelves(t)
  const [one, other] = [shelf(), shelf()]
  const list = await listOf('a:1')
  await one.keep(list, momentOf(0))
  const { file } = headIn(folder)
  truncateSync(join(folder, file), 5)
  t.equal(await one.keep(list, momentOf(0)), true, 'the list is cut')
  for (const name of [file, 'sensors.snapshot']) {
    rmSync(join(folder, name))
    t.equal(await one.keep(list, momentOf(0)), true, `${name} is gone`)
    t.ok(await shelf().load(momentOf(0)))
  }
  t.equal(await one.keep(list, momentOf(0)), false)
  await other.keep(await listOf('b:1'), momentOf(0))
  t.equal(await one.keep(list, momentOf(0)), true, 'another process kept another list')
  t.same((await shelf().load(momentOf(0)))?.roll.body, list.roll.body)
})

t.test('beyond 100 sources, files are looked for once a minute', async (t) => {
  const { files, folder } = shelves(t)
  const all = createShelves(files, folder)
  const [one] = Array.from({ length: 101 }, (_, index) => all.of(`s${index}`, ['here']))
  const list = await listOf('a:1')
  const keep = (monotonicMs: number) => one?.keep(list, { wallMs: 0, monotonicMs })
  t.equal(await keep(0), false)
  rmSync(join(folder, 's0.snapshot'))
  t.equal(await keep(59_999), false)
  t.equal(await keep(60_000), true)
  t.equal(await keep(120_000), false)
})

t.test('63: what is kept is found again by the names of its sources', async (t) => {
  const { shelf, files, folder } = shelves(t)
  t.same(await createShelves(files, join(folder, 'none')).sources(), [])
  await shelf().keep(await listOf('a:1'), momentOf(0))
  await shelf('here', 'other').keep(await listOf('b:1'), momentOf(0))
  t.same((await createShelves(files, folder).sources()).sort(), ['other', 'sensors'])
  t.ok(await shelf('').load(momentOf(0)), 'whatever its address was')
})

/** Enough targets for a list whose small changes are appended. */
const LARGE = 6_000

const largeList = (other: ReadonlySet<number>) =>
  listOf(
    ...Array.from({ length: LARGE }, (_, index) => `sensor-${index}${other.has(index) ? '.other' : ''}:9100`),
  )

t.test('of a large list a small change is appended, until the whole is written again', async (t) => {
  const { shelf, folder } = shelves(t)
  const one = shelf()
  const sizeOf = () => statSync(join(folder, 'sensors.snapshot')).size
  const first = await largeList(new Set())
  await one.keep(first, momentOf(0))
  const whole = sizeOf()
  const { file } = headIn(folder)
  let before = whole
  let list = first
  for (let changes = 1; changes <= 10; changes++) {
    list = await largeList(new Set(Array(changes).keys()))
    t.equal(await one.keep(list, momentOf(changes)), false)
    const more = sizeOf() - before
    t.ok(more > 0 && more < 2_000, `${more} bytes`)
    before += more
    const kept = await shelf().load(momentOf(changes))
    t.same(kept?.roll.body, list.roll.body)
    t.same(kept?.roll.keys, list.roll.keys)
  }
  t.equal(headIn(folder).file, file, 'the groups are as they were written')
  t.equal(await one.keep(list, momentOf(11)), false)
  t.equal(sizeOf(), before, 'nothing changed')
  await one.keep({ ...list, lastSuccessMs: 61_000 }, momentOf(61_000))
  t.equal((await shelf().load(momentOf(0)))?.lastSuccessMs, 61_000)
  t.ok(sizeOf() < before + 2_000)
  await one.keep(await largeList(new Set(Array(LARGE).keys())), momentOf(62_000))
  t.ok(sizeOf() < whole + 500, 'more than appending is worth')
  t.not(headIn(folder).file, file)
  const sizes = new Set<number>()
  for (let changes = 0; changes < 200; changes++) {
    list = await largeList(new Set([changes]))
    await one.keep(list, momentOf(63_000 + changes))
    sizes.add(sizeOf())
  }
  t.ok(Math.max(...sizes) < whole + first.roll.body.length, 'it does not grow for ever')
  t.same((await shelf().load(momentOf(0)))?.roll.body, list.roll.body)
})

t.test('33: after somebody changed what was kept, nothing is appended to it', async (t) => {
  const { shelf, folder } = shelves(t)
  const [one, other] = [shelf(), shelf()]
  await one.keep(await largeList(new Set()), momentOf(0))
  await other.keep(await largeList(new Set([1])), momentOf(0))
  t.equal(await one.keep(await largeList(new Set([2])), momentOf(0)), true)
  const body = (await shelf().load(momentOf(0)))?.roll.body
  t.same(body, (await largeList(new Set([2]))).roll.body)
  // The groups without the changes are another list.
  await one.keep(await largeList(new Set([3])), momentOf(0))
  const path = join(folder, 'sensors.snapshot')
  const [{ file }, whole] = [headIn(folder), readFileSync(path)]
  writeFileSync(join(folder, file), (await largeList(new Set([4]))).roll.body)
  await t.rejects(shelf().load(momentOf(0)), { message: /its digest differs/ })
  writeFileSync(path, whole.subarray(0, -1))
  await t.rejects(shelf().load(momentOf(0)), { message: /its digest differs/ })
})

t.test(
  '32: a list with a change missing, or with one twice, is refused; without the last it is the one before',
  async (t) => {
    const { shelf, folder } = shelves(t)
    const one = shelf()
    const path = join(folder, 'sensors.snapshot')
    const ends: number[] = []
    for (let changes = 0; changes <= 3; changes++) {
      await one.keep(await largeList(new Set(Array(changes).keys())), momentOf(changes))
      ends.push(statSync(path).size)
    }
    const whole = readFileSync(path)
    const parts = ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end))
    const load = (...places: readonly number[]) => {
      writeFileSync(path, Buffer.concat(places.map((place) => parts[place] as Buffer)))
      return shelf().load(momentOf(9))
    }
    t.match(await load(0, 1, 2, 3), { isCut: false })
    for (const places of [
      [0, 2, 3],
      [0, 1, 3],
      [0, 1, 1, 2],
      [0, 0],
    ])
      await t.rejects(
        load(...places),
        { message: /sensors\.snapshot is damaged: change \d is missing/ },
        `${places}`,
      )
    writeFileSync(path, whole.subarray(0, -1))
    const before = await largeList(new Set([0, 1]))
    t.match(await shelf().load(momentOf(9)), { isCut: true, roll: { body: before.roll.body } })
  },
)

t.test(
  'rule 8: whatever fails, the list that is loaded is the last one that was kept, or one after it',
  async () => {
    type Fault = 'none' | 'append' | 'write' | 'torn' | 'kill'
    type Step = { changed: number[]; passesMs: number; fault: Fault }
    const step = fc.record({
      changed: fc.uniqueArray(fc.nat({ max: LARGE - 1 }), { maxLength: 4 }),
      passesMs: fc.constantFrom(0, 1_000, 61_000),
      fault: fc.constantFrom<Fault[]>('none', 'none', 'none', 'append', 'write', 'torn', 'kill'),
    })
    const run = async (steps: readonly Step[]) => {
      const clock = manualClock()
      const files = memoryFiles({ clock })
      const open = () => createShelves(files, '/data').of('sensors', ['here'])
      let shelf = open()
      let nowMs = 0
      // What may be on disk, the last one that was certainly kept first.
      let possible: Buffer[] = []
      for (const { changed, passesMs, fault } of steps) {
        nowMs += passesMs
        const list = { ...(await largeList(new Set(changed))), lastSuccessMs: nowMs }
        const body = Buffer.from(list.roll.body)
        if (fault === 'append') files.fail('/data', 'EIO', ['append'])
        if (fault === 'write') files.fail('/data', 'ENOSPC', ['append', 'write'])
        const isKept = await shelf.keep(list, momentOf(nowMs)).then(
          () => true,
          () => false,
        )
        files.fail('/data', undefined)
        possible = isKept ? [body] : [...possible, body]
        if (fault === 'torn') {
          const text = files.contents()['/data/sensors.snapshot']
          if (text !== undefined)
            await files.append('/data/sensors.snapshot', Buffer.from('{"format":4,"sha'))
        }
        if (fault === 'kill' || fault === 'torn') shelf = open()
        const loaded = await open().load(momentOf(nowMs))
        const isOne = possible.some((one) => one.equals(Buffer.from(loaded?.roll.body ?? [])))
        if (!isOne && possible.length > 0 && !(loaded === undefined && !isKept)) return false
      }
      return true
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), run), {
      numRuns: isThorough ? 60 : 15,
    })
  },
)

/** How often the writer is killed, at moments that are spread over its first 140 ms. */
const KILLS = isThorough ? 200 : 20

for (const [what, size, changed] of [
  ['a list', 500, 500],
  ['a large list, to which small changes are appended', LARGE, 3],
] as const) {
  t.test(
    `31: a writer of ${what} that is killed at any moment, ${KILLS} times, leaves the old one or a new one`,
    { timeout: 230_000 },
    async (t) => {
      const folder = t.testdir()
      const path = (name: string) => JSON.stringify(resolve(`build/src/${name}.js`))
      const script = `
const [{ createShelves }, { createFiles }, { systemClock }, { openRoll }, { DEFAULT_GUARD }, { createPacker }, { sha256 }] =
  await Promise.all([${['roll/kept', 'base/files', 'base/clock', 'roll/roll', 'roll/rules', 'pipeline/pack', 'base/bytes'].map(path).join(',')}].map((path) => import(path)))
const shelf = createShelves(createFiles({ clock: systemClock }), ${JSON.stringify(folder)}).of('sensors', ['here'])
for (let round = 0; ; round++) {
  const packer = createPacker()
  for (let index = 0; index < ${size}; index++) {
    const port = index < ${changed} ? 2 + (round % 60000) : 1
    packer.add({ address: 'sensor-' + index + ':' + port, labels: [] }, port)
  }
  const reading = { ...packer.pack(), unreadable: new Set(), keyless: 0, idle: 0, isAtRest: true }
  const { roll } = openRoll(reading, { nowMs: 0, startedMs: 0, selection: '', options: DEFAULT_GUARD, all: { left: 0, roll: 0, options: DEFAULT_GUARD } })
  await shelf.keep({ roll, digest: await sha256([roll.body]), changedAtMs: round, lastSuccessMs: 1000 }, { wallMs: 0, monotonicMs: 0 })
  if (round === 0) console.log('first')
}`
      for (let kill = 0; kill < KILLS; kill++) {
        const child = spawnNode(['--input-type=module', '-e', script], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        await once(child.stdout as Readable, 'data')
        await new Promise<void>((done) => void setTimeout(done, (140 * kill) / KILLS))
        child.kill('SIGKILL')
        await once(child, 'close')
        const kept = await shelves(t, folder).shelf().load(momentOf(0))
        const [group] = JSON.parse(Buffer.from(kept?.roll.body ?? []).toString()) as { targets: string[] }[]
        const ports = group?.targets.map((target) => Number(target.split(':')[1])) ?? []
        t.equal(ports.length, size)
        t.equal(new Set(ports.filter((port) => port > 1)).size, 1, 'one generation')
        t.equal(ports.filter((port) => port > 1).length, changed)
        t.same([...(kept?.roll.keys ?? [])], ports, 'and the roll is of it')
      }
    },
  )
}
