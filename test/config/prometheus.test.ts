import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { diskFiles } from '../helpers/files.ts'

/** The settings of a file with these servers. */
async function load(t: Test, prometheus: unknown, env: Record<string, string> = {}) {
  const path = join(t.testdir({}), 'rollcall.yml')
  const sources = [{ name: 'sensors', file: { files: ['a.json'] } }]
  writeFileSync(path, JSON.stringify({ sources, ...(prometheus !== undefined && { prometheus }) }))
  const settings = await loadSettings(readArguments([`--config.file=${path}`]), env, diskFiles)
  return settings
}

t.test('without servers nothing is asked', async (t) => {
  t.equal((await load(t, undefined)).prometheus, undefined)
  t.equal((await load(t, [])).prometheus, undefined)
  t.equal(
    (await loadSettings(readArguments([]), { INVENTORY_URL: 'http://a/' }, diskFiles)).prometheus,
    undefined,
  )
})

t.test('a server has a name, a URL, times and the keys of the HTTP client', async (t) => {
  const { prometheus, needs } = await load(
    t,
    [
      { url: 'http://prometheus:9090/path/' },
      {
        name: 'eu',
        url: 'https://admin:${PASSWORD}@eu.example',
        interval: '5m',
        timeout: '1h',
        tls_config: { ca_file: 'ca.pem' },
      },
    ],
    { PASSWORD: 'sesame-17' },
  )
  t.match(prometheus?.servers, [
    {
      name: 'prometheus:9090',
      shownUrl: 'http://prometheus:9090/path/',
      intervalMs: undefined,
      timeoutMs: 30_000,
      client: { followRedirects: true },
    },
    { name: 'eu', intervalMs: 300_000, timeoutMs: 3_600_000 },
  ])
  t.notMatch(JSON.stringify(prometheus), 'sesame')
  t.same(
    needs.map(({ where }) => where.replace(/.*: /, '')).filter((where) => where.startsWith('prometheus')),
    ['prometheus[1].tls_config.ca_file', 'prometheus[1].tls_config'],
  )
  const hidden = await load(t, [{ url: 'http://a/${KEY}/x' }], { KEY: 'sesame-18' })
  t.equal(hidden.prometheus?.servers[0]?.shownUrl, 'http://a/…')
  const other = await load(t, [{ url: 'http://prometheus:9090/path/', interval: '2m' }])
  const same = await load(t, [{ interval: '2m', url: 'http://prometheus:9090/path/' }])
  t.not(other.prometheus?.fingerprint, prometheus?.fingerprint)
  t.type(same.prometheus?.fingerprint, 'string')
})

const MISTAKES: [what: string, prometheus: unknown, message: RegExp][] = [
  ['no list', { url: 'http://a' }, /:1:\d+: prometheus: .* is not a list of servers/],
  ['no URL', [{}], /prometheus\[0\]\.url: is missing; add it: such as url: http:\/\/prometheus:9090/],
  [
    'an unknown key',
    [{ url: 'http://a', intervall: '1m' }],
    /prometheus\[0\]\.intervall: there is no such key; did you mean interval\?/,
  ],
  ['another scheme', [{ url: 'ftp://a' }], /prometheus\[0\]\.url: "ftp:\/\/a" is not an http or https URL/],
  [
    'a query',
    [{ url: 'http://a?x=secret-17' }],
    /prometheus\[0\]\.url: has more than a host and a path(?!.*secret-17)/,
  ],
  [
    'a short interval',
    [{ url: 'http://a', interval: '10ms' }],
    /prometheus\[0\]\.interval: "10ms" is out of range; write a duration from 1s to 1d/,
  ],
  ['no duration', [{ url: 'http://a', timeout: 'soon' }], /prometheus\[0\]\.timeout: "soon" is out of range/],
  ['no timeout', [{ url: 'http://a', timeout: '0' }], /prometheus\[0\]\.timeout: "0" is out of range/],
  [
    'one server twice',
    [{ url: 'http://a' }, { url: 'http://a/b' }],
    /prometheus\[1\]\.url: makes a second server with the name "a"/,
  ],
  [
    'one name twice',
    [
      { url: 'http://a', name: 'x' },
      { url: 'http://b', name: 'x' },
    ],
    /prometheus\[1\]\.name: makes a second server with the name "x"/,
  ],
]

for (const [what, prometheus, message] of MISTAKES)
  t.test(`${what} is a mistake`, async (t) => {
    await t.rejects(load(t, prometheus), { message })
  })
