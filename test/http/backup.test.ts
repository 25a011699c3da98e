import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import { HttpError } from '../../src/base/errors.ts'
import { readHalf } from '../helpers/app.ts'
import { until } from '../helpers/until.ts'

const URL_PATH = '/api/v1/backup'

t.test('a backup is a file that no cache keeps', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  const answer = await app.inject(URL_PATH)
  t.equal(answer.payload, 'a backup')
  t.match(answer, {
    statusCode: 200,
    headers: {
      'content-type': 'application/gzip',
      'content-disposition': /^attachment; filename="rollcall-2026-01-01T\d{6}\.\d{3}Z\.backup"$/,
      'cache-control': 'no-store',
    },
  })
  t.equal(answer.headers['content-encoding'], undefined)
  t.match(await app.inject({ method: 'HEAD', url: URL_PATH }), { statusCode: 200, payload: '' })
  t.equal(state.backups, 2)
})

t.test('55: a backup is made for nobody unless it was switched on, and for no page elsewhere', async (t) => {
  const off = await readHalf(t)
  const answer = await off.app.inject(URL_PATH)
  t.match([answer.statusCode, answer.json()], [403, { error: { code: 'lifecycle_disabled' } }])
  t.equal(off.state.backups, 0)
  const on = await readHalf(t, { enableLifecycle: true })
  const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' }
  t.match((await on.app.inject({ url: URL_PATH, headers })).json(), { error: { code: 'cross_site' } })
  t.match((await on.app.inject(`${URL_PATH}?source=a`)).json(), { error: { code: 'bad_request' } })
  t.equal(on.state.backups, 0)
})

t.test('while a backup is sent there is no other; one that nobody wants any more is none', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  let isEnded = false
  const endless = new Readable({ read: () => {}, destroy: (error, done) => done(error) })
  endless.once('close', () => {
    isEnded = true
  })
  endless.push('the beginning')
  state.backup = () => endless
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const first = get({ port, path: URL_PATH, agent: false })
  const [response] = (await once(first, 'response')) as [IncomingMessage]
  await once(response, 'data')
  const second = await app.inject(URL_PATH)
  t.match([second.statusCode, second.headers['retry-after']], [503, '5'])
  t.match(second.json(), { error: { code: 'overloaded', message: /another backup/ } })
  response.destroy()
  await until('the work ends', () => isEnded)
  state.backup = () => {
    throw new HttpError('backup_unavailable', 'why', 10)
  }
  const third = await app.inject(URL_PATH)
  t.match([third.statusCode, third.headers['retry-after']], [503, '10'])
  t.match(third.json(), { error: { code: 'backup_unavailable', message: 'why' } })
  state.backup = () => Readable.from([Buffer.from('another')])
  t.equal((await app.inject(URL_PATH)).payload, 'another', 'one that failed is over too')
})

t.test('who leaves while a backup is made ends it, and it alone, when it is made', async (t) => {
  const { app, state } = await readHalf(t, { enableLifecycle: true })
  let make: (bytes: Readable) => void = () => {}
  state.backup = () =>
    new Promise<Readable>((resolve) => {
      make = resolve
    }) as unknown as Readable
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const first = get({ port, path: URL_PATH, agent: false }).on('error', () => {})
  const closed = new Promise((resolve) => first.on('close', resolve))
  await until('it is being made', () => state.backups === 1)
  first.destroy()
  await closed
  t.equal((await app.inject(URL_PATH)).statusCode, 503, 'it is still being made')
  const bytes = new Readable({ read: () => {} })
  make(bytes)
  await once(bytes, 'close')
  state.backup = () => Readable.from([Buffer.from('another')])
  t.equal((await app.inject(URL_PATH)).payload, 'another')
})
