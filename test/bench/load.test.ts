import { once } from 'node:events'
import t from 'tap'
import { OptionError, readLoadOptions } from '../../bench/load/options.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { spawnNode } from '../helpers/node.ts'

const URL_TEXT = 'http://127.0.0.1:8080/targets'

/** Runs the command to its end. */
async function load(args: readonly string[]) {
  const child = spawnNode(['build/bench/load.js', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const [code] = await once(child, 'close')
  return { code, out, err }
}

t.test('options have defaults, and headers may be repeated', async (t) => {
  t.match(readLoadOptions([URL_TEXT]), {
    seconds: 10,
    connections: 10,
    rate: undefined,
    method: 'GET',
    json: false,
  })
  const given = [
    '--seconds=0.5',
    '--connections',
    '3',
    '--rate=20',
    '--method=post',
    '--header=A: b',
    '--header=C:d',
  ]
  t.match(readLoadOptions([URL_TEXT, ...given]), {
    seconds: 0.5,
    connections: 3,
    rate: 20,
    method: 'POST',
    headers: { a: 'b', c: 'd' },
  })
  t.equal(readLoadOptions(['--help']), 'help')
})

const WRONG: Record<string, readonly string[]> = {
  'which URL? write npm run tool -- load http://127.0.0.1:8080/targets': [],
  '"localhost" is not an http or https URL': ['localhost'],
  'one URL at a time; "b" is one too many': [URL_TEXT, 'b'],
  'there is no --rat; did you mean --rate?': [URL_TEXT, '--rat=1'],
  'there is no --xyzzyplugh': [URL_TEXT, '--xyzzyplugh'],
  "Option '--seconds <value>' argument missing": [URL_TEXT, '--seconds'],
  '--rate is "0"; write a number over 0': [URL_TEXT, '--rate=0'],
  '--rate is ""; write a number over 0': [URL_TEXT, '--rate='],
  '--seconds is "soon"; write a number over 0': [URL_TEXT, '--seconds=soon'],
  '--connections is "1.5"; write a whole number': [URL_TEXT, '--connections=1.5'],
  '--header is "Accept"; write a name, a colon and a value': [URL_TEXT, '--header=Accept'],
  '--method is "G E T"; write one such as GET or POST': [URL_TEXT, '--method=G E T'],
}

for (const [message, argv] of Object.entries(WRONG)) {
  t.test(`wrong input is explained: ${message}`, async (t) => {
    try {
      readLoadOptions(argv)
      t.fail('it was accepted')
    } catch (error) {
      t.ok(error instanceof OptionError)
      t.match((error as Error).message, message)
    }
  })
}

t.test('a load on a server that answers is reported, and ends with 0', async (t) => {
  const server = await inventoryServer(t, ['a'])
  const { code, out, err } = await load([server.url.href, '--seconds=0.3', '--connections=2', '--json'])
  t.equal(code, 0, err)
  const result = JSON.parse(out)
  t.equal(result.requests, server.requests.length)
  t.same(result.statuses, { 200: result.requests })
  t.ok(result.requests > 2 && result.requestsPerSecond > 0 && result.bytesPerSecond > 0)
  t.ok(result.latency.p50 > 0 && result.latency.p50 <= result.latency.max)
  t.same([result.errors, result.failed], [{}, 0])
})

t.test('at a rate, as many requests are sent as the rate says, however slow the answers are', async (t) => {
  const server = await inventoryServer(t)
  // No request is answered before the last has come in: a loop that waited for answers would send two.
  const waiting: (() => void)[] = []
  server.handle((_request, response) => {
    waiting.push(() => void response.end('ok'))
    if (waiting.length === 20) for (const answer of waiting) answer()
  })
  const args = [
    '--seconds=0.4',
    '--rate=50',
    '--connections=20',
    '--json',
    '--header=X-Test: yes',
    '--method=POST',
  ]
  const { code, out, err } = await load([server.url.href, ...args])
  t.equal(code, 0, err)
  const result = JSON.parse(out)
  t.equal(result.requests, 20)
  t.equal(server.requests[0]?.headers['x-test'], 'yes')
  t.equal(server.requests[0]?.method, 'POST')
  // The first waited for all the others to be sent: 19 intervals of 20 ms.
  t.ok(result.latency.max >= 300, `the longest took ${result.latency.max} ms`)
})

t.test('a status, a connection that is cut, and nothing there each end with 1, by kind', async (t) => {
  const server = await inventoryServer(t)
  server.handle((_request, response) => response.writeHead(404).end())
  const short = ['--seconds=0.2', '--connections=1', '--json']
  const missing = await load([server.url.href, ...short])
  t.equal(missing.code, 1)
  t.ok(JSON.parse(missing.out).statuses[404] > 0)
  server.handle((_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy())
  })
  const cut = await load([server.url.href, ...short])
  t.equal(cut.code, 1)
  t.same(Object.keys(JSON.parse(cut.out).statuses), [], 'half an answer is no answer')
  t.match(Object.keys(JSON.parse(cut.out).errors)[0], /^UND_ERR_SOCKET|ECONNRESET$/)
  await server.stop()
  const refused = await load([server.url.href, '--seconds=0.2', '--connections=1'])
  t.equal(refused.code, 1)
  t.match(refused.out, 'ECONNREFUSED')
  t.match(refused.out, 'nothing was answered')
})

t.test('a user and password are sent, and never shown', async (t) => {
  const server = await inventoryServer(t, [])
  const url = new URL(server.url)
  url.username = 'me'
  url.password = 'hunter2'
  const { code, out } = await load([url.href, '--seconds=0.1', '--rate=20'])
  t.equal(code, 0)
  t.equal(server.requests[0]?.headers.authorization, `Basic ${Buffer.from('me:hunter2').toString('base64')}`)
  t.notMatch(out, 'hunter2')
})

t.test('wrong input ends with 2, and help with 0', async (t) => {
  t.match(await load([]), { code: 2, err: 'which URL?', out: '' })
  const help = await load(['--help'])
  t.equal(help.code, 0)
  for (const flag of ['seconds', 'connections', 'rate', 'method', 'header', 'body', 'timeout', 'json']) {
    t.match(help.out, `--${flag}`)
  }
})
