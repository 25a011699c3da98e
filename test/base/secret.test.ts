import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { MASK, Secret, withoutCutEnd } from '../../src/base/secret.ts'
import { manualClock } from '../helpers/clock.ts'
import { diskFiles } from '../helpers/files.ts'
import { memoryFiles } from '../helpers/memory-files.ts'

t.test('51: a secret cannot be printed', async (t) => {
  const secret = Secret.of('hunter2')
  for (const printed of [`${secret}`, JSON.stringify({ secret }), inspect({ secret }), String(secret)]) {
    t.notMatch(printed, 'hunter2')
    t.match(printed, MASK)
  }
  t.equal(await secret.reveal(), 'hunter2')
})

t.test('a secret in a file is read each time it is asked for', async (t) => {
  const path = join(t.testdir({ token: ' first\n' }), 'token')
  const secret = Secret.file(path, diskFiles)
  t.equal(await secret.reveal(), 'first')
  writeFileSync(path, 'second\n')
  t.equal(await secret.reveal(), 'second')
})

t.test('a secret file that is not there fails the refresh, and says which it is', async (t) => {
  await t.rejects(Secret.file('/nowhere/token', diskFiles).reveal(), {
    name: 'RefreshError',
    reason: 'file',
    message: /^the secret file \/nowhere\/token cannot be read: ENOENT/,
  })
})

t.test('80: a secret file is told to be out of reach as what it is', async (t) => {
  const rows: [code: string, reason: string, message: RegExp][] = [
    [
      'EMFILE',
      'local',
      /cannot be read: EMFILE: .*; this process has no file descriptors left; raise its limit/,
    ],
    ['ENFILE', 'local', /; this machine has no file descriptors left/],
    ['EACCES', 'file', /cannot be read: EACCES: .*; this process may not do that; check its user/],
    ['EIO', 'file', /cannot be read: EIO: /],
  ]
  for (const [code, reason, message] of rows) {
    const files = memoryFiles({ clock: manualClock() })
    files.fail('/run', code)
    await t.rejects(Secret.file('/run/token', files).reveal(), { reason, message }, code)
  }
})

t.test('78: a secret file that hangs fails in half the usual timeout of a refresh', async (t) => {
  const clock = manualClock()
  const files = memoryFiles({ clock })
  files.hang('/run/token')
  const failed = t.rejects(Secret.file('/run/token', files).reveal(), {
    reason: 'file',
    message:
      /^the secret file \/run\/token cannot be read: reading .* hangs: there has been no answer for 5 s/,
  })
  clock.pass(5_000)
  await failed
})

t.test('79: what may be the beginning of a secret is cut off, in time that grows with it', async (t) => {
  const rows: [text: string, secret: string, expected: string][] = [
    ['say hunt', 'hunter2', `say ${MASK}`],
    ['say HUNTER', 'hunter2', `say ${MASK}`],
    ['say hun', 'hunter2', 'say hun'],
    ['say hunted', 'hunter2', 'say hunted'],
    ['hunthunt', 'hunter2', `hunt${MASK}`],
    ['ababab', 'abababac', MASK],
    ['xababa', 'ababab', `x${MASK}`],
    ['', 'hunter2', ''],
    ['hunter2', 'a', 'hunter2'],
    ['hunter2', '', 'hunter2'],
  ]
  for (const [text, secret, expected] of rows) t.equal(withoutCutEnd(text, secret, 4), expected, text)
  const long = 'a'.repeat(200_000)
  const before = performance.now()
  t.equal(withoutCutEnd(`${long}b`, long, 4), `${long}b`)
  t.equal(withoutCutEnd(`${long}b`, `${long}c`, 4), `${long}b`)
  t.ok(performance.now() - before < 1_000, 'not a minute')
})
