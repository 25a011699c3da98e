import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { RefreshError } from '../../../src/base/errors.ts'
import { Secret } from '../../../src/base/secret.ts'
import { JSON_FORMAT } from '../../../src/model/document.ts'
import { assertExecutable } from '../../../src/sources/command/executable.ts'
import { type CommandOptions, createCommandSource } from '../../../src/sources/command/source.ts'
import { addressesOf } from '../../../src/sources/kinds.ts'
import { until } from '../../helpers/until.ts'

const PATH = String(process.env.PATH)
const NEVER = new AbortController().signal

/** A source that runs a script of sh in a folder of its own. */
function scripted(t: Test, script: string, change: Partial<CommandOptions> = {}) {
  const folder = t.testdir()
  const source = createCommandSource(
    {
      ...{ kind: 'command', argv: ['sh', '-c', script], env: { PATH }, folder },
      ...{ format: JSON_FORMAT, maxBytes: 1_000, ...change },
    },
    { clock: systemClock },
  )
  t.teardown(() => source.close())
  const read = async (signal = NEVER) => {
    const reading = await source.read(signal)
    return reading.kind === 'documents' ? Buffer.from(reading.documents[0]?.bytes ?? []).toString() : ''
  }
  const failure = (signal = NEVER): Promise<RefreshError> =>
    read(signal).then(
      (text) => t.fail(`a reading: ${text}`),
      (error) => error,
    )
  return { folder, source, read, failure }
}

/** Whether a process runs; one that has ended, and that nobody asked after, does not. */
function isRunning(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid.trim()}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** The processes that a script wrote down. */
async function pidsIn(folder: string, count: number): Promise<string[]> {
  const file = join(folder, 'pids')
  const pids = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [])
  await until('the script has begun', () => pids().length === count)
  return pids()
}

t.test('what a program writes is the inventory; it runs in its folder, without a shell', async (t) => {
  const { folder, read } = scripted(t, '', { argv: ['printf', '%s', '["$HOME","*"]'] })
  t.equal(await read(), '["$HOME","*"]')
  const { read: readFolder } = scripted(t, 'pwd', {})
  t.equal((await readFolder()).trim(), folder)
})

t.test('it gets the environment that it is given, and no other', async (t) => {
  process.env.ROLLCALL_TEST_CANARY = 'c4n4ry'
  t.teardown(() => void delete process.env.ROLLCALL_TEST_CANARY)
  const { read } = scripted(t, 'env', {
    maxBytes: 100_000,
    env: { PATH, PGHOST: 'db', PGPASSWORD: Secret.of('hunter22') },
  })
  const names = (await read()).split('\n').map((line) => line.split('=')[0])
  t.ok(['PGHOST', 'PGPASSWORD', 'PATH'].every((name) => names.includes(name)))
  t.notOk(names.includes('ROLLCALL_TEST_CANARY'))
})

t.test('it has nothing to read from', async (t) => {
  t.equal(await scripted(t, 'cat; echo "[]"').read(), '[]\n')
})

t.test('packed output is unpacked', async (t) => {
  t.equal(await scripted(t, 'echo "[]" | gzip').read(), '[]\n')
})

t.test(
  'half a list and exit status 1 is a failed reading, with what it wrote to standard error',
  async (t) => {
    const { failure } = scripted(t, 'printf \'["a",\'; echo "no such  table:\n devices" >&2; exit 1')
    t.match(await failure(), { name: 'RefreshError', reason: 'command' })
    t.equal((await failure()).message, '"sh" ended with exit status 1: no such table: devices')
  },
)

t.test('a whole list and another exit status is a failed reading', async (t) => {
  const { failure } = scripted(t, 'echo \'["a"]\'; exit 3')
  t.match(await failure(), { reason: 'command', message: /exit status 3$/ })
})

t.test('a whole list before a signal is a failed reading', async (t) => {
  const { failure } = scripted(t, 'echo \'["a"]\'; kill -9 $$')
  t.match(await failure(), { reason: 'command', message: /SIGKILL/ })
})

t.test(
  'a program that hangs is ended at the deadline, with its children, whatever they ignore',
  async (t) => {
    const script =
      'trap "" TERM; sh -c \'trap "" TERM; echo $$ >> pids; while :; do sleep 0.1; done\' & echo $$ >> pids; wait; wait'
    const { folder, failure, read } = scripted(t, script)
    const controller = new AbortController()
    const failed = failure(controller.signal)
    const pids = await pidsIn(folder, 2)
    t.same(pids.map(isRunning), [true, true])
    const reason = new RefreshError('timeout', 'too late')
    controller.abort(reason)
    t.equal(await failed, reason)
    t.same(pids.map(isRunning), [false, false])
    await t.rejects(read(controller.signal), reason, 'and none begins after it')
  },
)

t.test('a program that floods is ended, and none of it is taken', async (t) => {
  const { folder, failure } = scripted(t, 'echo $$ >> pids; while :; do echo 1234567890; done')
  t.match(await failure(), { reason: 'too_large', message: /max_size/ })
  const [pid = ''] = await pidsIn(folder, 1)
  t.notOk(isRunning(pid))
})

t.test('a flood of standard error is read, and shown in short', async (t) => {
  const script =
    'i=0; while [ $i -lt 3000 ]; do echo "an error that is long, with the number $i" >&2; i=$((i+1)); done; exit 1'
  const { message } = await scripted(t, script).failure()
  t.ok(message.length < 400, `${message.length}`)
  t.match(message, /the number 0 .* … /)
})

t.test('a program that leaves children behind has failed, and they are ended', async (t) => {
  const scripts = {
    'they hold its output open': "sleep 1000 & echo $! >> pids; echo '[]'",
    'they do not': "sleep 1000 >/dev/null 2>&1 & echo $! >> pids; echo '[]'",
  }
  for (const [name, script] of Object.entries(scripts)) {
    const { folder, failure } = scripted(t, script)
    t.match(await failure(), { reason: 'command', message: /left processes behind/ }, name)
    const [pid = ''] = await pidsIn(folder, 1)
    t.notOk(isRunning(pid), name)
  }
})

t.test('secrets do not show in messages, nor what a terminal would obey', async (t) => {
  const env = { PATH, PGPASSWORD: Secret.of('hunter22') }
  const script =
    'printf "%s" "bad password $PGPASSWORD for https://admin:c4n4ry@db/x, token=s3cr3t \\033[2J" >&2; exit 2'
  const { message } = await scripted(t, script, { env }).failure()
  t.match(message, /^"sh" ended with exit status 2: bad password <secret> for https:\/\/<secret>@db/)
  t.notMatch(message, /hunter22|c4n4ry|s3cr3t/)
  t.notOk(message.includes('\u001b'))
  const { source } = scripted(t, 'echo "[]"', { env })
  await source.read(NEVER)
  t.equal(source.redact?.('hunter22'), '<secret>')
})

t.test('a program that cannot be started is a failed reading', async (t) => {
  const missing = await scripted(t, '', { argv: ['rollcall-no-such-program'] }).failure()
  t.match(missing, {
    reason: 'command',
    message: /^"rollcall-no-such-program" cannot be started: it was not found/,
  })
  const { folder, failure } = scripted(t, '', { argv: ['./list'] })
  writeFileSync(join(folder, 'list'), '#!/bin/sh\necho "[]"\n')
  t.match(await failure(), { reason: 'command', message: /EACCES/ })
  const tooLong = await scripted(t, '', { argv: ['echo', 'x'.repeat(3_000_000)] }).failure()
  t.match(tooLong, { reason: 'command', message: /E2BIG/ })
})

t.test('one runs at a time, and closing ends it', async (t) => {
  const { folder, source, failure } = scripted(t, 'echo $$ >> pids; sleep 1000')
  const [first, second] = [failure(), failure()]
  const pids = await pidsIn(folder, 1)
  await source.close()
  t.match(await first, { reason: 'command', message: /closed/ })
  t.match(await second, { reason: 'command', message: /closed/ })
  t.same(pids.map(isRunning), [false])
  t.equal((await pidsIn(folder, 1)).length, 1, 'the second never began')
})

t.test('another program, argument, folder or host is another place, another password is not', async (t) => {
  const base: CommandOptions = {
    ...{ kind: 'command', argv: ['a', 'b'], folder: '/c', format: JSON_FORMAT, maxBytes: 1 },
    env: { PGHOST: 'one', PGPASSWORD: Secret.of('old') },
  }
  const places = [
    base,
    { ...base, argv: ['a', 'c'] },
    { ...base, folder: '/d' },
    { ...base, env: { ...base.env, PGHOST: 'two' } },
  ].map((one) => addressesOf(one).join())
  t.equal(new Set(places).size, 4)
  t.same(addressesOf({ ...base, env: { PGHOST: 'one', PGPASSWORD: Secret.of('new') } }), [places[0]])
})

t.test('whether a program can be run is known without running it', async (t) => {
  const folder = t.testdir({ list: '' })
  await t.rejects(assertExecutable('./list', folder), { message: /cannot be run: EACCES/ })
  await t.rejects(assertExecutable('list', folder, `/nowhere:${folder}`), {
    message: /"list" is in no folder of PATH/,
  })
  await t.rejects(assertExecutable('list', folder), { message: /in no folder of PATH/ })
  chmodSync(join(folder, 'list'), 0o755)
  await assertExecutable('./list', '/', folder).then(
    () => t.fail('it is relative to the folder of the configuration'),
    () => t.pass(),
  )
  await assertExecutable('./list', folder)
  await assertExecutable('list', folder, `/nowhere:${folder}`)
})
