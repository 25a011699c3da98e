import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Secret } from '../../src/base/secret.ts'
import { storeError } from '../../src/cluster/redis-errors.ts'
import type { ClusterStore, Message } from '../../src/cluster/store.ts'
import { createTlsReader } from '../../src/sources/http/client/tls.ts'
import { authority, proof, tlsOptions } from '../helpers/certificates.ts'
import { diskFiles } from '../helpers/files.ts'
import { freePort } from '../helpers/prometheus.ts'
import { noRedis, startRedis } from '../helpers/redis-server.ts'
import { glance, openRig, openStore, optionsOf } from '../helpers/redis-store.ts'
import { until } from '../helpers/until.ts'
import { checkStore, publication, wanted } from './contract.ts'

const MIB = 2 ** 20

/** A test that a real server is needed for. */
function withRedis(name: string, run: (t: Test) => Promise<void>): void {
  t.test(name, async (t) => {
    if (!noRedis(t)) await run(t)
  })
}

/** Why a step of a store fails, which it must with a StoreError, and how long that took. */
async function failure(step: Promise<unknown>): Promise<{ message: string; ms: number }> {
  const start = performance.now()
  const error = await step.then(
    () => new Error('it did not fail'),
    (thrown) => thrown as Error,
  )
  if (error.name !== 'StoreError') throw error
  return { message: error.message, ms: performance.now() - start }
}

/** The rule of docs/cluster.md, word by word. */
function documentedRule(): string[] {
  const page = readFileSync('docs/cluster.md', 'utf8')
  const rule = /^ACL SETUSER rollcall on >PASSWORD (.+)$/m.exec(page)?.[1]
  return (rule as string).split(' ')
}

/** Waits until a store answers. */
const works = (store: ClusterStore) => until('the store works', () => glance(store).catch(() => undefined))

withRedis('a store in Redis', async (t) => {
  const server = await startRedis(t)
  checkStore(t, async (t) => {
    await server.command('FLUSHALL')
    return openRig(t, optionsOf(server))
  })
})

withRedis('94: a server that is not there is named, and used once it is', async (t) => {
  const server = await startRedis(t)
  await server.kill()
  const store = openStore(t, optionsOf(server))
  const { message } = await failure(glance(store))
  t.match(message, `127.0.0.1:${server.port}`)
  t.match(message, 'ECONNREFUSED')
  await server.start()
  await works(store)
  const { holder } = await store.look('s', wanted('a'))
  t.equal(holder?.id, 'a-1')
})

withRedis('94: a server that dies fails what is under way, and is used again when it is back', async (t) => {
  const server = await startRedis(t)
  const { a: store } = await openRig(t, optionsOf(server))
  const heard: Message[] = []
  store.listen((message) => heard.push(message))
  server.signal('SIGSTOP')
  const under = Array.from({ length: 50 }, () => failure(glance(store)))
  await server.kill()
  for (const { message } of await Promise.all(under)) t.match(message, 'the store at 127.0.0.1')
  t.ok((await failure(glance(store))).ms < 500)
  await server.start()
  await works(store)
  await store.tell({ kind: 'refresh', source: 's', id: 'q' })
  await until('messages come again', () => heard.length === 2)
  t.match(heard, [{ kind: 'reset' }, { kind: 'refresh' }], 'and that some may be lost is said')
})

withRedis('94: a server that hangs is waited for two seconds, and asked again', async (t) => {
  const server = await startRedis(t)
  const store = openStore(t, optionsOf(server))
  await glance(store)
  server.signal('SIGSTOP')
  const late = await failure(glance(store))
  t.match(late.message, 'did not answer within 2 s')
  t.ok(late.ms >= 1_900 && late.ms < 4_000, `${late.ms} ms`)
  t.ok((await failure(glance(store))).ms < 500, 'the next is not waited for')
  await until('it is connected to in vain', async () => {
    const { message } = await failure(glance(store))
    return message.includes('connecting took longer than 2 s')
  })
  server.signal('SIGCONT')
  await works(store)
})

withRedis('94: a server that was flushed lacks everything, and takes it again', async (t) => {
  const server = await startRedis(t)
  const store = openStore(t, optionsOf(server))
  await store.look('s', wanted('a'))
  await store.publish('s', publication())
  await store.register('s', [{ id: 'x', line: 'x' }], [])
  const { position } = await store.changesSince('s', undefined)
  await server.command('FLUSHALL')
  await server.command('SCRIPT', 'FLUSH')
  t.equal(await store.take('s', undefined), undefined)
  t.same(await store.changesSince('s', position), { position: '0', changes: [], isWhole: true })
  await store.register('s', [{ id: 'y', line: 'y' }], [])
  const { changes, isWhole } = await store.changesSince('s', position)
  t.same({ changes, isWhole }, { changes: [{ id: 'y', line: 'y' }], isWhole: true })
  t.equal(await store.publish('s', publication()), 'refused', 'the lease is gone too')
  await store.look('s', wanted('a'))
  t.equal(await store.publish('s', publication()), 'published', 'with a list that is sent again')
  t.equal(String((await store.take('s', undefined))?.list), 'list')
})

withRedis(
  '94: a server that lost its last writes gives everything, and goes on from what it has',
  async (t) => {
    const server = await startRedis(t)
    const store = openStore(t, optionsOf(server))
    await store.look('s', wanted('a'))
    await store.publish('s', publication())
    await store.register('s', [{ id: 'x', line: 'x' }], [])
    const early = await store.changesSince('s', undefined)
    await server.command('SAVE')
    await store.register('s', [{ id: 'y', line: 'y' }], [])
    await store.publish('s', publication({ base: 1, generation: 2, text: 'lost' }))
    const late = await store.changesSince('s', early.position)
    t.same(late.changes, [{ id: 'y', line: 'y' }])
    await server.kill()
    await server.start()
    await works(store)
    t.equal((await store.take('s', undefined))?.generation, 1)
    await store.register('s', [{ id: 'z', line: 'z' }], [])
    const { changes, isWhole } = await store.changesSince('s', late.position)
    t.equal(isWhole, true)
    t.same(new Set(changes.map(({ id }) => id)), new Set(['x', 'z']))
    t.same((await store.changesSince('s', early.position)).changes, [{ id: 'z', line: 'z' }])
    await store.look('s', wanted('a'))
    const unsent = publication({ base: 1, generation: 3, text: 'lost', list: undefined })
    t.equal(await store.publish('s', unsent), 'needs_list')
    t.equal(await store.publish('s', publication({ base: 1, generation: 3, text: 'lost' })), 'published')
  },
)

withRedis('94: a server that is full keeps leases, and takes nothing else', async (t) => {
  const server = await startRedis(t, ['maxmemory-policy noeviction'])
  const store = openStore(t, optionsOf(server))
  await store.look('s', wanted('a'))
  await store.publish('s', publication())
  await store.register('s', [{ id: 'x', line: 'x' }], [])
  await server.command('CONFIG', 'SET', 'maxmemory', '1')
  t.match((await failure(store.publish('s', publication({ base: 1, generation: 2 })))).message, '(OOM)')
  t.match((await failure(store.register('s', [{ id: 'x', line: undefined }], []))).message, '(OOM)')
  t.equal((await store.look('s', wanted('a'))).holder?.id, 'a-1')
  t.equal((await store.meet({ id: 'a', name: 'a', version: '1', leases: 0 }, 1_000)).length, 1)
  t.equal((await store.take('s', undefined))?.generation, 1)
  t.same((await store.changesSince('s', undefined)).changes, [{ id: 'x', line: 'x' }])
  await server.command('CONFIG', 'SET', 'maxmemory', '0')
  t.equal(await store.publish('s', publication({ base: 1, generation: 2 })), 'published')
})

withRedis('a password is read at each connection, and never told', async (t) => {
  const server = await startRedis(t, ['requirepass sesame-17'])
  const file = join(t.testdir(), 'password')
  writeFileSync(file, 'sesame-16\n')
  const password = Secret.file(file, diskFiles)
  t.match((await failure(glance(openStore(t, optionsOf(server))))).message, '(NOAUTH)')
  const store = openStore(t, optionsOf(server, { password }))
  const { message } = await failure(glance(store))
  t.match(message, '(WRONGPASS)')
  t.notMatch(message, 'sesame')
  rmSync(file)
  await until('the file is missed', async () => (await failure(glance(store))).message.includes(file))
  writeFileSync(file, 'sesame-17\n')
  await works(store)
})

withRedis('a read-only replica is told apart, and read', async (t) => {
  const [primary, server] = [await startRedis(t), await startRedis(t)]
  const store = openStore(t, optionsOf(server))
  await store.look('s', wanted('a'))
  await server.command('REPLICAOF', '127.0.0.1', String(primary.port))
  await until('it is a replica', async () => (await failure(glance(store))).message.includes('(READONLY)'))
  t.equal(await store.take('s', undefined), undefined, 'as the primary has it')
})

withRedis('a user needs no more than the rule that is documented', async (t) => {
  const server = await startRedis(t)
  const rule = documentedRule()
  await server.command('ACL', 'SETUSER', 'rollcall', 'on', '>sesame-17', ...rule)
  const access = { username: 'rollcall', password: Secret.of('sesame-17') }
  t.test('with it everything works', (t) => {
    checkStore(t, async (t) => {
      await server.command('FLUSHALL')
      return openRig(t, optionsOf(server, access))
    })
    t.end()
  })
  const refused = {
    evalsha: ['-evalsha'],
    subscribe: ['-subscribe', 'resetchannels'],
    'these keys': ['resetkeys', '~other:*'],
    'these channels': ['resetchannels'],
    // Valkey says which.
    'a command of a script|get': ['-get'],
  }
  for (const [what, change] of Object.entries(refused)) {
    t.test(`without it the message names ${what}`, async (t) => {
      await server.command('ACL', 'SETUSER', 'rollcall', 'reset', 'on', '>sesame-17', ...rule, ...change)
      const store = openStore(t, optionsOf(server, access))
      await until('it is refused', async () => {
        const { message } = await failure(store.look('s', wanted('a')))
        t.comment(message)
        return new RegExp(`\\(NOPERM\\): the user may not use (?:${what});`).test(message)
      })
    })
  }
})

/** What any step of a store may meet: a key, and the command that makes it something that was never written. */
const SPOILT: readonly (readonly [key: string, step: keyof typeof STEPS, ...command: string[]])[] = [
  ['{rollcall:s}:lease', 'look', 'SET', '{rollcall:s}:lease', 'rubbish'],
  ['{rollcall:s}:lease', 'look', 'SET', '{rollcall:s}:lease', '1\nrubbish'],
  ['{rollcall:s}:lease', 'look', 'SET', '{rollcall:s}:lease', '1\n"a" "b"\n"c"'],
  ['{rollcall:s}:lease', 'look', 'SET', '{rollcall:s}:lease', '1\n"\\u12"\n"c"'],
  ['{rollcall:s}:lease', 'look', 'HSET', '{rollcall:s}:lease', 'a', 'b'],
  ['{rollcall:s}:lease', 'publish', 'HSET', '{rollcall:s}:lease', 'a', 'b'],
  ['{rollcall:s}:lease', 'expire', 'SET', '{rollcall:s}:lease', ''],
  ['{rollcall:s}:lease', 'release', 'LPUSH', '{rollcall:s}:lease', 'a'],
  ['{rollcall:s}:head', 'look', 'SET', '{rollcall:s}:head', '1\n1\nabc\nhead'],
  ['{rollcall:s}:head', 'look', 'SET', '{rollcall:s}:head', `1\n${'9'.repeat(16)}\n${'a'.repeat(64)}\nhead`],
  ['{rollcall:s}:head', 'take', 'SADD', '{rollcall:s}:head', 'a'],
  ['{rollcall:s}:head', 'publish', 'SET', '{rollcall:s}:head', ''],
  ['{rollcall:s}:list', 'take', 'SET', '{rollcall:s}:list', '1\nabc'],
  ['{rollcall:s}:list', 'take', 'SET', '{rollcall:s}:list', `1\n${'a'.repeat(64)}\nanother`],
  ['{rollcall:s}:list', 'publish', 'HSET', '{rollcall:s}:list', 'a', 'b'],
  ['{rollcall:s}:instances', 'register', 'SET', '{rollcall:s}:instances', 'a'],
  ['{rollcall:s}:instances', 'whole', 'HSET', '{rollcall:s}:instances', 'x', 'rubbish'],
  ['{rollcall:s}:instances', 'whole', 'HSET', '{rollcall:s}:instances', 'x', '01\nrubbish'],
  ['{rollcall:s}:instances', 'whole', 'SET', '{rollcall:s}:instances', 'a'],
  ['{rollcall:s}:heard', 'register', 'SET', '{rollcall:s}:heard', 'a'],
  ['{rollcall:s}:heard', 'heard', 'HSET', '{rollcall:s}:heard', 'a', 'b'],
  ['{rollcall:s}:log', 'register', 'SET', '{rollcall:s}:log', 'a'],
  ['{rollcall:s}:log', 'expire', 'SET', '{rollcall:s}:log', 'a'],
  ['{rollcall:s}:log', 'changes', 'XADD', '{rollcall:s}:log', '*', 'some', 'field'],
  ['{rollcall:s}:log', 'changes', 'XADD', '{rollcall:s}:log', '*', '1', 'x', 'other', 'field'],
  ['{rollcall:s}:log', 'changes', 'XADD', '{rollcall:s}:log', '*', '1', 'x', 'ending', 'other'],
  ['{rollcall:s}:events', 'events', 'SET', '{rollcall:s}:events', 'a'],
  ['{rollcall:s}:events', 'events', 'XADD', '{rollcall:s}:events', '*', 'some', 'field'],
  ['rollcall:replicas', 'meet', 'SET', 'rollcall:replicas', 'a'],
  ['rollcall:replicas', 'meet', 'HSET', 'rollcall:replicas', 'x', '1\nrubbish'],
  ['rollcall:replicas', 'meet', 'HSET', 'rollcall:replicas', 'x', '1\n9999999999999\nrubbish'],
  ['rollcall:replicas', 'meet', 'HSET', 'rollcall:replicas', 'x', '1\n9999999999999\n{"id":"x"}'],
  ['rollcall:replicas', 'meet', 'HSET', 'rollcall:replicas', 'x', '1\n9999999999999\n[]'],
  [
    'rollcall:replicas',
    'meet',
    'HSET',
    'rollcall:replicas',
    'x',
    '1\n9999999999999\n{"id":"x","name":"x","version":"1","leases":1.5}',
  ],
]

/** The same of a newer format. */
const NEWER: typeof SPOILT = [
  ['{rollcall:s}:lease', 'look', 'SET', '{rollcall:s}:lease', '2\nwhatever'],
  ['{rollcall:s}:head', 'take', 'SET', '{rollcall:s}:head', '2\nwhatever'],
  ['{rollcall:s}:list', 'take', 'SET', '{rollcall:s}:list', '2\nwhatever'],
  ['{rollcall:s}:instances', 'whole', 'HSET', '{rollcall:s}:instances', 'x', '2\nwhatever'],
  ['{rollcall:s}:log', 'changes', 'XADD', '{rollcall:s}:log', '*', '2', 'whatever'],
  ['{rollcall:s}:events', 'events', 'XADD', '{rollcall:s}:events', '*', 'format', '2', 'what', 'ever'],
  ['rollcall:replicas', 'meet', 'HSET', 'rollcall:replicas', 'x', '2\nwhatever'],
]

const STEPS = {
  look: (store: ClusterStore) => store.look('s', wanted('a')),
  release: (store: ClusterStore) => store.release('s', 'a-1'),
  publish: (store: ClusterStore) => store.publish('s', publication({ base: 1, generation: 2 })),
  take: (store: ClusterStore) => store.take('s', undefined),
  register: (store: ClusterStore) => store.register('s', [{ id: 'new', line: 'new' }], ['x']),
  whole: (store: ClusterStore) => store.changesSince('s', undefined),
  changes: (store: ClusterStore, position: string) => store.changesSince('s', position),
  events: (store: ClusterStore) => store.eventsAfter('s', 0),
  heard: (store: ClusterStore) => store.heardSince('s', 0),
  expire: (store: ClusterStore) => store.expire('s', 'a-1', ['x'], 9e15),
  meet: (store: ClusterStore) => store.meet({ id: 'a', name: 'a', version: '1', leases: 0 }, 60_000),
}

for (const [fault, table, text] of [
  ['94: what was never written', SPOILT, 'is not what Rollcall writes there'],
  ['98: what a newer replica wrote', NEWER, 'has format 2'],
] as const) {
  withRedis(`${fault} fails the steps that need it, and changes nothing`, async (t) => {
    const server = await startRedis(t)
    const store = openStore(t, optionsOf(server))
    const types = async () => {
      const keys = ((await server.command('KEYS', '*')) as string[]).sort()
      return Promise.all(keys.map(async (key) => [key, String(await server.command('DUMP', key))]))
    }
    for (const [key, step, ...command] of table) {
      await server.command('FLUSHALL')
      await store.look('s', wanted('a'))
      await store.publish('s', publication())
      await store.register('s', [{ id: 'x', line: 'x' }], [])
      const { position } = await store.changesSince('s', undefined)
      if (!/^(HSET|XADD) \S+ (x|\*) /.test(command.join(' '))) await server.command('DEL', key)
      await server.command(...command)
      const before = await types()
      const { message } = await failure(STEPS[step](store, position))
      t.match(message, key, command.join(' '))
      t.match(message, text)
      if (step !== 'meet') t.same(await types(), before, `${command.join(' ')}: nothing changed`)
    }
  })
}

withRedis('something else where the events would be costs the events, and no list', async (t) => {
  const server = await startRedis(t)
  const store = openStore(t, optionsOf(server))
  const news = { events: Buffer.from('never stored'), since: 0, maxBytes: 1e6 }
  const spoilt = {
    'another type': ['SET', '{rollcall:s}:events', 'a'],
    'a later entry': ['XADD', '{rollcall:s}:events', '9999999999999-0', 'a', 'b'],
  }
  for (const [what, command] of Object.entries(spoilt)) {
    await server.command('FLUSHALL')
    await store.look('s', wanted('a'))
    await server.command(...command)
    t.equal(await store.publish('s', publication({ news })), 'published', what)
    t.equal(String((await store.take('s', undefined))?.list), 'list')
  }
})

withRedis('messages that are none, or of a newer replica, are left out', async (t) => {
  const server = await startRedis(t)
  const { a, b } = await openRig(t, optionsOf(server))
  const heard: Message[] = []
  a.listen((message) => heard.push(message))
  const rubbish = [
    'rubbish',
    'null',
    '{}',
    '{"format":2,"kind":"refresh","source":"s"}',
    '{"format":1,"kind":"refresh"}',
    '{"format":1,"kind":"other","source":"s"}',
    '{"format":1,"kind":"refresh","source":"s"}',
    '{"format":1,"kind":"accept","source":"s","id":"q"}',
    '{"format":1,"kind":"answer","source":"s","id":"q","result":"other","why":"","generation":1}',
    '{"format":1,"kind":"answer","source":"s","id":"q","result":"held","generation":1}',
    '{"format":1,"kind":"answer","source":"s","id":"q","result":"held","why":""}',
    '{"format":1,"kind":"unheard","source":"s","why":"w"}',
    '{"format":1,"kind":"unheard","source":"s","forMs":1}',
  ]
  for (const text of rubbish) await server.command('PUBLISH', 'rollcall:messages', text)
  await b.tell({ kind: 'refresh', source: 's', id: 'q' })
  await until('the last is heard', () => heard.length > 0)
  t.same(heard, [{ kind: 'refresh', source: 's', id: 'q' }])
})

withRedis('a list of many megabytes travels in parts, and only when it is new', async (t) => {
  const server = await startRedis(t)
  const { a, b } = await openRig(t, optionsOf(server))
  await a.look('s', wanted('a'))
  const list = randomBytes(30 * MIB)
  const digest = createHash('sha256').update(list).digest('hex')
  const [published] = await Promise.all([a.publish('s', publication({ list, digest })), glance(a)])
  t.equal(published, 'published')
  const [taken] = await Promise.all([b.take('s', undefined), glance(b)])
  t.ok(taken?.list?.equals(list))
  const inputBytes = async () =>
    Number(/total_net_input_bytes:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1])
  const before = await inputBytes()
  t.equal(await a.publish('s', publication({ base: 1, generation: 2, list, digest })), 'published')
  t.equal(await b.publish('s', publication({ base: 2, generation: 3, list, digest })), 'published')
  t.ok((await inputBytes()) - before < MIB)
})

withRedis('a list that is replaced while it is taken is taken anew, but not for ever', async (t) => {
  const server = await startRedis(t)
  const { a, b } = await openRig(t, optionsOf(server))
  await a.look('s', wanted('a'))
  let generation = 0
  let isTaken = false
  const replace = async () => {
    const list = randomBytes(9 * MIB)
    const digest = createHash('sha256').update(list).digest('hex')
    const next = publication({ base: generation, generation: ++generation, list, digest })
    return a.publish('s', next)
  }
  await replace()
  const replacing = (async () => {
    while (!isTaken) t.equal(await replace(), 'published')
  })()
  await until(
    'it changed too fast once',
    async () => {
      const taken = await b.take('s', undefined).catch((error: Error) => error)
      if (taken instanceof Error) return taken.message.includes('changes faster')
      const { list, digest } = taken as { list: Buffer; digest: string }
      if (createHash('sha256').update(list).digest('hex') !== digest) throw new Error('torn')
      return false
    },
    { everyMs: 1 },
  )
  isTaken = true
  await replacing
  t.ok((await b.take('s', undefined))?.list)
})

withRedis('TLS with a certificate on both sides', async (t) => {
  const folder = t.testdir()
  const ca = authority(folder)
  const [own, client] = [ca.sign('server', 'DNS:localhost,IP:127.0.0.1'), ca.sign('client')]
  const port = await freePort()
  await startRedis(t, [
    `tls-port ${port}`,
    `tls-cert-file ${own.certFile}`,
    `tls-key-file ${own.keyFile}`,
    `tls-ca-cert-file ${ca.certFile}`,
  ])
  const at = { kind: 'single', server: { host: '127.0.0.1', port, isTls: true } } as const
  const trusted = tlsOptions({ ca: Secret.of(ca.cert), ...proof(client) })
  const store = openStore(t, { ...optionsOf(at.server, { tls: trusted }), at })
  t.equal((await store.look('s', wanted('a'))).holder?.id, 'a-1')
  const stranger = openStore(t, { ...optionsOf(at.server), at })
  t.match((await failure(glance(stranger))).message, /certificate/)
  const plain = openStore(t, optionsOf(at.server))
  t.match((await failure(glance(plain))).message, `127.0.0.1:${port}`)
  t.ok(await createTlsReader(trusted)())
})

/** A server that is none of Redis: what it does with each connection. */
async function stranger(t: Test, behave: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.resume()
    behave(socket)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, sockets } as const
}

const answering = (text: string) => (socket: Socket) => void socket.on('data', () => socket.write(text))

for (const [name, behave, text] of [
  ['speaks HTTP', answering('HTTP/1.1 400 Bad Request\r\n\r\n'), 'does not answer as Valkey or Redis'],
  ['hangs up', (socket: Socket) => void socket.end(), 'cannot be reached'],
  ['says nothing', () => {}, 'connecting took longer than 2 s'],
  ['answers everything with OK', answering('+OK\r\n'), 'rollcall'],
  ['answers everything with nothing', answering('_\r\n'), 'rollcall'],
  ['answers with the wrong kind of list', answering('*1\r\n:1\r\n'), 'rollcall'],
  ['quotes the password', answering("-ERR unknown command 'HELLO', with args: 'sesame-17'\r\n"), '(ERR)'],
  ['refuses in words of its own', answering('-go away\r\n'), 'without a code'],
  ['is a server of a cluster', answering('-MOVED 1 127.0.0.1:1\r\n'), '(MOVED)'],
] as const) {
  t.test(`94: a server that ${name} is told, and nothing of it believed`, async (t) => {
    const { sockets, ...address } = await stranger(t, behave)
    const password = Secret.of('sesame-17')
    const store = openStore(t, optionsOf(address, { password }))
    for (const step of Object.values(STEPS)) {
      const { message, ms } = await failure(step(store, '1-1'))
      t.match(message, text)
      t.notMatch(message, 'sesame')
      t.ok(ms < 3_000)
    }
    await store.close()
    await until('nothing is open', () => [...sockets].every((socket) => socket.closed))
  })
}

t.test('the first address of several that cannot be reached says why', async (t) => {
  const each = ['ECONNREFUSED ::1', 'ECONNREFUSED 127.0.0.1'].map((text) => new Error(text))
  t.match(storeError(new AggregateError(each), 'there:1').message, /there:1 .*::1/)
  t.match(storeError(new AggregateError([], 'nothing'), 'there:1').message, /there:1 .*nothing/)
})

t.test('a store that is closed while it connects leaves nothing open', async (t) => {
  const { sockets, ...address } = await stranger(t, () => {})
  const store = openStore(t, optionsOf(address))
  const under = failure(glance(store))
  await until('it connects', () => sockets.size > 0)
  await store.close()
  const { message, ms } = await under
  t.match(message, 'closed')
  t.ok(ms < 1_000)
  await until('nothing is open', () => [...sockets].every((socket) => socket.closed))
  t.match((await failure(store.tell({ kind: 'refresh', source: 's', id: 'q' }))).message, 'closed')
})
