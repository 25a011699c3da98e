import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { MASK, Secret } from '../../src/base/secret.ts'
import { diskFiles } from '../helpers/files.ts'

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
