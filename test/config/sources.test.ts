import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Secret } from '../../src/base/secret.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { runHere } from '../helpers/commands.ts'
import { diskFiles } from '../helpers/files.ts'

const folder = t.testdir()

async function load(yaml: string) {
  const path = join(folder, 'rollcall.yml')
  writeFileSync(path, yaml)
  const { sources } = await loadSettings(readArguments([`--config.file=${path}`]), {}, diskFiles)
  return sources
}

t.test('a file source reads paths relative to its configuration, 256MB of them', async (t) => {
  const [first, second] = await load(`
sources:
  - name: a
    file: { files: [lists/*.json, /etc/hosts.csv, x.yml] }
    file_sd: out.json
  - name: b
    file: { files: [hosts], format: csv, csv_delimiter: "\\t", max_size: 1MB }
    file_sd: hosts.json
`)
  t.match(first?.source, {
    kind: 'file',
    maxBytes: 256 * 2 ** 20,
    files: [
      { folder: join(folder, 'lists'), name: '*.json', format: { kind: 'json' } },
      { folder: '/etc', name: 'hosts.csv', format: { kind: 'csv' } },
      { folder, name: 'x.yml', format: { kind: 'yaml' } },
    ],
  })
  t.match(second?.source, {
    maxBytes: 2 ** 20,
    files: [{ folder, name: 'hosts', format: { kind: 'csv', delimiter: '\t' } }],
  })
  t.notOk(first?.plan.mapping.groupsOnly)
})

t.test('an http_sd source has the keys of an HTTP client, and its records are target groups', async (t) => {
  const [source] = await load(`
sources:
  - name: a
    http_sd: { url: http://a/targets, max_response_size: 4GB, follow_redirects: false }
    labels: { via: other }
    relabel_configs: []
`)
  t.match(source, {
    source: {
      kind: 'http_sd',
      url: new URL('http://a/targets'),
      maxResponseBytes: 4 * 2 ** 30,
      followRedirects: false,
      format: { kind: 'json' },
    },
    plan: { mapping: { groupsOnly: true, targets: [] } },
  })
})

t.test('a push source has its defaults, and says aloud when everybody may register', async (t) => {
  const path = join(folder, 'rollcall.yml')
  writeFileSync(
    path,
    `
sources:
  - name: a
    push: { token_file: secrets/token }
  - name: b
    push: { insecure_skip_authentication: true, ttl: 10s, max_ttl: 1m, max_instances: 5 }
    targets: ["{host}:9256"]
  - name: c
    push: { token_file: token, max_ttl: 1m }
  - name: d
    push:
      token_file: token
      device_tokens_file: device-tokens
      allowed_labels: [site, "rack_.*"]
      allowed_networks: [10.0.0.0/8]
      address: peer
      max_bytes: 1MB
      max_instances_per_token: 7
      max_bytes_per_token: 512KB
`,
  )
  const { sources, warnings } = await loadSettings(readArguments([`--config.file=${path}`]), {}, diskFiles)
  t.match(sources[0], {
    source: {
      kind: 'push',
      name: 'a',
      ttlMs: 90_000,
      maxTtlMs: 86_400_000,
      maxInstances: 10_000,
      maxBytes: 64 * 2 ** 20,
    },
    plan: { mapping: { ownLabels: true, targets: [] } },
    required: true,
  })
  const [first, second] = sources.map(({ source }) => source)
  t.equal(first?.kind === 'push' && first.token?.file, join(folder, 'secrets/token'))
  t.match(second, { ttlMs: 10_000, maxTtlMs: 60_000, maxInstances: 5, token: undefined })
  t.match(sources[2], { source: { ttlMs: 60_000, maxTtlMs: 60_000 } }, 'never longer than the longest')
  t.match(sources[3], {
    source: {
      deviceTokens: Object,
      allowedLabels: ['site', 'rack_.*'],
      allowedNetworks: ['10.0.0.0/8'],
      address: 'peer',
      maxBytes: 2 ** 20,
      maxInstancesPerToken: 7,
      maxBytesPerToken: 2 ** 19,
    },
  })
  t.same(warnings, [
    'source b: insecure_skip_authentication is true, so every client that reaches the port can add targets; use token_file or device_tokens_file instead',
  ])
})

t.test('a command source has its defaults, and only the environment that it names', async (t) => {
  const path = join(folder, 'rollcall.yml')
  writeFileSync(
    path,
    `sources:
  - name: a
    command: { argv: [psql, --csv], format: csv, columns: [ip], env: [PGHOST, PGPASSWORD], max_size: 1MB }
  - name: b
    command: { argv: [./list] }
`,
  )
  const args = readArguments([`--config.file=${path}`, '--enable-command-sources'])
  const env = { PATH: '/nowhere', PGHOST: 'db', PGPASSWORD: 'hunter22', OTHER: 'c4n4ry' }
  const { sources, needs } = await loadSettings(args, env, diskFiles)
  t.match(sources[0]?.source, {
    kind: 'command',
    argv: ['psql', '--csv'],
    env: { PATH: '/nowhere', PGHOST: 'db', PGPASSWORD: Secret },
    folder,
    format: { kind: 'csv', columns: ['ip'] },
    maxBytes: 2 ** 20,
  })
  const [, second] = sources
  t.match(second?.source, { argv: ['./list'], format: { kind: 'json' }, maxBytes: 256 * 2 ** 20 })
  t.same(second?.source.kind === 'command' && second.source.env, { PATH: '/nowhere' })
  const named = needs.filter(({ where }) => where.includes('command'))
  t.match(
    named.map(({ where }) => where),
    [/:3:23: .*argv\[0\]$/, /:5:23: /],
  )
  for (const { assert } of named) await t.rejects(assert(), /cannot be run|in no folder of PATH/)
})

t.test('without the flag a command source is an error that says which flag it needs', async (t) => {
  const path = join(folder, 'rollcall.yml')
  writeFileSync(path, 'sources:\n  - name: a\n    command: { argv: [echo, "[]"] }\n')
  const line = /rollcall.yml:3:5: sources\[0\].command: .*--enable-command-sources/
  for (const argv of [['check'], ['targets'], ['explain', 'a']] as const) {
    const { code, err } = await runHere([...argv, `--config.file=${path}`])
    t.equal(code, 2, argv[0])
    t.match(err, line, argv[0])
    const allowed = await runHere([...argv, `--config.file=${path}`, '--enable-command-sources'], {
      PATH: String(process.env.PATH),
    })
    t.equal(allowed.code, 0, allowed.err)
  }
})
