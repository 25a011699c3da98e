import { join } from 'node:path'
import type { InjectOptions } from 'fastify'
import t, { type Test } from 'tap'
import { HttpError } from '../../src/base/errors.ts'
import type { History, TargetEvent } from '../../src/model/history.ts'
import type { Scrapes } from '../../src/model/scrape.ts'
import { readHalf } from '../helpers/app.ts'
import { start } from '../helpers/cli.ts'
import { heldTargets } from '../helpers/held.ts'
import { at, type Node, type OpenApi, readOpenApi, responseChecker } from '../helpers/openapi.ts'
import { pushSource } from '../helpers/push-source.ts'
import { until } from '../helpers/until.ts'
import { DAVE, openWebFile, written } from '../helpers/web.ts'

const document = readOpenApi()
const checker = responseChecker(document)
const NOW = { wallMs: Date.UTC(2026, 0, 1), monotonicMs: 0 }
const DIGEST = 'd'.repeat(64)

/** Every node of the document, with its place. */
function* nodesOf(value: unknown, place = '#'): Iterable<readonly [place: string, node: Node]> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield [place, value as Node]
  for (const [key, inner] of Object.entries(value))
    yield* nodesOf(inner, `${place}/${key.replaceAll('/', '~1')}`)
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ asked: `${method} ${path}`, path, operation })),
)

t.test('the document has what OpenAPI 3.1 asks for', async (t) => {
  t.match(document, { openapi: '3.1.0', info: { title: 'Rollcall', version: 'v1' } })
  const ids = operations.map(({ operation }) => operation.operationId)
  t.same(new Set(ids).size, ids.length, 'each operation has an id of its own')
  for (const { asked, path, operation } of operations) {
    const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
    const parameters = operation.parameters ?? []
    t.same(
      parameters.filter((one) => one.in === 'path').map(({ name }) => name),
      named,
      asked,
    )
    for (const parameter of parameters)
      t.ok(parameter.in === 'query' || parameter.in === 'path', `${asked} ${parameter.name}`)
    t.match(Object.keys(operation.responses)[0], /^20\d$/, asked)
    for (const [status, response] of Object.entries(operation.responses))
      t.type((response.$ref ? at(document, String(response.$ref)) : response).description, 'string', status)
  }
  for (const name of Object.keys({ ...document.components.schemas, ...document.components.responses }))
    t.match(name, /^[a-zA-Z0-9._-]+$/)
})

t.test('every reference leads somewhere, and every component is used', async (t) => {
  const used = new Set<string>()
  for (const [place, { $ref }] of nodesOf(document)) {
    if (typeof $ref !== 'string') continue
    used.add($ref)
    t.type(at(document, $ref), 'object', place)
  }
  const { schemas, responses } = document.components
  const there = [
    ...Object.keys(schemas).map((name) => `#/components/schemas/${name}`),
    ...Object.keys(responses).map((name) => `#/components/responses/${name}`),
  ]
  t.same([...used].sort(), there.sort())
})

t.test('every object says which keys it has', async (t) => {
  const open = [...nodesOf(document)].filter(
    ([, node]) => node.type === 'object' && node.additionalProperties === undefined,
  )
  t.same(
    open.map(([place]) => place),
    ['#/paths/~1api~1v1~1openapi.json/get/responses/200/content/application~1json/schema'],
    'only the document itself is described elsewhere',
  )
})

/** The routes as the server has them: `get /targets/{source}`. */
function routesOf(printed: string): string[] {
  const above: string[] = []
  return printed.split('\n').flatMap((line) => {
    const [, indent = '', segment = '', methods = ''] = /^(.*?)[├└]── (\S*)(?: \((.*)\))?$/.exec(line) ?? []
    const depth = indent.length / 4
    const path = (above[depth - 1] ?? '') + segment
    above[depth] = path
    const names = methods.split(', ').filter((name) => name !== '' && name !== 'HEAD')
    return names.map((name) => `${name.toLowerCase()} ${path.replace(/:([a-z]+)/g, '{$1}')}`)
  })
}

t.test('every route of the API is in the document, and every path of it is a route', async (t) => {
  const { app } = await readHalf(t)
  await app.ready()
  const routes = routesOf(app.printRoutes({ commonPrefix: false }))
  const described = operations.map(({ asked }) => asked)
  t.same(
    described.filter((asked) => !routes.includes(asked)),
    [],
  )
  t.same(
    routes.filter((route) => /\/(?:api\/v1|-\/re|-\/accept)/.test(route) && !described.includes(route)),
    ['get /-/ready'],
    'what is no JSON is left out',
  )
})

const EVENT: TargetEvent = {
  id: 7,
  atMs: NOW.wallMs,
  source: 'sensors',
  kind: 'left',
  address: 'a:9100',
  place: { __metrics_path__: '/probe' },
  why: 'two readings in a row lacked it',
}

const SCRAPES: Scrapes = {
  servers: () => [
    {
      ...{ server: 'eu', url: 'http://prometheus:9090/', lastSuccessMs: NOW.wallMs, failure: 'HTTP 503' },
      pools: ['node'],
      counts: { up: 1, down: 0, pending: 0, dropped: 0, unknown: 0 },
    },
  ],
  of: () => [
    {
      ...{
        server: 'eu',
        state: 'up',
        pool: 'node',
        why: undefined,
        notes: ['keeps job'],
        failure: undefined,
      },
      ...{ lastScrapeMs: NOW.wallMs, sinceMs: undefined },
    },
  ],
}

/** A server on which everything that there is to tell has happened. */
async function eventful(t: Test, change: Parameters<typeof readHalf>[1] = {}) {
  const history: History = { find: async () => ({ events: [EVENT], next: 7 }) }
  const half = await readHalf(t, {
    enableLifecycle: true,
    sources: ['sensors', 'devices', 'waiting'],
    scrapes: SCRAPES,
    history,
    historyStatus: { bytes: 1, path: '/data/history', error: 'the disk is full' },
    reloadFailure: { atMs: NOW.wallMs, message: 'rollcall.yml:1:1: sources is missing' },
    cluster: {
      status: () => ({
        replica: 'one',
        replicas: [{ name: 'one', version: '1', leases: 1 }],
        failure: 'gone',
      }),
      statusOf: () => ({
        ...{ reader: undefined, isReader: false, generation: 1, newest: 2 },
        ...{ isDetached: false, refused: 'unsigned' },
      }),
      outdated: () => [],
    },
    ...change,
  })
  const { state, store, publish } = half
  state.configView = {
    settings: [{ name: '--log.level', value: 'info', from: 'flag' }],
    configuration: { file: 'rollcall.yml', yaml: 'sources: []' },
  }
  const push = pushSource(t)
  state.instances.devices = push.source.instances
  await publish('devices', [])
  await publish('sensors', ['a:9100', 'b:9100'], {
    failure: { reason: 'connect', message: 'refused', at: NOW },
    rejected: { invalid_port: 2 },
    samples: [
      { index: 0, key: 'id=1', reason: 'invalid_port', detail: 'port 0 is not 1 to 65535' },
      { index: 1, key: undefined, reason: 'invalid_port', detail: 'port 0 is not 1 to 65535' },
    ],
    held: [heldTargets(), heldTargets({ until: undefined, reason: 'replaced' })],
  })
  store.noteChange({
    ...{ source: 'sensors', atMs: NOW.wallMs, targets: 2, added: 2, removed: 1 },
    samples: { added: ['a:9100', 'b:9100'], removed: ['old:9100'] },
  })
  store.setFileError('sensors', 'storage', { path: undefined, error: 'the disk is full' })
  state.explanation = {
    matches: 1,
    explanations: [
      {
        source: 'sensors',
        position: { document: 'page 1', index: null },
        record: { hostname: 'a', tags: [1, null] },
        targets: [
          {
            address: 'a:9100',
            labels: { site: 's1' },
            steps: [
              {
                ...{ rule: 1, action: 'replace', result: 'changed' },
                changes: [{ label: 'place', before: null, after: 's1' }],
              },
            ],
            final: { address: 'a:9100', labels: { place: 's1' } },
            rejection: { reason: 'duplicate', detail: 'it is there twice' },
            served: true,
            verdict: 'served as a:9100',
          },
        ],
        dropped_labels: ['a-b is not a label name'],
        verdict: 'served as a:9100',
      },
    ],
  }
  return half
}

type Half = Awaited<ReturnType<typeof readHalf>>

/** Asks a server in this process, and compares the response with the document. */
function asker(t: Test, { app }: Half) {
  return async (asked: string, status: number, request: InjectOptions = {}) => {
    const [method = '', path = ''] = asked.split(' ')
    const url = path.replace('{source}', 'sensors').replace('{id}', 'a')
    const response = await app.inject({ method: method.toUpperCase() as 'GET', url, ...request })
    t.equal(response.statusCode, status, `${asked} ${response.body.slice(0, 200)}`)
    const type = response.headers['content-type']
    const told = { status, type: type === undefined ? undefined : String(type), body: response.body }
    t.same(checker.faultsOfResponse(asked, told), [], `${asked} ${status}`)
    return response
  }
}

const INSTANCE = '/api/v1/sources/{source}/instances/{id}'
const DEVICE = { url: '/api/v1/sources/devices/instances/a', headers: { authorization: 'Bearer right' } }

t.test('whatever is answered is as the document says', async (t) => {
  const half = await eventful(t)
  const ask = asker(t, half)
  await half.publish('waiting', ['c:9100'])
  t.ok((await ask('get /targets', 200)).json().length > 0)
  const etag = (await ask('get /targets/{source}', 200)).headers.etag
  await ask('get /targets/{source}', 304, { headers: { 'if-none-match': etag } })
  await ask('get /targets', 200, { query: { shard: '0/2' } })
  await ask('get /health', 200)
  await ask('get /api/v1/sources', 200)
  t.ok((await ask('get /api/v1/targets', 200)).json().targets.length > 0)
  t.ok((await ask('get /api/v1/explain', 200, { query: { q: 'a' } })).json().explanations.length > 0)
  t.ok((await ask('get /api/v1/changes', 200)).json().changes.length > 0)
  t.ok((await ask('get /api/v1/changes', 200, { query: { since: '3d' } })).json().events.length > 0)
  t.ok((await ask('get /api/v1/pollers', 200)).json().pollers.length > 0)
  t.ok((await ask('get /api/v1/prometheus', 200)).json().servers.length > 0)
  await ask('get /api/v1/status', 200)
  await ask('get /api/v1/backup', 200)
  t.same((await ask('get /api/v1/openapi.json', 200)).json(), document)
  await ask(`put ${INSTANCE}`, 201, { ...DEVICE, payload: { address: 'a:9100' } })
  await ask(`put ${INSTANCE}`, 200, { ...DEVICE, payload: { address: 'a:9100' } })
  await ask(`delete ${INSTANCE}`, 204, DEVICE)
  half.state.answers = [{ source: 'sensors', result: 'changed', targets: 2 }]
  half.state.acceptAnswer = half.state.answers
  await ask('post /-/refresh', 200)
  await ask('post /-/refresh', 202, { query: { wait: 'false' } })
  await ask('post /-/accept', 200, { query: { digest: DIGEST } })
  await ask('post /-/reload', 200)
})

t.test('errors are as the document says', async (t) => {
  const half = await eventful(t)
  const ask = asker(t, half)
  await ask('get /targets', 503)
  await ask('get /targets/{source}', 503, { url: '/targets/waiting' })
  await ask('get /targets/{source}', 404, { url: '/targets/other' })
  for (const path of ['targets', 'api/v1/sources', 'api/v1/targets', 'api/v1/changes', 'api/v1/pollers']) {
    await ask(`get /${path}`, 400, { query: { nonsense: '1' } })
    if (path !== 'targets') await ask(`get /${path}`, 404, { query: { source: 'other' } })
  }
  await ask('get /api/v1/explain', 400)
  await ask('get /api/v1/explain', 404, { query: { q: 'a', source: 'other' } })
  await ask('get /api/v1/backup', 400, { query: { a: '1' } })
  await ask(`put ${INSTANCE}`, 404, { payload: {} })
  await ask(`put ${INSTANCE}`, 401, { url: DEVICE.url })
  await ask(`put ${INSTANCE}`, 400, { ...DEVICE, payload: '{' })
  await ask(`put ${INSTANCE}`, 413, { ...DEVICE, payload: 'x'.repeat(20_000) })
  await ask(`delete ${INSTANCE}`, 403, {
    ...DEVICE,
    headers: { ...DEVICE.headers, 'sec-fetch-site': 'cross-site' },
  })
  half.state.answers = [{ source: 'sensors', result: 'failed', targets: 2, error: new Error('refused') }]
  await ask('post /-/refresh', 502)
  await ask('post /-/refresh', 404, { query: { source: 'other' } })
  await ask('post /-/accept', 400)
  await ask('post /-/accept', 409, { query: { digest: DIGEST } })
  half.state.reloadError = new Error('rollcall.yml:1:1: sources is missing')
  await ask('post /-/reload', 500)
  half.state.backup = () => {
    throw new HttpError('backup_unavailable', 'the disk is gone')
  }
  await ask('get /api/v1/backup', 503)
})

t.test('what is switched off, and who may not ask, is as the document says', async (t) => {
  const off = asker(t, await eventful(t, { enableLifecycle: false, disableExplain: true }))
  for (const asked of ['post /-/refresh', 'post /-/accept', 'post /-/reload', 'get /api/v1/backup'])
    await off(asked, 403)
  await off('get /api/v1/explain', 403, { query: { q: 'a' } })
  const path = written(t.testdir(), `basic_auth_users: { dave: ${DAVE} }\n`)
  const { web } = await openWebFile(t, path)
  const guarded = asker(t, await eventful(t, { web }))
  for (const { asked } of operations) {
    if (asked.includes('{id}')) continue
    await guarded(asked, asked.endsWith('openapi.json') ? 200 : 401)
  }
})

function booleanIn(text: string): unknown {
  return text === 'true' || text === 'false' ? text === 'true' : text
}

t.test('parameters take what the document says, and nothing beyond', async (t) => {
  const { app, publish } = await readHalf(t, {
    enableLifecycle: true,
    history: { find: async () => ({ events: [], next: undefined }) },
  })
  await publish('sensors', ['a:9100'])
  const rows: [path: string, parameter: string, values: readonly string[]][] = [
    ['/api/v1/targets', 'limit', ['1', '1000', '0', '1001', '-1', '1.5']],
    ['/api/v1/targets', 'offset', ['0', '-1']],
    ['/api/v1/targets', 'q', ['', 'x'.repeat(256), 'x'.repeat(257)]],
    ['/api/v1/targets', 'source', ['sensors', 'a.b', 'x'.repeat(64)]],
    ['/api/v1/changes', 'before', ['1', '0']],
    ['/api/v1/changes', 'limit', ['1', '1000', '0', '1001']],
    ['/api/v1/changes', 'target', ['a', '', 'x'.repeat(256), 'x'.repeat(257)]],
    ['/api/v1/explain', 'q', ['a', '', 'x'.repeat(256), 'x'.repeat(257)]],
    ['/targets', 'shard', ['0/2', '1', '-1/2', 'a/b', '01/2']],
    ['/-/refresh', 'wait', ['true', 'false', 'no', '']],
    ['/-/accept', 'digest', [DIGEST, DIGEST.slice(1), 'D'.repeat(64)]],
  ]
  for (const [path, name, values] of rows) {
    const method = path.startsWith('/-/') ? 'post' : 'get'
    const index = document.paths[path]?.[method]?.parameters?.findIndex((one) => one.name === name)
    const pointer = `/paths/${path.replaceAll('/', '~1')}/${method}/parameters/${index}/schema`
    for (const value of values) {
      const { type } = at(document, `#${pointer}`)
      const meant = type === 'integer' ? Number(value) : type === 'boolean' ? booleanIn(value) : value
      const isDescribed = checker.faultsOf(pointer, meant).length === 0
      const { statusCode } = await app.inject({ url: path, method, query: { [name]: value } })
      t.equal(statusCode !== 400, isDescribed, `${path}?${name}=${value.slice(0, 10)} ${statusCode}`)
    }
  }
})

t.test('a server that runs answers as its document says', async (t) => {
  const path = join(t.testdir(), 'data')
  const { url } = await start(t, [
    'demo',
    '--demo.listen-address=127.0.0.1:0',
    '--web.enable-lifecycle',
    `--storage.path=${path}`,
  ])
  await until('all lists', async () => (await fetch(`${url}/targets`)).status === 200)
  const served = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as OpenApi
  t.same(served, document)
  const [{ name } = { name: '' }] = (await (await fetch(`${url}/api/v1/sources`)).json()).sources
  const rows: [asked: string, query: string, status: number][] = [
    ...operations.flatMap(({ asked }): [string, string, number][] =>
      asked.startsWith('get ') && !asked.endsWith('/explain') ? [[asked, '', 200]] : [],
    ),
    ['get /api/v1/explain', '?q=sensor', 200],
    ['get /api/v1/changes', '?since=1h', 200],
    ['get /api/v1/explain', '', 400],
    ['post /-/refresh', `?source=${name}`, 200],
    ['post /-/refresh', '?wait=false', 202],
    ['post /-/accept', `?digest=${DIGEST}`, 409],
    ['post /-/reload', '', 409],
  ]
  for (const [asked, query, status] of rows) {
    const [method = '', route = ''] = asked.split(' ')
    const response = await fetch(url + route.replace('{source}', name) + query, {
      method: method.toUpperCase(),
    })
    t.equal(response.status, status, asked)
    const type = response.headers.get('content-type') ?? undefined
    t.same(
      checker.faultsOfResponse(asked, { status: response.status, type, body: await response.text() }),
      [],
      asked,
    )
  }
})
