import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { compileMapping } from '../../src/mapping/mapping.ts'
import type { Json } from '../../src/model/record.ts'
import { compilePlan, type PlanOptions } from '../../src/pipeline/plan.ts'
import { DEFAULT_GUARD } from '../../src/roll/rules.ts'
import { diskFiles } from '../helpers/files.ts'

const load = (argv: string[] = [], env: Record<string, string> = {}, mode?: 'configured' | 'demo') =>
  loadSettings(readArguments(argv), env, diskFiles, mode)

t.test('with nothing at all, the demo is served on loopback', async (t) => {
  const settings = await load()
  t.match(settings, {
    sources: [],
    web: {
      listenAddress: { host: '127.0.0.1', port: 8080 },
      enableLifecycle: false,
      drainDelayMs: 0,
      shutdownTimeoutMs: 30_000,
      externalUrl: undefined,
    },
    log: { level: 'info', format: 'auto' },
    storagePath: undefined,
    demo: { listenAddress: { host: '127.0.0.1', port: 1337 } },
  })
  const sources = settings.demo?.sources(new URL('http://127.0.0.1:1/inventory'))
  t.match(sources, [
    {
      name: 'demo',
      refreshIntervalMs: 5_000,
      required: true,
      source: { url: new URL('http://127.0.0.1:1/inventory') },
    },
    {
      name: 'devices',
      required: false,
      plan: { mapping: { ownLabels: true } },
      source: { kind: 'push', name: 'devices', token: undefined },
    },
  ])
  const intervals = async (env: Record<string, string>) =>
    (await load([], env)).demo?.sources(new URL('http://a')).map((source) => source.refreshIntervalMs)
  t.same(await intervals({ UPDATE_INTERVAL: '7' }), [7_000, 7_000])
  t.same(await intervals({ UPDATE_INTERVAL: '' }), [5_000, 5_000])
  const { demo } = await load([], { TARGETS_FILE: '/targets.json' }, 'demo')
  t.same(
    demo?.sources(new URL('http://a')).map((source) => source.fileSd),
    ['/targets.json', undefined],
    'two sources never write the same file',
  )
})

t.test('a URL in the environment is enough for an inventory of one’s own', async (t) => {
  const settings = await load([], { INVENTORY_URL: 'http://inventory:1337/inventory' })
  t.match(settings, {
    demo: undefined,
    storagePath: resolve('data'),
    web: {
      listenAddress: { host: undefined, port: 8080 },
      drainDelayMs: 5_000,
      readyMaxAgeMs: Number.POSITIVE_INFINITY,
    },
    sources: [
      {
        name: 'inventory',
        source: { url: new URL('http://inventory:1337/inventory'), maxResponseBytes: 268_435_456 },
        refreshIntervalMs: 30_000,
        timeoutMs: 10_000,
        required: true,
        fileSd: undefined,
        guard: DEFAULT_GUARD,
      },
    ],
  })
})

t.test('every variable has its effect', async (t) => {
  const { sources } = await load([], {
    INVENTORY_URL: 'http://a',
    UPDATE_INTERVAL: '1m30s',
    METRICS_PORT: '9200',
    METRICS_PATH: '/m',
    TARGETS_FILE: 'out/targets.json',
    TARGET_LABELS: 'env=prod, note={braces}',
  })
  const [source] = sources
  t.match(source, { refreshIntervalMs: 90_000, fileSd: resolve('out/targets.json') })
  if (source === undefined) return
  t.same(compileMapping(source.plan.mapping)('sensor_0').targets, [
    {
      slot: 0,
      address: 'sensor_0:9200',
      labels: [
        ['__meta_rollcall_source', 'inventory'],
        ['__metrics_path__', '/m'],
        ['env', 'prod'],
        ['note', '{braces}'],
      ],
    },
  ])
  t.equal(
    (await load([], { INVENTORY_URL: 'http://a', UPDATE_INTERVAL: '0.5' })).sources[0]?.refreshIntervalMs,
    500,
  )
})

t.test('flags win over variables, and an empty variable counts as not set', async (t) => {
  const env = {
    LISTEN_ADDRESS: ':1',
    LOG_LEVEL: 'warn',
    LOG_FORMAT: 'json',
    CONFIG_FILE: '',
    INVENTORY_URL: 'http://a',
  }
  const flags = [
    '--web.listen-address',
    '[::1]:2',
    '--log.level=error',
    '--web.enable-lifecycle',
    '--web.drain-delay=1s',
    '--web.ready-max-age=5m',
    '--web.external-url=https://r.example',
  ]
  t.match(await load([], env), {
    web: { listenAddress: { port: 1 } },
    log: { level: 'warn', format: 'json' },
  })
  t.match(await load(flags, env), {
    web: {
      listenAddress: { host: '::1', port: 2 },
      enableLifecycle: true,
      drainDelayMs: 1_000,
      readyMaxAgeMs: 300_000,
      externalUrl: new URL('https://r.example'),
    },
    log: { level: 'error' },
  })
})

t.test('a peer without TLS is warned of, whatever says what the sources are', async (t) => {
  const folder = t.testdir({ 'rollcall.yml': "sources: [{ name: a, http: { url: 'http://a' } }]" })
  const file = `--config.file=${join(folder, 'rollcall.yml')}`
  for (const [argv, env] of [
    [[file], {}],
    [[], { INVENTORY_URL: 'http://a' }],
    [[], {}],
  ] as const) {
    const from = async (url: string) => load([...argv, `--storage.seed-url=${url}`], env)
    const { seedUrl, warnings } = await from('http://me:hunter2@peer:8080/')
    t.equal(seedUrl?.password, 'hunter2')
    t.equal(JSON.stringify({ seedUrl }), '{"seedUrl":"http://peer:8080/"}')
    t.match(warnings, [/^--storage\.seed-url: http:\/\/peer:8080\/ .*https/])
    t.same((await from('https://peer')).warnings, [])
    t.match(await load([...argv], env), { seedUrl: undefined, warnings: [] })
  }
})

t.test('lists must not get too old for /ready while nothing fails', async (t) => {
  const folder = t.testdir({
    'rollcall.yml': `
sources:
  - { name: slow, http: { url: 'http://a' }, refresh_interval: 10m, timeout: 1m }
  - { name: optional, http: { url: 'http://a' }, refresh_interval: 1h, required: false }
`,
    'push.yml': `
sources:
  - { name: slow, http: { url: 'http://a' }, refresh_interval: 10m, timeout: 1m }
  - { name: devices, push: { insecure_skip_authentication: true } }
`,
  })
  const args = (age: string) => [
    `--config.file=${join(folder, 'rollcall.yml')}`,
    `--web.ready-max-age=${age}`,
  ]
  t.match(await load(args('12m')), { web: { readyMaxAgeMs: 720_000 } })
  await t.rejects(load(args('11m59s')), {
    name: 'UsageError',
    message: /^--web\.ready-max-age: 11m59s .*slow.*at least 12m/,
  })
  const [config] = args('') as [string]
  t.ok(await load([config.replace('rollcall.yml', 'push.yml'), '--web.ready-max-age=1s']), 'it has no effect')
  t.match(await load(args('0')), { web: { readyMaxAgeMs: Number.POSITIVE_INFINITY } })
  await t.rejects(load(['--web.ready-max-age=40s'], { INVENTORY_URL: 'http://a' }), {
    message: /^--web\.ready-max-age: 40s .*at least 43s/,
  })
})

t.test('the demo can be asked for whatever else is configured', async (t) => {
  t.ok((await load(['--demo.listen-address=127.0.0.1:0'], { INVENTORY_URL: 'http://a' }, 'demo')).demo)
})

t.test('a file with every key', async (t) => {
  const folder = t.testdir({
    'rollcall.yml': `
global: { refresh_interval: 1m, timeout: 5s, guard: { max_drop: 40%, hold: 1h, min_expected: 3 } }
sources:
  - name: sensors
    http: { url: http://inventory:1337/inventory, max_response_size: 64MB }
    records: "items[?status == 'active']"
    targets: ["{hostname}:{port|9100}", { address: "{hostname}:9200", labels: { rev: 010 } }, { url: "{url}", optional: true }]
    labels: { site: "{store.id}", rack: 1.10, spare: True }
    fail_if: errors
    meta_labels: true
    relabel_configs:
      - source_labels: [site]
        target_label: place
      - { regex: 010, action: labeldrop }
    key: asset.tag
    guard:
      { max_drop: 12.5%, confirmations: 5, min_targets: 0, grace: 1m, hold_empty: 2d, accept: ${'ab'.repeat(32)} }
    required: false
    file_sd: shared/targets.json
    max_staleness: 2m15s
    refresh_interval: 2m
    timeout: 3s
  - name: plain
    http: { url: http://b }
    filter: "contains(tags, 'prom')"
    for_each: "{spec.ports}"
    targets: ["{item}:1"]
    key: "{rack}/{unit}"
  - name: devices
    push: { insecure_skip_authentication: true }
    guard: { min_expected: 0 }
`,
  })
  const { sources, guard, warnings } = await load([`--config.file=${join(folder, 'rollcall.yml')}`])
  t.match(warnings, [/^source devices: insecure_skip_authentication is true/])
  t.match(sources, [
    {
      name: 'sensors',
      source: { kind: 'http', maxResponseBytes: 67_108_864 },
      guard: {
        confirmations: 5,
        graceMs: 60_000,
        maxDrop: 0.125,
        minTargets: 0,
        holdMs: 3_600_000,
        holdEmptyMs: 172_800_000,
        minExpected: 3,
        accept: 'ab'.repeat(32),
      },
      required: false,
      fileSd: join(folder, 'shared', 'targets.json'),
      refreshIntervalMs: 120_000,
      maxStalenessMs: 135_000,
      timeoutMs: 3_000,
      plan: {
        mapping: {
          metaLabels: true,
          targets: [{}, { isUrl: undefined, optional: undefined }, { isUrl: true, optional: true }],
        },
      },
    },
    {
      name: 'plain',
      required: true,
      refreshIntervalMs: 60_000,
      timeoutMs: 5_000,
      plan: { records: undefined, filter: "contains(tags, 'prom')", mapping: { forEach: ['spec', 'ports'] } },
      fileSd: undefined,
      guard: { ...DEFAULT_GUARD, maxDrop: 0.4, holdMs: 3_600_000, minExpected: 3 },
    },
    {
      name: 'devices',
      guard: { ...DEFAULT_GUARD, confirmations: 1, maxDrop: 0.4, holdMs: 3_600_000, minExpected: 0 },
    },
  ])
  t.same(guard, { ...DEFAULT_GUARD, maxDrop: 0.4, holdMs: 3_600_000, minExpected: 3, accept: undefined })
  const [source, plain] = sources
  if (source === undefined || plain === undefined) return
  const keyOf = (plan: PlanOptions, record: Json) => compilePlan(plan).keyOf?.(record)
  t.equal(keyOf(source.plan, { asset: { tag: 'T1' } }), 'T1', 'the name of a field')
  t.equal(keyOf(plain.plan, { rack: 7, unit: 'b' }), '7/b', 'a template')
  t.equal(keyOf(plain.plan, { rack: 7 }), undefined)
  const { select } = compilePlan(source.plan)
  t.same(select({ items: [{ status: 'active' }, { status: 'gone' }] }, 'x'), [{ status: 'active' }])
  t.throws(() => select({ items: [], errors: 'x' }, 'the answer'), {
    message: 'the answer says that it failed: fail_if gave a string',
  })
  const { targets } = compileMapping(source.plan.mapping)({ hostname: 'a', store: { id: 7 } })
  t.match(source.plan.relabelConfigs, [{ source_labels: ['site'] }, { regex: '010' }])
  t.same(
    targets.map((target) => target.address),
    ['a:9100', 'a:9200'],
  )
  t.match(Object.fromEntries(targets[0]?.labels ?? []), {
    site: '7',
    rack: '1.10',
    spare: 'True',
    __meta_inventory_hostname: 'a',
  })
  t.match(Object.fromEntries(targets[1]?.labels ?? []), { rev: '010' })
})

t.test('variables that have no effect beside a file are told', async (t) => {
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(path, 'sources: [{ name: a, http: { url: http://a } }]\n')
  const { warnings } = await load([`--config.file=${path}`], {
    METRICS_PORT: 'tcp://10.0.0.1:80',
    TARGETS_FILE: '',
  })
  t.same(warnings, ['METRICS_PORT has no effect with a configuration file'])
})

t.test('anchors and merge keys of YAML work', async (t) => {
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(
    path,
    'sources:\n  - &base\n    name: a\n    http: { url: http://a }\n    timeout: 3s\n    labels: { rev: 1.10 }\n  - <<: *base\n    name: b\n',
  )
  const { sources } = await load([`--config.file=${path}`])
  t.match(sources, [{ name: 'a' }, { name: 'b', timeoutMs: 3_000 }])
})

t.test('a query that fails on an answer says so, and which it is', async (t) => {
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(
    path,
    'sources: [{ name: a, http: { url: http://a }, records: "length(@)" }, { name: b, http: { url: http://a }, records: "keys(@)" }]\n',
  )
  const { sources } = await load([`--config.file=${path}`])
  const [length, keys] = sources.map(({ plan }) => compilePlan(plan))
  t.throws(() => length?.select([1, 2], 'the answer'), { message: /gave a number, not a list/ })
  t.throws(() => keys?.select([1], 'the answer'), {
    reason: 'shape',
    message: /^the records expression "keys\(@\)" fails on the answer: /,
  })
})
