import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Secret } from '../../../src/base/secret.ts'
import { diskFiles } from '../../helpers/files.ts'
import { idsIn, pushSource } from '../../helpers/push-source.ts'

t.test('a registration is a record, with what its address consists of', async (t) => {
  const { source, put, read } = pushSource(t)
  t.same(await put('b', { address: '[::1]:9100', labels: { site: 'x' } }), { isNew: true, ttlMs: 90_000 })
  t.same(await put('a', { address: 'host', ttl: '5m' }), { isNew: true, ttlMs: 300_000 })
  t.same(await put('a', { address: 'host', ttl: '5m' }), { isNew: false, ttlMs: 300_000 })
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
  t.ok(source.registry)
})

t.test('nothing is read anew while nothing has changed', async (t) => {
  const { source, put, read } = pushSource(t)
  await put('a')
  const reading = await read()
  const version = 'version' in reading ? reading.version : undefined
  const again = () => source.read(new AbortController().signal, version)
  await put('a')
  t.same(await again(), { kind: 'unchanged' })
  await put('b')
  t.same(await idsIn(again()), ['a', 'b'])
})

t.test('a time to live has bounds', async (t) => {
  const { put } = pushSource(t)
  const refused = { name: 'HttpError', code: 'bad_request' }
  await t.rejects(put('a', { ttl: '2h' }), { ...refused, message: 'ttl 2h is out of range; write 1s to 1h' })
  await t.rejects(put('a', { ttl: '999ms' }), refused)
  t.equal((await put('a', { ttl: '1s' })).ttlMs, 1_000)
  t.equal((await put('a', { ttl: '1h' })).ttlMs, 3_600_000)
})

t.test('one more than may be is refused, is told once, and those that are known may renew', async (t) => {
  const { source, put, lines, metric } = pushSource(t, { maxInstances: 2 })
  await put('a')
  await put('b')
  for (const id of ['c', 'd'])
    await t.rejects(put(id), { code: 'too_many_instances', statusCode: 429, retryAfterSeconds: 60 })
  t.notOk((await put('a')).isNew)
  t.equal(lines.filter(({ msg }) => String(msg).startsWith('registration refused')).length, 1)
  await source.instances.leave('a')
  t.ok((await put('c')).isNew)
  await t.rejects(put('d'), { code: 'too_many_instances' })
  t.equal(
    lines.filter(({ msg }) => String(msg).startsWith('registration refused')).length,
    2,
    'it is news again',
  )
  t.equal(await metric('push_registrations_total', { result: 'refused' }), 3)
  t.equal(await metric('push_instances'), 2)
  t.equal(await metric('push_instances_limit'), 2)
})

t.test('the tokens are the lines of a file that is read again once a second', async (t) => {
  const file = join(t.testdir({ token: 'old\n' }), 'token')
  const { source, read, clock } = pushSource(t, { token: Secret.file(file, diskFiles) })
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
  await t.rejects(authorize('new'), { code: 'unauthorized' }, 'not yet')
  clock.pass(1_000)
  await Promise.all([authorize('old'), authorize('new'), t.rejects(authorize(''))])
  writeFileSync(file, '')
  clock.pass(1_000)
  await t.rejects(authorize('old'), { code: 'token_unreadable', statusCode: 503, retryAfterSeconds: 5 })
  await t.rejects(
    read(),
    { name: 'RefreshError', reason: 'file' },
    'nobody can renew, so nobody is known to be gone',
  )
  writeFileSync(file, 'new')
  clock.pass(1_000)
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
  await put('early')
  source.watch?.(() => told++)
  clock.pass(10_000)
  t.equal(told, 0, 'what was before the first read needs no telling')
  for (let index = 0; index < 1_000; index++) await put('a', { address: `a:${index + 1}` })
  clock.pass(99)
  t.equal(told, 0)
  clock.pass(1)
  t.equal(told, 1)
  await put('b')
  clock.pass(999)
  t.equal(told, 1, 'not more than once a second')
  clock.pass(1)
  t.equal(told, 2)
  await put('b')
  clock.pass(10_000)
  t.equal(told, 2, 'a heartbeat')
  await source.instances.leave('b')
  await source.instances.leave('b')
  clock.pass(100)
  t.equal(told, 3)
  await put('c')
  await source.close()
  clock.pass(10_000)
  t.equal(told, 3, 'the end')
})

t.test('a device without a heartbeat expires without a request', async (t) => {
  const { source, put, read, clock, lines, metric } = pushSource(t)
  let told = 0
  source.watch?.(() => told++)
  await put('long')
  await put('short', { ttl: '10s' })
  clock.pass(100)
  clock.pass(9_900)
  t.same(await idsIn(read()), ['long'])
  clock.pass(1_000)
  t.equal(told, 2)
  t.match(lines.at(-1), { msg: 'registrations expired', instances: 1, ids: ['short'], left: 1 })
  clock.pass(79_000)
  t.same(await idsIn(read()), [])
  t.equal(await metric('push_registrations_total', { result: 'expired' }), 2)
  t.equal(await metric('push_instances'), 0)
})

t.test('a look that comes too early is made again', async (t) => {
  const { source, put, read, clock } = pushSource(t)
  await put('a', { ttl: '1m' })
  source.watch?.(() => {})
  clock.pass(30_000)
  await put('a', { ttl: '1m' })
  clock.pass(30_000)
  t.same(await idsIn(read()), ['a'], 'it was renewed meanwhile')
  clock.pass(30_000)
  t.same(await idsIn(read()), [])
})

t.test('what takes the place of a source goes on with its instances', async (t) => {
  const { source, create, put, read, clock, path, journaled } = pushSource(t, {}, { folder: t.testdir() })
  await source.open?.()
  await put('a')
  const next = create({ ttlMs: 5_000 }, source.registry)
  await source.close()
  await next.open?.()
  t.same(Object.keys(journaled() ?? {}), ['a'], path)
  await t.rejects(
    read(next),
    { name: 'RefreshError', reason: 'settling' },
    'it waits no longer than the first one would',
  )
  clock.pass(45_000)
  t.same(await idsIn(read(next)), ['a'])
  t.equal((await put('b', {}, {}, next)).ttlMs, 5_000)
  let told = 0
  next.watch?.(() => told++)
  clock.pass(5_000)
  clock.pass(100)
  t.equal(told, 1)
  t.same(await idsIn(read(next)), ['a'])
})

t.test('87: a token of a device registers and removes its own id only', async (t) => {
  const deviceTokens = Secret.of('press 1 secret-1\npress-2   secret-2\npress-2 next-2\nno-token')
  const { source, put, read } = pushSource(t, { token: undefined, deviceTokens })
  const { authorize, leave } = source.instances
  const first = await authorize('secret-1')
  await put('press 1', { address: 'a:1' }, first)
  const wrong = { code: 'wrong_device', statusCode: 403 }
  await t.rejects(put('press-2', { address: 'a:1' }, first), wrong)
  await put('press-2', { address: 'b:1' }, await authorize('secret-2'))
  await put('press-2', { address: 'b:1' }, await authorize('next-2'))
  await t.rejects(leave('press-2', first), wrong)
  t.same(await idsIn(read()), ['press 1', 'press-2'])
  await leave('press 1', first)
  t.same(await idsIn(read()), ['press-2'])
  for (const wrong of ['press', '1', 'no-token', '']) {
    await t.rejects(authorize(wrong), { code: 'unauthorized' }, wrong)
  }
  const both = pushSource(t, { token: Secret.of('shared'), deviceTokens })
  t.same(await both.source.instances.authorize('secret-1'), { device: 'press 1' })
  t.match(await both.source.instances.authorize('shared'), { token: /^[0-9a-f]{8}$/, device: undefined })
})

t.test('87: a registration that is refused leaves the earlier one, whose lease is renewed', async (t) => {
  const { source, put, read, clock } = pushSource(t)
  source.watch?.(() => {})
  await put('a', { labels: { site: 'x' } })
  clock.pass(60_000)
  const refused = { code: 'bad_request', message: /^labels: job is not allowed/ }
  await t.rejects(put('a', { labels: { job: 'x' } }), refused)
  clock.pass(60_000)
  t.same(await idsIn(read()), ['a'])
  clock.pass(30_000)
  t.same(await idsIn(read()), [])
})

t.test(
  '88: one token that fills its share, in number and in bytes, keeps no other from registering',
  async (t) => {
    const big = { labels: { text: 'x'.repeat(1_000) } }
    const { source, put, lines, metric } = pushSource(t, {
      token: Secret.of('one\ntwo'),
      maxInstances: 5,
      maxBytes: 5_000,
      maxInstancesPerToken: 3,
      maxBytesPerToken: 2_500,
    })
    const one = await source.instances.authorize('one')
    const two = await source.instances.authorize('two')
    for (const id of ['a', 'b', 'c']) await put(id, {}, one)
    await t.rejects(put('d', {}, one), {
      code: 'too_many_instances',
      statusCode: 429,
      retryAfterSeconds: 60,
      message: /max_instances_per_token is 3/,
    })
    t.match(lines.at(-1), { level: 40, why: 'max_instances_per_token' })
    await put('a', big, one)
    await put('b', big, one)
    await t.rejects(put('c', big, one), { code: 'too_many_bytes', message: /max_bytes_per_token is 2500/ })
    t.notOk((await put('a', big, one)).isNew, 'it may renew')
    t.notOk((await put('a', {}, one)).isNew, 'and become smaller')
    await put('d', {}, two)
    await put('e', big, two)
    await t.rejects(put('f', {}, two), { code: 'too_many_instances', message: /max_instances is 5/ })
    await t.rejects(put('d', { labels: { text: 'x'.repeat(2_000) } }, two), {
      code: 'too_many_bytes',
      statusCode: 429,
      message: /max_bytes_per_token/,
    })
    await source.instances.leave('a', one)
    await put('f', {}, one)
    t.equal(await metric('push_registrations_total', { result: 'refused' }), 4)
    t.equal(await metric('push_instances'), 5)
  },
)

t.test('88: all registrations of a source together have bounds', async (t) => {
  const { source, put } = pushSource(t, { maxBytes: 500 })
  await put('a', { labels: { text: 'x'.repeat(300) } })
  await t.rejects(put('b', { labels: { text: 'x'.repeat(300) } }), {
    code: 'too_many_bytes',
    message: /max_bytes is 500/,
  })
  await put('b')
  await source.instances.leave('a')
  await put('c', { labels: { text: 'x'.repeat(200) } })
  t.equal(source.registry.table.size(), 2)
})

t.test('87: what a new configuration does not allow any more is left out', async (t) => {
  const { source, create, put, read, lines, clock } = pushSource(t)
  source.watch?.(() => {})
  await put('a', { address: '10.0.0.1:1', labels: { site: 'x', rack: '7' } })
  await put('b', { address: '192.0.2.1:1' })
  await put('c', { address: '10.0.0.2:1', labels: { site: 'x' } })
  // A name that every object of JavaScript has.
  await put('d', { address: '10.0.0.3:1', labels: { constructor: 'x' } })
  const next = create({ allowedLabels: ['site'], allowedNetworks: ['10.0.0.0/8'] }, source.registry)
  await source.close()
  const reading = await read(next)
  const bytes = 'documents' in reading ? reading.documents[0]?.bytes : undefined
  t.match(JSON.parse(Buffer.from(bytes ?? []).toString()), [
    { id: 'a', labels: { site: 'x', rack: undefined } },
    { id: 'c', labels: { site: 'x' } },
    { id: 'd' },
  ])
  t.notMatch(Buffer.from(bytes ?? []).toString(), 'constructor')
  t.match(lines.at(-1), { level: 40, addresses: 1, labels: ['rack', 'constructor'] })
  next.watch?.(() => {})
  clock.pass(90_000)
  t.same(await idsIn(read(next)), [], 'leases went on')
  await next.close()
})

t.test('87: a heartbeat renews the lease of its own instance only', async (t) => {
  const { source, put, read, clock } = pushSource(t)
  source.watch?.(() => {})
  await put('a')
  await put('b')
  for (let times = 0; times < 4; times++) {
    clock.pass(40_000)
    source.instances.heard('a', { device: 'a' })
    source.instances.heard('b', { device: 'a' })
    source.instances.heard('unknown', {})
  }
  t.same(await idsIn(read()), ['a'])
})
