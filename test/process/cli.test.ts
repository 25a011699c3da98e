import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../helpers/cli.ts'
import { runHere } from '../helpers/commands.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

t.test('--version and --help print and end', async (t) => {
  t.match(await run(['--version']), {
    code: 0,
    out: `rollcall ${version} (Node.js ${process.version})\n`,
    err: '',
  })
  for (const args of [['--help'], ['-h'], ['help'], ['serve', '--help']]) {
    const { code, out } = await run(args)
    t.equal(code, 0, args.join(' '))
    t.match(out, /Usage: rollcall \[command\] \[flags\]/)
  }
})

t.test(
  'wrong input is one clear line on standard error and exit code 2, from serve and check alike',
  async (t) => {
    const path = join(t.testdir(), 'rollcall.yml')
    writeFileSync(path, 'sources:\n  - name: a\n    http: { url: 5 }\n')
    const rows: [args: string[], env: Record<string, string>, err: string | RegExp][] = [
      [['--bogus'], {}, 'rollcall: --bogus: there is no such flag; rollcall --help lists the flags\n'],
      [[`--config.file=${path}`], {}, `rollcall: ${path}:3:18: sources[0].http.url: 5 is not a text\n`],
      [[], { INVENTORY_URL: 'x' }, /^rollcall: INVENTORY_URL: "x" is not an http or https URL; [^\n]*\n$/],
      [['--log.level=loud'], {}, /^rollcall: --log.level: "loud" is not a log level; [^\n]*\n$/],
    ]
    for (const [args, env, err] of rows) {
      t.match(await run(['serve', ...args], env), { code: 2, out: '', err }, `serve ${args.join(' ')}`)
      const checked = await runHere(['check', ...args], env)
      t.match({ ...checked, err: `rollcall: ${checked.err}` }, { code: 2, out: '', err }, 'and check')
    }
  },
)

t.test(
  'a Node.js that is too old is told in one sentence, by the program and before anything is built',
  async (t) => {
    const { engines } = JSON.parse(readFileSync('package.json', 'utf8'))
    const [, oldest] = /^>=(\d+\.\d+)\.0$/.exec(engines.node) ?? []
    const [major, minor] = String(oldest).split('.').map(Number) as [number, number]
    const rows: [version: string, isOld: boolean][] = [
      ['12.22.12', true],
      [`${major - 1}.99.0`, true],
      [`${major}.${minor - 1}.9`, true],
      [`${major}.${minor}.0`, false],
      [`${major + 1}.0.0`, false],
    ]
    for (const [version, isOld] of rows) {
      const text = `rollcall: Node.js ${version} is too old; install ${oldest}`
      const versions = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`
      const pretending = `--import="data:text/javascript,${encodeURIComponent(versions)}"`
      const ran = await run(['--version'], { NODE_OPTIONS: pretending })
      t.match(ran, isOld ? { code: 1, out: '', err: `${text} or later\n` } : { code: 0, err: '' }, version)
      if (!isOld) continue
      const env = { ...process.env, NODE_OPTIONS: pretending }
      const installed = spawnSync(process.execPath, ['scripts/install.mjs'], { env, encoding: 'utf8' })
      t.equal(installed.status, 1)
      t.match(installed.stderr, text)
    }
  },
)

t.test('a defect shows its stack, for the report, and exit code 1', async (t) => {
  const broken = 'process.stdout.write = () => { throw new Error("standard output is broken") }'
  const { code, err } = await run(['--version'], {
    NODE_OPTIONS: `--import="data:text/javascript,${encodeURIComponent(broken)}"`,
  })
  t.equal(code, 1)
  t.match(err, /^rollcall: unexpected error: Error: standard output is broken\n {4}at /)
})

t.test('an unknown command and a stray word', async (t) => {
  t.match(await run(['serv']), {
    code: 2,
    err: 'rollcall: serv: there is no such command; did you mean serve?\n',
  })
  t.match(await run(['frobnicate']), {
    code: 2,
    err: 'rollcall: frobnicate: there is no such command; use one of serve, check, targets, explain, restore, sensor, demo, completion\n',
  })
  t.match(await run(['serve', 'now']), {
    code: 2,
    err: 'rollcall: now: unexpected; a command takes only flags\n',
  })
})

t.test('check says what is configured, without touching the network', async (t) => {
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(
    path,
    'sources:\n  - { name: a, http: { url: "http://inventory.invalid" } }\n  - { name: b, http: { url: "http://b.invalid" } }\n',
  )
  t.match(await run(['check', `--config.file=${path}`]), {
    code: 0,
    out: 'SUCCESS: the configuration is valid: 2 sources (a, b)\n',
    err: '',
  })
  t.match(await runHere(['check', `--config.file=${path}`], { METRICS_PORT: '1' }), {
    code: 0,
    out: 'WARNING: METRICS_PORT has no effect with a configuration file\nSUCCESS: the configuration is valid: 2 sources (a, b)\n',
  })
  t.match(await runHere(['check'], { INVENTORY_URL: 'http://a.invalid' }), {
    out: 'SUCCESS: the configuration is valid: 1 source (inventory)\n',
  })
  t.match(await run(['check']), {
    code: 2,
    out: '',
    err: 'rollcall: there is no inventory to check: set --config.file or INVENTORY_URL; without them the demo would be served, which needs no check\n',
  })
})

t.test('a port that is taken is one clear line with the way out, and exit code 1', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`
  const busy = 'another program uses this address; stop it, or choose another one with'
  t.match(
    await run([`--web.listen-address=${address}`, '--log.format=json'], {
      INVENTORY_URL: 'http://127.0.0.1:1/',
    }),
    {
      code: 1,
      err: `rollcall: cannot listen on ${address}: ${busy} --web.listen-address=127.0.0.1:PORT\n`,
    },
  )
  t.match(await run(['demo', '--web.listen-address=127.0.0.1:0', `--demo.listen-address=${address}`]), {
    code: 1,
    err: `rollcall: cannot listen on ${address} for the demo's inventory: ${busy} --demo.listen-address=127.0.0.1:PORT\n`,
  })
  const { code, err } = await run([
    'demo',
    `--web.listen-address=${address}`,
    '--demo.listen-address=127.0.0.1:0',
  ])
  t.equal(code, 1)
  t.match(err, `rollcall: cannot listen on ${address}: ${busy} --web.listen-address=127.0.0.1:PORT\n`)
})
