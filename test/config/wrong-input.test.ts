import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { UsageError } from '../../src/base/errors.ts'
import { check } from '../../src/commands/check.ts'
import { createProgress } from '../../src/commands/progress.ts'
import { serve } from '../../src/commands/serve.ts'
import { type Arguments, readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { diskFiles } from '../helpers/files.ts'
import { rows as cluster } from './wrong/cluster.ts'
import { rows as command } from './wrong/command.ts'
import { rows as file } from './wrong/file.ts'
import { rows as general } from './wrong/general.ts'
import { rows as http } from './wrong/http.ts'
import { rows as client } from './wrong/http-client.ts'
import { rows as push } from './wrong/push.ts'

const folder = t.testdir()
const path = join(folder, 'rollcall.yml')

/** The lines of what is wrong, with the folder left out of paths. */
async function linesOf(load: () => Promise<unknown>): Promise<string[]> {
  try {
    await load()
    return []
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return error.message.replaceAll(`${folder}/`, '').split('\n')
  }
}

const loading = (argv: string[], env: Record<string, string> = {}) =>
  linesOf(() => loadSettings(readArguments(argv), env, diskFiles))

t.test(
  'wrong flags and variables give one line that names them, the value and what is expected',
  async (t) => {
    const rows: [argv: string[], env: Record<string, string>, line: RegExp][] = [
      [['--bogus'], {}, /^--bogus: there is no such flag; rollcall --help lists the flags$/],
      [
        ['--web.listen-adress=:1'],
        {},
        /^--web.listen-adress: there is no such flag; did you mean --web.listen-address\?$/,
      ],
      [['-x'], {}, /^-x: there is no such flag/],
      [['--config.file'], {}, /^--config.file: needs a value; write --config.file=…$/],
      [['--config.file='], {}, /^--config.file: "" is not a path$/],
      [['--config.file=missing.yml'], {}, /^--config.file: missing.yml cannot be read: ENOENT/],
      [
        ['--config.file=/'],
        {},
        /^--config.file: \/ cannot be read: EISDIR.*; this is a folder; name a file$/,
      ],
      [['--log.level=info', '--log.level=warn'], {}, /^--log.level: given twice; leave one out$/],
      [['--log.level=loud'], {}, /^--log.level: "loud" is not a log level; write one of debug, info, warn, /],
      [[], { LOG_LEVEL: 'LOUD' }, /^LOG_LEVEL: "LOUD" is not a log level/],
      [
        ['--log.format=xml'],
        {},
        /^--log.format: "xml" is not a log format; write one of auto, json, pretty$/,
      ],
      [[], { LOG_FORMAT: 'xml' }, /^LOG_FORMAT: "xml" is not a log format/],
      [
        ['--web.listen-address=8080'],
        {},
        /^--web.listen-address: "8080" is not an address to listen on; write host:port or :port/,
      ],
      [['--web.listen-address=:70000'], {}, /"?:70000"? is not an address/],
      [['--web.listen-address=http://a:1'], {}, /is not an address/],
      [['--web.listen-address=a b:1'], {}, /is not an address/],
      [[], { LISTEN_ADDRESS: 'x' }, /^LISTEN_ADDRESS: "x" is not an address/],
      [['--web.drain-delay=5'], {}, /^--web.drain-delay: "5" is not a duration such as 5s or 0$/],
      [['--web.drain-delay=30d'], {}, /^--web.drain-delay: "30d" is not a duration/],
      [
        ['--web.drain-delay=1m'],
        {},
        /^--web.drain-delay: 60s is not shorter than --web.shutdown-timeout \(30s\)/,
      ],
      [['--storage.seed-url=rollcall'], {}, /^--storage.seed-url: "rollcall" is not the http or https URL/],
      [['--storage.seed-url=https://a/?shard=0/2'], {}, /^--storage.seed-url: .* without a query/],
      [[], { STORAGE_SEED_URL: 'ftp://a' }, /^STORAGE_SEED_URL: "ftp:/],
      [['--web.ready-max-age=5'], {}, /^--web.ready-max-age: "5" is not a duration such as 5m, or 0$/],
      [
        ['--web.shutdown-timeout=0'],
        {},
        /^--web.shutdown-timeout: "0" is not a duration such as 30s, longer than 0$/,
      ],
      [['--web.shutdown-timeout=x'], {}, /^--web.shutdown-timeout: "x"/],
      [['--web.external-url=rollcall'], {}, /^--web.external-url: "rollcall" is not an http or https URL/],
      [['--web.enable-lifecycle=true'], {}, /^--web.enable-lifecycle: takes no value; leave "=true" out$/],
      [['--demo.listen-address=x'], {}, /^--demo.listen-address: "x" is not an address/],
      [
        [],
        { INVENTORY_URL: 'inventory' },
        /^INVENTORY_URL: "inventory" is not an http or https URL; write one such as/,
      ],
      [[], { INVENTORY_URL: 'ftp://a/' }, /^INVENTORY_URL: "ftp:/],
      [
        [],
        { INVENTORY_URL: 'http://user:hunter2%@a/?token=hunter2' },
        /^INVENTORY_URL: "http:\/\/…@a\/\?…" is not.*%25/,
      ],
      [
        [],
        { INVENTORY_URL: 'http://a', UPDATE_INTERVAL: '0' },
        /^UPDATE_INTERVAL: "0" is not seconds such as 30/,
      ],
      [[], { INVENTORY_URL: 'http://a', UPDATE_INTERVAL: '-1' }, /^UPDATE_INTERVAL: "-1"/],
      [[], { INVENTORY_URL: 'http://a', UPDATE_INTERVAL: 'soon' }, /^UPDATE_INTERVAL: "soon"/],
      [[], { INVENTORY_URL: 'http://a', UPDATE_INTERVAL: '30d' }, /^UPDATE_INTERVAL: "30d"/],
      [
        [],
        { INVENTORY_URL: 'http://a', METRICS_PORT: '0' },
        /^METRICS_PORT: "0" is not a port from 1 to 65535/,
      ],
      [[], { INVENTORY_URL: 'http://a', METRICS_PORT: 'tcp://10.0.0.1:80' }, /enableServiceLinks: false/],
      [
        [],
        { INVENTORY_URL: 'http://a', METRICS_PATH: 'metrics' },
        /^METRICS_PATH: "metrics" is not a path such as/,
      ],
      [[], { INVENTORY_URL: 'http://a', METRICS_PATH: '/m?x=1' }, /^METRICS_PATH: /],
      [
        [],
        { INVENTORY_URL: 'http://a', TARGETS_FILE: 'targets.txt' },
        /^TARGETS_FILE: "targets.txt" is not a path that ends/,
      ],
      [
        [],
        { INVENTORY_URL: 'http://a', TARGET_LABELS: 'site' },
        /^TARGET_LABELS: "site" is not a list of labels/,
      ],
      [[], { INVENTORY_URL: 'http://a', TARGET_LABELS: 'a-b=c' }, /^TARGET_LABELS: /],
      [[], { INVENTORY_URL: 'http://a', TARGET_LABELS: 'a=1,a=2' }, /^TARGET_LABELS: /],
      [[], { INVENTORY_URL: 'http://a', TARGET_LABELS: '__address__=x' }, /^TARGET_LABELS: /],
      [[], { INVENTORY_URL: 'http://a', TARGET_LABELS: '=' }, /^TARGET_LABELS: "=" is not/],
      [[], { INVENTORY_URL: '' }, /^INVENTORY_URL: is empty; set it, or start the demo with: rollcall demo$/],
      [[], { TARGETS_FILE: 'prod.json' }, /^TARGETS_FILE is set, but INVENTORY_URL is not; set it, or start/],
      [
        ['--config.file=x.yml'],
        { INVENTORY_URL: 'http://a' },
        /^INVENTORY_URL and --config.file \(x.yml\) both set/,
      ],
      [[], { INVENTORY_URL: 'http://a', CONFIG_FILE: 'x.yml' }, /both set the inventory; leave one out$/],
    ]
    for (const [argv, env, line] of rows) {
      const lines = await loading(argv, env)
      t.equal(lines.length, 1, JSON.stringify([argv, env]))
      t.match(lines[0], line)
    }
  },
)

/** What the variables hold that some rows name. */
const ENV = {
  EMPTY: '',
  BROKEN: 'hunter2\nX-Admin: yes',
  SECRET: 'hunter2',
  HTTPS_PROXY: 'socks5://user:hunter2@proxy',
}

const HERE = { files: diskFiles, progress: createProgress({ write: () => {} }) }

const COMMANDS: Record<string, (args: Arguments) => Promise<unknown>> = {
  check: (args) => check(args, ENV, HERE),
  serve: (args) => serve(args, 'configured', ENV, { files: diskFiles, hangups: { use() {}, release() {} } }),
}

t.test(
  'every wrong file gives its line, with the place of the key or value, from check and serve',
  async (t) => {
    const rows = Object.entries({ general, http, client, cluster, command, file, push }).flatMap(
      ([table, found]) => found.map(([what, yaml, line]) => [`${table}: ${what}`, yaml, line] as const),
    )
    t.equal(new Set(rows.map(([what]) => what)).size, rows.length, 'each row has a name of its own')
    for (const [what, yaml, line] of rows) {
      writeFileSync(path, yaml)
      const args = readArguments([`--config.file=${path}`, '--enable-command-sources'])
      for (const [command, run] of Object.entries(COMMANDS)) {
        const lines = await linesOf(() => run(args))
        t.equal(lines.length, 1, `${command}/${what}: one line`)
        t.match(lines[0], line, `${command}/${what}`)
        t.notMatch(lines[0], 'hunter2', `${command}/${what}: no secret`)
      }
    }
  },
)

t.test('a wrong key that a merge brings in is told where the merge is', async (t) => {
  writeFileSync(
    path,
    'sources:\n  - &base { name: a, http: { url: http://a }, label: {} }\n  - { <<: *base, name: b }\n',
  )
  t.same(await loading([`--config.file=${path}`]), [
    'rollcall.yml:2:47: sources[0].label: there is no such key; did you mean labels?',
    'rollcall.yml:3:5: sources[1].label: there is no such key; did you mean labels?',
  ])
})

t.test('a mistake hides none in another source, nor in a key that does not depend on it', async (t) => {
  writeFileSync(
    path,
    `sources:
  - name: a
    http: { url: http://a, method: 5 }
    records: "a["
    filter: "b["
    key: "{"
    timeout: never
    targets: ["{"]
    for_each: "{"
    labels: { 1x: "{" }
    relabel_configs: [{ regex: "(" }]
  - name: b
    http: { url: ftp://b }
  - name: c
    records: 5
    file: { files: [a.json] }
cluster: { url: redis://a, key: 5 }
prometheus: [{ name: eu, url: "ftp://a" }]
`,
  )
  const lines = await loading([`--config.file=${path}`])
  const places = lines.map((line) => /^rollcall\.yml:\d+:\d+: (\S+): /.exec(line)?.[1])
  t.same(places, [
    'sources[0].http.method',
    'sources[0].timeout',
    'sources[2].records',
    'cluster.redis',
    'cluster.signing_key_file',
    'cluster.url',
    'cluster.key',
    'sources[0].records',
    'sources[0].filter',
    'sources[0].targets[0]',
    'sources[0].labels.1x',
    'sources[0].key',
    'sources[0].relabel_configs[0].regex',
    'sources[0].relabel_configs[0].target_label',
    'sources[1].http.url',
    'prometheus[0].url',
  ])
  for (const [yaml, place] of [
    ['- 1', ':1:1: [1] is not a set of keys'],
    ['global: { timeout: 5 }\nsources: [{ name: a, http: { url: "ftp://a" } }]', ': global.timeout: '],
    ['sources: [5, { name: a, http: { url: "ftp://a" } }]', ': sources[0]: '],
  ] as const) {
    writeFileSync(path, yaml)
    const lines = await loading([`--config.file=${path}`])
    t.equal(lines.length, 1)
    t.match(lines[0], place)
  }
})

t.test('several mistakes give a line each', async (t) => {
  writeFileSync(
    path,
    'sources:\n  - name: a/b\n    http: { url: http://a, methd: x }\n    labels: { a-b: c }\n',
  )
  t.equal((await loading([`--config.file=${path}`])).length, 3, 'what the schema finds, and the wrong label')
  writeFileSync(
    path,
    'global: { refresh_interval: 0s }\nsources:\n  - name: a\n    http: { url: x }\n  - name: b\n    http: { url: y }\n',
  )
  t.equal((await loading([`--config.file=${path}`])).length, 3, 'a global mistake is told once')
})
