import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Files } from '../../../src/base/files.ts'
import { manualClock } from '../../helpers/clock.ts'
import { diskFiles } from '../../helpers/files.ts'
import { memoryFiles } from '../../helpers/memory-files.ts'
import { idsIn, pushSource } from '../../helpers/push-source.ts'
import { until } from '../../helpers/until.ts'

t.test('registrations survive a restart, and nobody runs out before a whole time to live', async (t) => {
  const first = pushSource(t)
  await first.source.open?.()
  t.match(first.lines.at(-1), { seconds: 45, why: 'nothing was kept of an earlier process' })
  first.put('a', { ttl: '10s' })
  first.put('b', { labels: { site: 'x' } as never })
  first.clock.pass(9_000)
  await first.source.close()
  t.same(first.kept(), [
    { id: 'a', ttl_ms: 10_000, address: 'a:9100', labels: {} },
    { id: 'b', ttl_ms: 90_000, address: 'b:9100', labels: { site: 'x' } },
  ])

  const { source, read, clock, lines, metric } = pushSource(t, {}, { folder: first.folder })
  await source.open?.()
  source.watch?.(() => {})
  t.match(lines.at(-1), { instances: 2, msg: /^instances that were kept on disk are known/ })
  t.equal(await metric('push_instances'), 2)
  clock.pass(9_999)
  t.same(await idsIn(read()), ['a', 'b'], 'there is a list at once')
  clock.pass(1)
  t.same(await idsIn(read()), ['b'])
})

t.test('many changes are one write, a second later, and heartbeats are none', async (t) => {
  const bodies: string[] = []
  const write: Files['write'] = (path, body, options) => {
    bodies.push(Buffer.from(body).toString())
    return diskFiles.write(path, body, options)
  }
  const { put, clock, source } = pushSource(t, {}, { files: { ...diskFiles, write } })
  for (let index = 0; index < 100; index++) put(`a${index}`)
  clock.pass(999)
  t.equal(bodies.length, 0)
  clock.pass(1)
  await until('the write', () => bodies.length === 1)
  put('a1')
  clock.pass(10_000)
  await source.close()
  t.equal(bodies.length, 1)
  source.instances.leave('a1')
  await source.close()
  t.equal(JSON.parse(bodies.at(-1) ?? '').instances.length, 99, 'the end does not wait')
})

t.test('what is no list of instances is not used, and devices get time to register', async (t) => {
  const rows: [what: string, text: string, why: RegExp][] = [
    ['cut off', '{"format":1,"inst', /^what was kept is not used: .*JSON/],
    ['null', 'null', /has the format undefined, not 1: another version wrote it$/],
    ['another version', '{"format":2}', /has the format 2, not 1/],
    ['no list', '{"format":1,"instances":{}}', /holds no list of instances$/],
    ['no id', '{"format":1,"instances":[{"id":"a/b","ttl_ms":1,"address":"a"}]}', /^1 of 1 that were kept/],
  ]
  for (const [what, text, why] of rows) {
    const { source, path, put, read, clock, lines, kept, messages } = pushSource(t)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    await source.open?.()
    t.match(lines.at(-1), { why }, what)
    let told = 0
    source.watch?.(() => told++)
    put('b')
    await t.rejects(
      read(),
      { reason: 'settling', retryAfterMs: 45_010, message: /have 45 s to register/ },
      what,
    )
    clock.pass(44_999)
    t.equal(told, 0, `${what}: not before`)
    clock.pass(1)
    t.equal(told, 1)
    t.same(await idsIn(read()), ['b'], what)
    await source.close()
    t.match(kept(), [{ id: 'b' }])
    t.equal(readFileSync(`${path}.bad`, 'utf8'), text, `${what}: it is still there`)
    t.ok(messages().includes('what was kept was set aside; see what is wrong with it'))
    await source.remove?.()
  }
})

t.test(
  'another time to live is kept: one that lasts for long is not believed briefly after a crash',
  async (t) => {
    const { source, put, clock, kept } = pushSource(t)
    put('a', { ttl: '10s' })
    clock.pass(1_000)
    await until('it is written', () => kept()?.length === 1)
    put('a', { ttl: '1h' })
    clock.pass(1_000)
    await until('it is written', () => kept()[0].ttl_ms === 3_600_000)
    await source.close()
  },
)

t.test(
  'however many there are, the list of them is whole, and others get their turn meanwhile',
  async (t) => {
    const { source, put, read, kept } = pushSource(t, { maxInstances: 20_000 })
    const ids = Array.from({ length: 12_345 }, (_, index) => `device-${index}-${'x'.repeat(200)}`)
    for (const id of ids) put(id, { address: 'a:1' })
    let turns = 0
    const turn = () => {
      if (turns++ === 0) {
        put(ids[0] as string, { address: 'changed:1' })
        source.instances.leave(ids[1] as string)
      }
      immediate = setImmediate(turn)
    }
    let immediate = setImmediate(turn)
    const reading = idsIn(read())
    t.same(await reading, ids, 'as it was when it was asked for')
    clearImmediate(immediate)
    t.ok(turns >= 2, `${turns} turns`)
    await source.close()
    t.equal(kept().length, 12_344)
    t.equal(kept()[0].address, 'changed:1')
  },
)

t.test('a write that fails is told once, counted, and made up for', async (t) => {
  const { source, put, clock, path, kept, messages, metric } = pushSource(t)
  mkdirSync(dirname(dirname(path)), { recursive: true })
  writeFileSync(dirname(path), 'a file in the place of the folder')
  put('a')
  clock.pass(1_000)
  const failed = (times: number) =>
    until(
      'it fails',
      async () => (await metric('source_write_failures_total', { file: 'registrations' })) === times,
    )
  await failed(1)
  clock.pass(10_000)
  await failed(2)
  rmSync(dirname(path))
  clock.pass(10_000)
  await until('it is written', () => messages().includes('instances written again'))
  t.same(kept().length, 1)
  t.equal(messages().filter((message) => message === 'instances not written; check the disk').length, 1)
  await source.close()
})

t.test('what is removed leaves nothing behind, not even by a write that is late', async (t) => {
  const { source, put, clock, path, kept, metric } = pushSource(t)
  put('a')
  await source.close()
  t.equal(kept().length, 1)
  t.equal(await metric('push_instances'), 1)
  put('b')
  await source.remove?.()
  t.notOk(existsSync(path))
  put('c')
  clock.pass(60_000)
  await source.close()
  t.notOk(existsSync(path))
  t.throws(() => readFileSync(path))
})

t.test('without a folder nothing is kept', async (t) => {
  const { source, put, read, clock, lines } = pushSource(t, { ttlMs: 10_000 }, { folder: '' })
  await source.open?.()
  t.match(lines.at(-1), { seconds: 5 })
  put('a')
  clock.pass(5_000)
  t.same(await idsIn(read()), ['a'])
  await source.close()
  await source.remove?.()
})

t.test('an instance that cannot be used costs no other, and gets time to register', async (t) => {
  const good = (id: string) => ({ id, ttl_ms: 90_000, address: `${id}:9100`, labels: {} })
  const rows: [what: string, bad: unknown, why: string][] = [
    ['no address', { id: 'x', ttl_ms: 1 }, 'instance 2: address is missing; write one, as in'],
    ['no id', { ...good('x'), id: undefined }, 'instance 2: it has no id'],
    ['a bad id', good('a/b'), 'instance 2: it has no id'],
    ['a number for an id', { ...good('x'), id: 7 }, 'instance 2: it has no id'],
    ['no time', { ...good('x'), ttl_ms: 0 }, 'instance 2: it has no time to live'],
    ['a text for a time', { ...good('x'), ttl_ms: '9' }, 'instance 2: it has no time to live'],
    ['no label', { ...good('x'), labels: { 'a b': 'c' } }, 'instance 2: labels: "a b" is not a label name'],
    ['nothing', null, 'instance 2: it is null, not an object'],
  ]
  for (const [what, bad, why] of rows) {
    const { source, path, put, read, clock, lines, kept } = pushSource(t)
    mkdirSync(dirname(path), { recursive: true })
    const text = JSON.stringify({ format: 1, instances: [good('a'), bad, good('c')] })
    writeFileSync(path, text)
    await source.open?.()
    source.watch?.(() => {})
    const told = lines.find(({ msg }) => String(msg).startsWith('instances that were kept cannot be used'))
    t.match(told, { level: 40, instances: 1 }, what)
    t.ok(String(told?.why).startsWith(why), `${what}: ${told?.why}`)
    t.match(lines.at(-1), { seconds: 45, why: '1 of 3 that were kept cannot be used' })
    await t.rejects(read(), { name: 'RefreshError', reason: 'settling' }, 'the list would lack it')
    put('x')
    clock.pass(45_000)
    t.same((await idsIn(read())).sort(), ['a', 'c', 'x'], what)
    await source.close()
    t.equal(kept().length, 3)
    t.equal(readFileSync(`${path}.bad`, 'utf8'), text)
    await source.remove?.()
    rmSync(`${path}.bad`)
  }
})

t.test('what cannot be read is not used, and not written over', async (t) => {
  const { source, path, put, lines, kept } = pushSource(t)
  mkdirSync(join(path, 'inside'), { recursive: true })
  await source.open?.()
  t.match(lines.at(-1), { why: /^what was kept is not used: EISDIR/ })
  put('a')
  await source.close()
  t.equal(kept().length, 1)
  t.ok(existsSync(join(`${path}.bad`, 'inside')))
})

t.test('what can neither be used nor set aside does not keep others from being kept', async (t) => {
  const { source, path, put, lines, kept } = pushSource(t)
  mkdirSync(join(`${path}.bad`, 'inside'), { recursive: true })
  writeFileSync(path, '{"format":2}')
  await source.open?.()
  t.match(lines.at(-2), {
    level: 40,
    error: /EISDIR|ENOTEMPTY|EEXIST/,
    msg: 'what was kept cannot be set aside, and will be written over',
  })
  t.match(lines.at(-1), { why: /has the format 2/ })
  put('a')
  await source.close()
  t.equal(kept().length, 1)
})

t.test('what devices say while the disk is read is newer than what it holds', async (t) => {
  const first = pushSource(t)
  for (const id of ['a', 'b', 'c']) first.put(id)
  await first.source.close()

  const { source, put, read, clock, kept } = pushSource(t, {}, { folder: first.folder })
  const opening = source.open?.()
  t.ok(put('a', { address: 'moved:1' }).isNew)
  source.instances.leave('b')
  put('d')
  clock.pass(5_000)
  t.equal(kept().length, 3, 'nothing is written before all is known')
  await opening
  t.same((await idsIn(read())).sort(), ['a', 'c', 'd'])
  await until('it is written', () => kept().length === 3 && kept()[0].address === 'moved:1')
  clock.pass(1_000)
  await source.close()
  t.same(
    kept()
      .map(({ id }: { id: string }) => id)
      .sort(),
    ['a', 'c', 'd'],
  )
})

t.test('one that only leaves while the disk is read is not on it any more', async (t) => {
  const first = pushSource(t)
  for (const id of ['a', 'b']) first.put(id)
  await first.source.close()
  const { source, clock, kept } = pushSource(t, {}, { folder: first.folder })
  const opening = source.open?.()
  source.instances.leave('b')
  await opening
  clock.pass(1_000)
  await until('it is written', () => kept().length === 1)
  source.instances.leave('a')
  await source.close()
  t.same(kept(), [])
})

t.test('a disk that is slow gives in the end what it holds', async (t) => {
  const first = pushSource(t)
  first.put('a')
  await first.source.close()
  const { source, put, read, clock, lines } = pushSource(t, {}, { folder: first.folder })
  const opening = source.open?.()
  put('b')
  clock.advance(10_000)
  await opening
  t.match(lines.at(-1), { seconds: 45, why: /took longer than 10 s$/ })
  await until('it is known', () => source.register.registrations.has('a'))
  t.match(lines.at(-1), { instances: 2, msg: /^instances that were kept on disk are known/ })
  t.same((await idsIn(read())).sort(), ['a', 'b'], 'there is no need to wait any more')
})

t.test('a disk that hangs does not hold up the start', async (t) => {
  const { source, clock, lines } = pushSource(t)
  const opening = source.open?.()
  clock.pass(10_000)
  await opening
  t.match(lines.at(-1), { why: 'what was kept is not used: reading what was kept took longer than 10 s' })
})

t.test(
  '78: what a disk that hangs holds is known once it is back, and the end does not wait for it',
  async (t) => {
    const disk = manualClock()
    const files = memoryFiles({ clock: disk })
    const folder = '/data'
    const first = pushSource(t, {}, { folder, files })
    first.put('a')
    await first.source.close()
    t.same(Object.keys(files.contents()), ['/data/push/devices.json'])

    files.hang('/data/push')
    const { source, put, clock, lines } = pushSource(t, {}, { folder, files })
    const opening = source.open?.()
    put('b')
    disk.pass(10_000)
    await until('it is about to ask again', () => clock.pending().includes(10_000))
    clock.pass(10_000)
    await opening
    t.match(lines.at(-1), { why: /^what was kept is not used: reading what was kept took longer than 10 s$/ })
    await source.close()
    files.release('/data/push')
    await until('it is known', () => {
      clock.pass(10_000)
      return source.register.registrations.has('a')
    })
    clock.pass(1_000)
    await until('it is written', () => files.contents()['/data/push/devices.json']?.includes('"b"'))
  },
)

t.test('78: what is removed is not asked for again', async (t) => {
  const disk = manualClock()
  const files = memoryFiles({ clock: disk })
  files.hang('/data')
  const { source, clock, messages } = pushSource(t, {}, { folder: '/data', files })
  const opening = source.open?.()
  disk.pass(10_000)
  await until('it is about to ask again', () => clock.pending().length > 1)
  const removed = source.remove?.()
  clock.pass(10_000)
  await Promise.all([opening, removed])
  t.ok(messages().length > 0)
})
