import { once } from 'node:events'
import { openSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { CLI, run } from '../helpers/cli.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { spawnNode } from '../helpers/node.ts'

t.test('each command prints its result, and ends with its code', async (t) => {
  const inventory = await inventoryServer(t, ['a', 5])
  const env = { INVENTORY_URL: inventory.url.href }
  const targets = await run(['targets', '--format=table'], env)
  t.match(targets, {
    code: 0,
    out: /^SOURCE .*\ninventory {2}a:9100\n/,
    err: /^inventory: 1 target in 1 group/,
  })
  t.match(await run(['explain', 'a'], env), { code: 0, out: /^would be served as a:9100\n/, err: '' })
  t.match(await run(['check', '--probe'], env), {
    code: 0,
    out: /^configuration: valid: 1 source .*\ninventory: 1 target[\s\S]*\nSUCCESS: .* reading the sources found no fault\n$/,
    err: '',
  })
  await inventory.stop()
  t.match(await run(['explain', 'a', '--source=inventory'], env), { code: 1, out: /^not found; / })
  t.match(await run(['targets', '--source=b'], env), {
    code: 2,
    out: '',
    err: 'rollcall: --source: there is no source "b"; the sources are inventory\n',
  })
})

t.test('check touches the network only when it shall probe', async (t) => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const env = { INVENTORY_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
  t.match(await run(['check'], env), {
    code: 0,
    out: 'SUCCESS: the configuration is valid: 1 source (inventory)\n',
  })
  t.equal(connections, 0)
  const probed = await run(['check', '--probe'], env)
  t.equal(probed.code, 1)
  t.match(probed.out, /^configuration: valid: 1 source \(inventory\)\ninventory: failed after \d/)
  t.ok(connections > 0)
})

t.test('wrong questions are one clear line', async (t) => {
  const rows: [args: string[], err: RegExp][] = [
    [['explain'], /^rollcall: rollcall explain QUERY: the query is empty; give a host/],
    [['explain', ''], /the query is empty/],
    [['explain', 'x'.repeat(257)], /the query is longer than 256 characters/],
    [['explain', 'a', 'b'], /^rollcall: b: unexpected; quote a query that has spaces\n$/],
    [['targets', 'a'], /^rollcall: a: unexpected; a command takes only flags\n$/],
    [
      ['check', 'package.json'],
      /^rollcall: package\.json: unexpected; a command takes only flags; write --config\.file=package\.json\n$/,
    ],
    [
      ['package.json'],
      /there is no such command; a command takes only flags; write --config\.file=package\.json\n$/,
    ],
    [['--probe'], /^rollcall: --probe: belongs to rollcall check\n$/],
  ]
  for (const [args, err] of rows) {
    const result = await run(args, { INVENTORY_URL: 'http://127.0.0.1:1/' })
    t.equal(result.code, 2, args.join(' ').slice(0, 40))
    t.match(result.err, err)
  }
})

t.test('--help lists the flags of each command below it', async (t) => {
  for (const args of [['--help'], ['help']]) {
    const { out } = await run(args)
    t.match(out, /\n {2}check .*\n {4}--against=<URL> .*\n {4}--syntax-only .*\n {4}--probe +Then read/)
    t.match(out, /\n {2}targets .*\n {4}--source=<name> .*\n {4}--format=<json\|table> /)
    t.match(
      out,
      /\n {2}explain .*\n {4}--source=<name> .*\n {4}--format=<text\|json> .*\n {4}--prometheus\.url=<URL> /,
    )
  }
})

t.test('each command has a help of its own, with examples', async (t) => {
  for (const args of [
    ['explain', '--help'],
    ['help', 'explain'],
  ]) {
    const { out, code } = await run(args)
    t.equal(code, 0)
    t.match(
      out,
      /^Say why .*\n\nUsage: rollcall explain <host, .*> \[flags\]\n\nExamples:\n {2}rollcall explain /,
    )
    t.match(out, /\nFlags of this command:\n {2}--source=<name> .*\n {2}--format=<text\|json> /)
    t.notMatch(out, /--against/)
  }
  t.match(
    (await run(['demo', '--help'])).out,
    /Usage: rollcall demo \[flags\]\n\nExamples:\n {2}rollcall demo\n/,
  )
  t.match((await run(['completion', '-h'])).out, /Usage: rollcall completion <bash\|zsh\|fish>\n/)
  t.match((await run(['help', 'nothing'])).out, /^Rollcall turns/)
})

t.test('completion is printed for shells that are known', async (t) => {
  t.match((await run(['completion', 'bash'])).out, /^# bash completion of rollcall/)
  for (const [args, err] of [
    [['completion'], 'rollcall: completion: which shell? write rollcall completion bash|zsh|fish\n'],
    [
      ['completion', 'tcsh'],
      'rollcall: completion: tcsh: this shell is not supported; write rollcall completion bash|zsh|fish\n',
    ],
    [['completion', 'bash', 'zsh'], 'rollcall: zsh: unexpected; name one shell\n'],
  ] as const) {
    const result = await run(args)
    t.same([result.code, result.err], [2, err])
  }
})

t.test('a reader that stops early is no error; a disk that is full is one', async (t) => {
  const closed = spawnNode([CLI, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  closed.stdout?.destroy()
  let err = ''
  closed.stderr?.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const [code] = await once(closed, 'close')
  t.same({ code, err }, { code: 0, err: '' })
  const full = spawnNode([CLI, '--help'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
  })
  const [failed] = await once(full, 'close')
  t.equal(failed, 1)
})
