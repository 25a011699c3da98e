import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { diskFiles } from '../helpers/files.ts'

/** The settings of a file whose `cluster:` has these keys. */
async function load(t: Test, cluster: object | undefined, env: Record<string, string> = {}) {
  const folder = t.testdir({ key: 'signature-17\n', password: 'sesame-17\n' })
  const path = join(folder, 'rollcall.yml')
  const sources = [{ name: 'sensors', http: { url: 'http://inventory/' } }]
  writeFileSync(path, JSON.stringify({ sources, cluster }))
  return loadSettings(readArguments([`--config.file=${path}`]), env, diskFiles)
}

const KEY = { signing_key_file: 'key' }

t.test('without the key nothing is shared', async (t) => {
  t.equal((await load(t, undefined)).cluster, undefined)
  t.equal(
    (await loadSettings(readArguments([]), { INVENTORY_URL: 'http://a/' }, diskFiles)).cluster,
    undefined,
  )
})

t.test('a single server, and what is so by default', async (t) => {
  const { cluster } = await load(t, { ...KEY, redis: { url: 'redis://valkey' } })
  t.match(cluster, {
    redis: {
      at: { kind: 'single', server: { host: 'valkey', port: 6379, isTls: false } },
      username: undefined,
      password: undefined,
      tls: undefined,
    },
    keyPrefix: 'rollcall',
    replica: hostname(),
  })
  t.equal(await cluster?.signingKey.reveal(), 'signature-17')
})

t.test('with TLS and a user', async (t) => {
  const redis = {
    url: 'rediss://${HOST}:7000/',
    username: '${WHO}',
    password_file: 'password',
    tls_config: { server_name: 'valkey' },
  }
  const { cluster, needs } = await load(
    t,
    { ...KEY, key_prefix: 'two', replica: 'r-1', redis },
    { HOST: '[::1]', WHO: 'me' },
  )
  t.match(cluster, {
    redis: {
      at: { kind: 'single', server: { host: '::1', port: 7000, isTls: true } },
      username: 'me',
      tls: { serverName: 'valkey' },
    },
    keyPrefix: 'two',
    replica: 'r-1',
  })
  t.equal(await cluster?.redis.password?.reveal(), 'sesame-17')
  t.notMatch(JSON.stringify(cluster), 'sesame')
  t.same(
    needs.map(({ where }) => where.replace(/.*: /, '')).filter((where) => where.startsWith('cluster')),
    ['cluster.redis.password_file', 'cluster.redis.tls_config', 'cluster.signing_key_file'],
  )
  for (const { assert } of needs) await assert()
})

t.test('Sentinels and clusters', async (t) => {
  const urls = ['redis://a', 'redis://b:1']
  const servers = [
    { host: 'a', port: 6379, isTls: false },
    { host: 'b', port: 1, isTls: false },
  ]
  const sentinel = await load(t, { ...KEY, redis: { sentinel: { master: 'm', urls } } })
  t.same(sentinel.cluster?.redis.at, { kind: 'sentinel', master: 'm', sentinels: servers })
  const cluster = await load(t, { ...KEY, redis: { cluster: urls } })
  t.same(cluster.cluster?.redis.at, { kind: 'cluster', servers })
  for (const place of [
    { sentinel: { master: 'm', urls: ['rediss://a', 'rediss://b'] } },
    { cluster: ['rediss://a'] },
  ]) {
    const settings = await load(t, { ...KEY, redis: { ...place, tls_config: { server_name: 'one' } } })
    t.equal(settings.cluster?.redis.tls?.serverName, 'one')
  }
})

t.test('the pod names the replica', async (t) => {
  const keys = { ...KEY, redis: { url: 'redis://a' } }
  t.equal((await load(t, keys, { POD_NAME: 'rollcall-0' })).cluster?.replica, 'rollcall-0')
  t.equal((await load(t, keys, { POD_NAME: '' })).cluster?.replica, hostname())
})

t.test('what is configured differently has another fingerprint', async (t) => {
  const fingerprints: (string | undefined)[] = []
  for (const redis of [
    { url: 'redis://a' },
    { url: 'redis://a' },
    { url: 'redis://b' },
    { url: 'redis://a', password_file: 'key' },
    { url: 'redis://a', password_file: 'password' },
  ])
    fingerprints.push((await load(t, { ...KEY, redis })).cluster?.fingerprint)
  t.equal(fingerprints[0], fingerprints[1])
  t.equal(new Set(fingerprints).size, 4)
})
