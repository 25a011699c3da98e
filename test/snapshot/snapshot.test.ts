import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { freeze } from '../../src/snapshot/snapshot.ts'

t.test('a snapshot holds the bytes, their gzip form and their SHA-256', async (t) => {
  const body = Buffer.from('[\n{"targets":["a:1"],"labels":{}}\n]\n')
  const snapshot = await freeze(body, { groups: 1, targets: 1 }, 5)
  t.equal(snapshot.digest, createHash('sha256').update(body).digest('hex'))
  t.same(gunzipSync(snapshot.gzip), body)
  t.match(snapshot, { body, groups: 1, targets: 1, changedAtMs: 5 })
})
