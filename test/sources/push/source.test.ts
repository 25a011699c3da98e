import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Secret } from '../../../src/base/secret.ts'
import { diskFiles } from '../../helpers/files.ts'
import { idsIn, pushSource } from '../../helpers/push-source.ts'

t.test('a registration is a record, with what its address consists of', async (t) => {
  const { source, put, read } = pushSource(t)
  t.same(put('b', { address: '[::1]:9100', labels: { site: 'x' } as never }), { isNew: true, ttlMs: 90_000 })
  t.same(put('a', { address: 'host', ttl: '5m' }), { isNew: true, ttlMs: 300_000 })
  t.same(put('a', { address: 'host', ttl: '5m' }), { isNew: false, ttlMs: 300_000 })
  const reading = await read()
  t.match(reading, {
    kind: 'documents',
    documents: [{ name: 'the list of registrations', format: { kind: 'json' } }],
  })
  const bytes = 'documents' in reading ? reading.documents[0]?.bytes : undefined
  t.same(JSON.parse(Buffer.from(bytes ?? []).toString()), [
    { id: 'b', address: '[::1]:9100', host: '[::1]', port: 9100, labels: { site: 'x' } },
    { id: 'a', address: 'host', host: 'host', labels: {} },
  ])
  t.ok(source.register)
})

t.test('nothing is read anew while nothing has changed', async (t) => {
  const { source, put, read } = pushSource(t)
  put('a')
  const reading = await read()
  const version = 'version' in reading ? reading.version : undefined
  const again = () => source.read(new AbortController().signal, version)
  put('a')
  t.same(await again(), { kind: 'unchanged' })
  put('b')
  t.same(await idsIn(again()), ['a', 'b'])
})

t.test('a time to live has bounds', async (t) => {
  const { put } = pushSource(t)
  const refused = { name: 'HttpError', code: 'bad_request' }
  t.throws(() => put('a', { ttl: '2h' }), { ...refused, message: 'ttl 2h is out of range; write 1s to 1h' })
  t.throws(() => put('a', { ttl: '999ms' }), refused)
  t.equal(put('a', { ttl: '1s' }).ttlMs, 1_000)
  t.equal(put('a', { ttl: '1h' }).ttlMs, 3_600_000)
})

t.test('one more than may be is refused, is told once, and those that are known may renew', async (t) => {
  const { source, put, lines, metric } = pushSource(t, { maxInstances: 2 })
  put('a')
  put('b')
  for (const id of ['c', 'd'])
    t.throws(() => put(id), { code: 'too_many_instances', statusCode: 429, retryAfterSeconds: 60 })
  t.notOk(put('a').isNew)
  t.equal(lines.filter(({ msg }) => String(msg).startsWith('instance refused')).length, 1)
  source.instances.leave('a')
  t.ok(put('c').isNew)
  t.throws(() => put('d'), { code: 'too_many_instances' })
  t.equal(lines.filter(({ msg }) => String(msg).startsWith('instance refused')).length, 2, 'it is news again')
  t.equal(await metric('push_registrations_total', { result: 'refused' }), 3)
  t.equal(await metric('push_instances'), 2)
  t.equal(await metric('push_instances_limit'), 2)
})

t.test('the tokens are the lines of a file that is read at each check', async (t) => {
  const file = join(t.testdir({ token: 'old\n' }), 'token')
  const { source, read } = pushSource(t, { token: Secret.file(file, diskFiles) }, { folder: '' })
  const { authorize } = source.instances
  await authorize('old')
  for (const wrong of ['Old', 'old\n', '', 'ol', 'older'])
    await t.rejects(authorize(wrong), {
      code: 'unauthorized',
      statusCode: 401,
      message: /^the token is wrong/,
    })
  await t.rejects(authorize(undefined), { code: 'unauthorized', message: /^no token was sent/ })
  writeFileSync(file, '\n  new  \r\n\r\nold\n')
  await Promise.all([authorize('old'), authorize('new'), t.rejects(authorize(''))])
  writeFileSync(file, '')
  await t.rejects(authorize('old'), { code: 'token_unreadable', statusCode: 503, retryAfterSeconds: 5 })
  await t.rejects(
    read(),
    { name: 'RefreshError', reason: 'file' },
    'nobody can renew, so nobody is known to be gone',
  )
  writeFileSync(file, 'new')
  await t.rejects(authorize('old'), { code: 'unauthorized' })
  await authorize('new')
  await read()
})

t.test('without a token everybody may', async (t) => {
  const { source, read } = pushSource(t, { token: undefined })
  await source.instances.authorize(undefined)
  await source.instances.authorize('anything')
  await read()
})

t.test('a change is told soon, many are told together, and a heartbeat is none', async (t) => {
  const { source, put, clock } = pushSource(t)
  let told = 0
  put('early')
  source.watch?.(() => told++)
  clock.pass(10_000)
  t.equal(told, 0, 'what was before the first read needs no telling')
  for (let index = 0; index < 1_000; index++) put('a', { address: `a:${index + 1}` })
  clock.pass(99)
  t.equal(told, 0)
  clock.pass(1)
  t.equal(told, 1)
  put('b')
  clock.pass(999)
  t.equal(told, 1, 'not more than once a second')
  clock.pass(1)
  t.equal(told, 2)
  put('b')
  clock.pass(10_000)
  t.equal(told, 2, 'a heartbeat')
  source.instances.leave('b')
  source.instances.leave('b')
  clock.pass(100)
  t.equal(told, 3)
  put('c')
  await source.close()
  clock.pass(10_000)
  t.equal(told, 3, 'the end')
})

t.test('who is not heard of runs out without being asked about', async (t) => {
  const { source, put, read, clock, lines, metric } = pushSource(t)
  let told = 0
  source.watch?.(() => told++)
  put('long')
  put('short', { ttl: '10s' })
  clock.pass(100)
  clock.pass(9_900)
  t.same(await idsIn(read()), ['long'])
  clock.pass(1_000)
  t.equal(told, 2)
  t.match(lines.at(-1), { msg: 'instances ran out', instances: 1, ids: ['short'], left: 1 })
  clock.pass(79_000)
  t.same(await idsIn(read()), [])
  t.equal(await metric('push_registrations_total', { result: 'expired' }), 2)
  t.equal(await metric('push_instances'), 0)
})

t.test('a look that comes too early is made again', async (t) => {
  const { source, put, read, clock } = pushSource(t)
  put('a', { ttl: '1m' })
  source.watch?.(() => {})
  clock.pass(30_000)
  put('a', { ttl: '1m' })
  clock.pass(30_000)
  t.same(await idsIn(read()), ['a'], 'it was renewed meanwhile')
  clock.pass(30_000)
  t.same(await idsIn(read()), [])
})

t.test('what takes the place of a source goes on with its instances', async (t) => {
  const { source, create, put, read, clock, path, kept } = pushSource(t)
  await source.open?.()
  put('a')
  const next = create({ ttlMs: 5_000 }, source.register)
  await source.close()
  await next.open?.()
  t.same(kept().length, 1, path)
  await t.rejects(
    read(next),
    { name: 'RefreshError', reason: 'settling' },
    'it waits no longer than the first one would',
  )
  clock.pass(45_000)
  t.same(await idsIn(read(next)), ['a'])
  t.equal(put('b', {}, next).ttlMs, 5_000)
  let told = 0
  next.watch?.(() => told++)
  clock.pass(5_000)
  clock.pass(100)
  t.equal(told, 1)
  t.same(await idsIn(read(next)), ['a'])
})
