import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Files } from '../../../src/base/files.ts'
import { manualClock } from '../../helpers/clock.ts'
import { diskFiles } from '../../helpers/files.ts'
import { memoryFiles } from '../../helpers/memory-files.ts'
import { idsIn, openSource, pushSource, recordsIn, replayed } from '../../helpers/push-source.ts'
import { until } from '../../helpers/until.ts'

const JOURNAL = '/data/push/devices.journal'

/** Files on the real disk, and what is written to them. */
function watchedFiles() {
  const appended: string[] = []
  const written: string[] = []
  const files: Files = {
    ...diskFiles,
    append(path, body) {
      appended.push(Buffer.from(body).toString())
      return diskFiles.append(path, body)
    },
    write(path, body, options) {
      written.push(Buffer.from(body).toString())
      return diskFiles.write(path, body, options)
    },
  }
  return { files, appended, written }
}

t.test('registrations survive a restart, and every lease is whole then', async (t) => {
  const folder = t.testdir()
  const first = pushSource(t, {}, { folder })
  await first.source.open?.()
  t.match(first.lines.at(-1), { seconds: 45, why: 'there is no journal of an earlier process' })
  await first.put('a', { ttl: '10s' })
  await first.put('b', { labels: { site: 'x' } })
  await first.put('gone')
  await first.source.instances.leave('gone')
  first.clock.pass(9_000)
  await first.source.close()
  t.same(first.journaled(), {
    a: { ttl_ms: 10_000, address: 'a:9100', labels: {} },
    b: { ttl_ms: 90_000, address: 'b:9100', labels: { site: 'x' } },
  })

  const { source, read, clock, lines, metric } = pushSource(t, {}, { folder })
  await source.open?.()
  source.watch?.(() => {})
  t.match(lines.at(-1), { instances: 2, msg: /^registrations read from the journal/ })
  t.equal(await metric('push_instances'), 2)
  clock.pass(9_999)
  t.same(await idsIn(read()), ['a', 'b'], 'there is a list at once')
  clock.pass(1)
  t.same(await idsIn(read()), ['b'])
  await source.close()
  t.same(Object.keys(replayed(readFileSync(join(folder, 'push', 'devices.journal'), 'utf8'))), ['b'])
})

t.test('90: what is acknowledged is on disk, and those that arrive together share a write', async (t) => {
  const { files, appended } = watchedFiles()
  const folder = t.testdir()
  const { put, journaled, source } = await openSource(t, {}, { folder, files })
  await put('first')
  t.same(Object.keys(journaled() ?? {}), ['first'])
  appended.length = 0
  let acknowledged = 0
  const all = Array.from({ length: 99 }, async (_, index) => {
    await put(`a${index}`)
    acknowledged++
    t.ok(journaled()?.[`a${index}`], `a${index}`)
  })
  t.equal(acknowledged, 0, 'not before')
  await Promise.all(all)
  t.ok(appended.length <= 2, `${appended.length} writes`)
  const before = readFileSync(join(folder, 'push', 'devices.journal'), 'utf8')
  await put('a1')
  t.equal(readFileSync(join(folder, 'push', 'devices.journal'), 'utf8'), before, 'a heartbeat is no write')
  await source.instances.leave('a1')
  t.notOk(journaled()?.a1)
})

t.test('90: a heartbeat is not acknowledged before what it renews is on disk', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  files.makeFolder('/data/push')
  await files.write(JOURNAL, Buffer.from('{"format":2}\n'))
  const { put } = await openSource(t, {}, { folder: '/data', files })
  files.hang(JOURNAL)
  const acknowledged: string[] = []
  const both = ['first', 'second'].map((one) => put('a').then(() => void acknowledged.push(one)))
  await new Promise((resolve) => setImmediate(resolve))
  t.same(acknowledged, [])
  files.release(JOURNAL)
  await Promise.all(both)
  t.match(files.contents()[JOURNAL], '"id":"a"')
})

t.test('a journal that is mostly history is compacted', async (t) => {
  const { files, written } = watchedFiles()
  const { put, journaled, path } = await openSource(t, {}, { files, folder: t.testdir() })
  for (let times = 0; times < 1_003; times++) await put('a', { address: `a:${times + 1}` })
  await put('b')
  t.equal(written.length, 2, 'once at the start, and once for its length')
  t.ok(readFileSync(path, 'utf8').split('\n').length < 100)
  t.match(journaled(), { a: { address: 'a:1003' }, b: {} })
})

t.test('91: on a full disk nothing is acknowledged, and an earlier registration stays', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  const { source, put, read, clock, lines, metric, messages } = await openSource(
    t,
    {},
    { folder: '/data', files },
  )
  clock.pass(45_000)
  await put('a')
  files.fail('/data', 'ENOSPC', ['append', 'write'])
  const refused = {
    code: 'storage_unavailable',
    statusCode: 503,
    retryAfterSeconds: 5,
    message: /disk is full/,
  }
  await t.rejects(put('b'), refused)
  await t.rejects(put('a', { address: 'moved:1' }), refused)
  t.notOk((await put('a')).isNew, 'a heartbeat needs no room')
  t.same(await idsIn(read()), ['a'])
  t.match(lines.at(-1), { level: 40, error: /ENOSPC/ })
  t.equal(
    await metric('source_write_failures_total', { file: 'registrations' }),
    1,
    'not tried twice a second',
  )
  t.equal(await metric('push_expiry_paused'), 0)
  clock.pass(89_000)
  await put('a')
  clock.pass(89_000)
  t.same(await idsIn(read()), ['a'])
  clock.pass(1_000)
  t.same(await idsIn(read()), [], 'expiry goes on')

  files.fail('/data', undefined)
  clock.pass(1_000)
  t.ok((await put('b')).isNew)
  t.ok(messages().includes('journal written again'))
  t.match(lines.filter(({ msg }) => String(msg).startsWith('journal not written')).length, 1, 'said once')
  t.same(Object.keys(replayed(files.contents()[JOURNAL] ?? '')), ['b'])
  await source.close()
})

t.test('91: of changes that come together, those that fail leave what is on disk', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  const { put, read, clock } = await openSource(t, {}, { folder: '/data', files })
  clock.pass(45_000)
  const hosts = async () => (await recordsIn(read())).map(({ address }) => address)
  await put('a')
  files.fail('/data', 'ENOSPC', ['append', 'write'])
  const both = [put('a', { address: 'b:1' }), put('a', { address: 'c:1' }), put('a')]
  for (const one of both.slice(0, 2)) await t.rejects(one, { code: 'storage_unavailable' })
  await t.rejects(both[2] as Promise<unknown>, { code: 'storage_unavailable' })
  t.same(await hosts(), ['a:9100'])
  files.fail('/data', undefined)
  clock.pass(1_000)
  // The first is written while the second waits; only the second fails.
  const first = put('a', { address: 'b:1' })
  const second = put('a', { address: 'c:1' }).catch((error) => error)
  await first
  files.fail('/data', 'ENOSPC', ['append', 'write'])
  const late = await second
  t.same(await hosts(), [late instanceof Error ? 'b:1' : 'c:1'])
})

t.test('91: a device that registers twice while the disk fails is not known', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  const { put, read, clock, source } = await openSource(t, {}, { folder: '/data', files })
  clock.pass(45_000)
  await put('other')
  files.fail('/data', 'ENOSPC', ['append', 'write'])
  const both = [put('a'), put('a', { address: 'moved:1' }), put('a', { address: 'moved:1' })]
  for (const one of both) await t.rejects(one, { code: 'storage_unavailable' })
  t.same(await idsIn(read()), ['other'])
  await t.rejects(source.instances.leave('other'), { code: 'storage_unavailable' })
  t.same(await idsIn(read()), [], 'it has left all the same')
  files.fail('/data', undefined)
  clock.pass(1_000)
  t.ok((await put('a')).isNew)
  t.same(Object.keys(replayed(files.contents()[JOURNAL] ?? '')), ['a'])
})

t.test('91: a write of which a part was done costs nobody who was acknowledged', async (t) => {
  const { files } = watchedFiles()
  const folder = t.testdir()
  const path = join(folder, 'push', 'devices.journal')
  let isFailing = false
  const broken: Files = {
    ...files,
    async append(where, body) {
      if (!isFailing) return files.append(where, body)
      await files.append(where, body.subarray(0, 10))
      throw Object.assign(new Error('EIO: as the test wants it'), { code: 'EIO' })
    },
  }
  const { put, source } = await openSource(t, {}, { folder, files: broken })
  await put('a')
  isFailing = true
  await put('b')
  isFailing = false
  await put('c')
  await source.close()
  t.same(Object.keys(replayed(readFileSync(path, 'utf8'))), ['a', 'b', 'c'])
})

t.test('a journal that is missing is written anew', async (t) => {
  const { put, path, journaled } = await openSource(t)
  await put('a')
  rmSync(dirname(path), { recursive: true })
  await put('b')
  t.same(Object.keys(journaled() ?? {}), ['a', 'b'])
})

t.test('90: a last line that is torn is left out, and is in nobody’s way', async (t) => {
  const folder = t.testdir()
  const first = await openSource(t, {}, { folder })
  await first.put('a')
  await first.source.close()
  writeFileSync(first.path, `${readFileSync(first.path, 'utf8')}{"id":"b","ttl_ms":900`)
  const { lines, messages, read, put, journaled, source } = await openSource(t, {}, { folder })
  t.match(lines.at(-1), { instances: 1 })
  t.equal(
    messages().filter((message) => String(message).startsWith('the last line of the journal is torn')).length,
    1,
  )
  t.same(await idsIn(read()), ['a'], 'there is a list at once')
  await put('c')
  t.same(Object.keys(journaled() ?? {}), ['a', 'c'])
  await source.close()
})

t.test('92: after a journal that cannot be used there is no list for one time to live', async (t) => {
  const rows: [what: string, text: string, why: RegExp][] = [
    ['empty', '', /^the journal cannot be used: .* is damaged: its first line has no format$/],
    ['cut off', '{"form', /its first line has no format$/],
    ['another version', '{"format":3}\n', /has the format 3, not 2: another version wrote it$/],
    ['one wrong line', '{"format":2}\n{"id":"a/b","ttl_ms":1,"address":"a"}\n', /^1 lines of the journal/],
  ]
  for (const [what, text, why] of rows) {
    const folder = t.testdir()
    const path = join(folder, 'push', 'devices.journal')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    const { put, read, clock, lines, messages, journaled, refreshes, source } = await openSource(
      t,
      {},
      { folder },
    )
    t.match(lines.at(-1), { why, seconds: 90 }, what)
    await put('b')
    await t.rejects(
      read(),
      { reason: 'settling', retryAfterMs: 90_010, message: /have 90 s to register/ },
      what,
    )
    clock.pass(60_000)
    await put('b')
    clock.pass(29_999)
    t.equal(refreshes(), 0, `${what}: not before`)
    clock.pass(1)
    t.equal(refreshes(), 1)
    t.same(await idsIn(read()), ['b'], what)
    await source.close()
    t.match(Object.keys(journaled() ?? {}), ['b'])
    t.equal(readFileSync(`${path}.bad`, 'utf8'), text, `${what}: it is still there`)
    t.ok(messages().includes('an unusable journal was saved under another name; check it'))
    await source.remove?.()
    rmSync(folder, { recursive: true })
  }
})

t.test('92: devices that could not register meanwhile have their time to live after it', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  files.makeFolder('/data/push')
  await files.write(JOURNAL, Buffer.from('rubbish'))
  const { put, read, clock } = await openSource(t, {}, { folder: '/data', files })
  files.fail('/data', 'EIO', ['append', 'write'])
  clock.pass(80_000)
  await t.rejects(put('a'), { code: 'storage_unavailable' })
  clock.pass(89_999)
  await t.rejects(read(), { name: 'RefreshError', reason: 'settling' })
  files.fail('/data', undefined)
  await put('a')
  clock.pass(1)
  t.same(await idsIn(read()), ['a'])
})

t.test('a line that cannot be used costs no other', async (t) => {
  const good = (id: string) => ({ id, ttl_ms: 90_000, address: `${id}:9100`, labels: {} })
  const rows: [what: string, bad: unknown, why: string][] = [
    ['no address', { id: 'x', ttl_ms: 1 }, 'line 3: address is missing; write one, as in'],
    ['no id', { ...good('x'), id: undefined }, 'line 3: it has no id'],
    ['a bad id', good('a/b'), 'line 3: it has no id'],
    ['a number for an id', { ...good('x'), id: 7 }, 'line 3: it has no id'],
    ['no time', { ...good('x'), ttl_ms: 0 }, 'line 3: it has no time to live'],
    ['a text for a time', { ...good('x'), ttl_ms: '9' }, 'line 3: it has no time to live'],
    ['no label', { ...good('x'), labels: { 'a b': 'c' } }, 'line 3: labels: "a b" is not a label name'],
    ['nothing', null, 'line 3: it is null, not an object'],
  ]
  for (const [what, bad, why] of rows) {
    const folder = t.testdir()
    const path = join(folder, 'push', 'devices.journal')
    mkdirSync(dirname(path), { recursive: true })
    const text = `${[{ format: 2 }, good('a'), bad, good('c')].map((line) => JSON.stringify(line)).join('\n')}\n`
    writeFileSync(path, text)
    const { put, read, clock, lines, journaled, source } = await openSource(t, {}, { folder })
    const told = lines.find(({ msg }) => String(msg).startsWith('lines of the journal cannot be used'))
    t.match(told, { level: 40, lines: 1 }, what)
    t.ok(String(told?.why).startsWith(why), `${what}: ${told?.why}`)
    await t.rejects(read(), { name: 'RefreshError', reason: 'settling' }, 'the list would lack it')
    await put('x')
    clock.pass(89_999)
    for (const id of ['a', 'c', 'x']) await put(id)
    clock.pass(1)
    t.same((await idsIn(read())).sort(), ['a', 'c', 'x'], what)
    await source.close()
    t.same(Object.keys(journaled() ?? {}), ['a', 'c', 'x'])
    t.equal(readFileSync(`${path}.bad`, 'utf8'), text)
    rmSync(folder, { recursive: true })
  }
})

t.test('what cannot be read is not used, and not written over', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'push', 'devices.journal')
  mkdirSync(join(path, 'inside'), { recursive: true })
  const { put, lines, journaled } = await openSource(t, {}, { folder })
  t.match(lines.at(-1), { why: /^the journal cannot be used: EISDIR/ })
  await put('a')
  t.same(Object.keys(journaled() ?? {}), ['a'])
  t.ok(existsSync(join(`${path}.bad`, 'inside')))
})

t.test('what can neither be used nor set aside does not keep others from being written', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'push', 'devices.journal')
  mkdirSync(join(`${path}.bad`, 'inside'), { recursive: true })
  writeFileSync(path, '{"format":3}\n')
  const { put, lines, journaled } = await openSource(t, {}, { folder })
  t.match(lines.at(-2), {
    level: 40,
    error: /EISDIR|ENOTEMPTY|EEXIST/,
    msg: 'an unusable journal cannot be saved under another name, and will be overwritten',
  })
  t.match(lines.at(-1), { why: /has the format 3/ })
  await put('a')
  t.same(Object.keys(journaled() ?? {}), ['a'])
})

t.test('87: labels and addresses of earlier registrations that are not allowed are left out', async (t) => {
  const folder = t.testdir()
  const path = join(folder, 'push', 'devices.journal')
  mkdirSync(dirname(path), { recursive: true })
  const line = (id: string, address: string, labels: object) =>
    JSON.stringify({ id, ttl_ms: 90_000, address, labels })
  writeFileSync(
    path,
    `{"format":2}\n${line('a', '10.0.0.1:1', { site: 'x', job: 'y', __param_target: 'z' })}\n${line('b', '169.254.169.254:80', {})}\n`,
  )
  const { read, lines, put } = await openSource(t, {}, { folder })
  const reading = await read()
  const bytes = 'documents' in reading ? reading.documents[0]?.bytes : undefined
  t.same(JSON.parse(Buffer.from(bytes ?? []).toString()), [
    { id: 'a', address: '10.0.0.1:1', host: '10.0.0.1', port: 1, labels: { site: 'x' } },
  ])
  t.match(
    lines.find(({ addresses }) => addresses !== undefined),
    { level: 40, addresses: 1, labels: ['job', '__param_target'] },
  )
  t.notOk((await put('a', { address: '10.0.0.1:1', labels: { site: 'x' } })).isNew)
})

t.test('a disk that is slow gives in the end what it holds, and nobody registers before', async (t) => {
  const folder = t.testdir()
  const first = await openSource(t, {}, { folder })
  await first.put('a')
  await first.source.close()
  const { source, put, read, clock, lines } = pushSource(t, {}, { folder })
  const opening = source.open?.()
  await t.rejects(put('b'), { code: 'storage_unavailable' })
  await t.rejects(read(), { reason: 'settling', message: /has not been read yet/ })
  clock.advance(10_000)
  await opening
  t.match(lines.at(-1), { why: /took longer than 10 s$/ })
  await until('it is known', () => source.registry.table.get('a') !== undefined)
  t.match(lines.at(-1), { instances: 1, msg: /^registrations read from the journal/ })
  await put('b')
  t.same(await idsIn(read()), ['a', 'b'], 'there is no need to wait any more')
})

t.test('90: what waits for the disk is not served; what was acknowledged before is', async (t) => {
  const files = memoryFiles({ clock: manualClock() })
  const { put, read, clock } = await openSource(t, {}, { folder: '/data', files })
  clock.pass(60_000)
  await put('a', { address: 'old:1' })
  files.hang('/data/push')
  const waiting = [put('a', { address: 'new:1' }), put('b')]
  t.match(await recordsIn(read()), [{ id: 'a', address: 'old:1' }])
  files.release('/data/push')
  await Promise.all(waiting)
  t.match(await recordsIn(read()), [{ id: 'a', address: 'new:1' }, { id: 'b' }])
})

t.test(
  '78, 92: a disk that hangs lets nobody leave, and what it holds is known once it is back',
  async (t) => {
    const disk = manualClock()
    const files = memoryFiles({ clock: disk })
    const first = await openSource(t, {}, { folder: '/data', files })
    await first.put('a')
    await first.source.close()
    t.same(Object.keys(files.contents()), [JOURNAL])

    files.hang('/data/push')
    const { source, put, read, clock, lines } = pushSource(t, {}, { folder: '/data', files })
    const opening = source.open?.()
    let refreshes = 0
    source.watch?.(() => refreshes++)
    disk.pass(10_000)
    await until('it is about to ask again', () => clock.pending().includes(10_000))
    clock.pass(10_000)
    await opening
    t.match(lines.at(-1), { why: /took longer than 10 s$/ })
    clock.pass(1_000_000)
    await t.rejects(put('b'), { code: 'storage_unavailable' })
    await t.rejects(
      read(),
      { name: 'RefreshError', reason: 'settling' },
      'no list without those that are not known',
    )
    files.release('/data/push')
    await until('it is known', () => {
      clock.pass(10_000)
      return source.registry.table.get('a') !== undefined
    })
    clock.pass(1_000)
    t.equal(refreshes, 1)
    t.same(await idsIn(read()), ['a'])
    await put('b')
    t.match(files.contents()[JOURNAL], '"b"')
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

t.test('what is removed leaves nothing behind, and nobody can register any more', async (t) => {
  const { source, put, path, metric } = await openSource(t)
  await put('a')
  t.equal(await metric('push_instances'), 1)
  const late = put('b')
  await source.remove?.()
  await late
  t.notOk(existsSync(path))
  await t.rejects(put('c'), { code: 'storage_unavailable' })
  t.notOk(existsSync(path))
  t.equal(await metric('push_instances'), undefined)
})

t.test('without a folder registrations are in memory', async (t) => {
  const { source, put, read, clock, lines } = pushSource(t, { ttlMs: 10_000 })
  await source.open?.()
  t.match(lines.at(-1), { seconds: 5 })
  await put('a')
  clock.pass(5_000)
  t.same(await idsIn(read()), ['a'])
  await source.close()
  await source.remove?.()
})

t.test('however many there are, the list is whole, and others get their turn meanwhile', async (t) => {
  const { source, put, read } = pushSource(t, { maxInstances: 20_000 })
  const ids = Array.from({ length: 12_345 }, (_, index) => `device-${index}-${'x'.repeat(200)}`)
  await Promise.all(ids.map((id) => put(id, { address: 'a:1' })))
  let turns = 0
  const turn = () => {
    if (turns++ === 0) {
      void put(ids[0] as string, { address: 'changed:1' })
      void source.instances.leave(ids[1] as string)
    }
    immediate = setImmediate(turn)
  }
  let immediate = setImmediate(turn)
  t.same(await idsIn(read()), ids, 'as it was when it was asked for')
  clearImmediate(immediate)
  t.ok(turns >= 2, `${turns} turns`)
  t.equal(source.registry.table.size(), 12_344)
})
