import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { systemClock } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import { readRegistration } from '../../src/model/registration.ts'
import { parsePattern } from '../../src/sources/file/pattern.ts'
import type { HttpSourceOptions } from '../../src/sources/http/source.ts'
import { createSource, type SourceOptions } from '../../src/sources/kinds.ts'
import { diskFiles } from '../helpers/files.ts'
import { httpOptions, loginOptions } from '../helpers/http-options.ts'
import { inventoryServer } from '../helpers/inventory-server.ts'
import { checkSource, MAX_BYTES, type Rig, type SourceKind, type SuiteRecord } from './suite.ts'

type Write = (records: readonly SuiteRecord[]) => string

const asJson: Write = (records) => JSON.stringify(records)

const asGroups: Write = (records) =>
  JSON.stringify(records.map(({ host, port, site }) => ({ targets: [`${host}:${port}`], labels: { site } })))

const asCsv: Write = (records) =>
  ['host,port,site', ...records.map(({ host, port, site }) => `${host},${port},${site}`)].join('\n')

const create = (options: SourceOptions) =>
  createSource(options, { clock: systemClock, files: diskFiles, userAgent: 'Rollcall/test' })

/** A server that knows conditional requests. */
async function httpRig(
  t: Test,
  kind: 'http' | 'http_sd',
  write: Write,
  more: Partial<HttpSourceOptions & Pick<SourceOptions, 'joins'>> = {},
): Promise<Rig> {
  const inventory = await inventoryServer(t)
  const say = (body: string) => {
    const etag = `"${createHash('sha256').update(body).digest('hex')}"`
    inventory.handle((request, response) =>
      request.headers['if-none-match'] === etag
        ? response.writeHead(304).end()
        : response.writeHead(200, { etag }).end(body),
    )
  }
  return {
    source: create({ ...httpOptions(inventory.url, { maxResponseBytes: MAX_BYTES, ...more }), kind }),
    put: (records) => say(write(records)),
    break: () => inventory.handle((_request, response) => response.writeHead(500).end('[]')),
    hang: () => inventory.handle(() => {}),
    huge: () => say(`[${' '.repeat(MAX_BYTES)}]`),
    garbage: () => say('<html>'),
  }
}

/** The same with a login at another server. */
async function loginRig(t: Test): Promise<Rig> {
  const { url } = await inventoryServer(t, 'session-1')
  return httpRig(t, 'http', asJson, { login: loginOptions(url) })
}

/** The same, joined with another list. */
async function joinRig(t: Test): Promise<Rig> {
  const other = httpOptions((await inventoryServer(t, [])).url)
  return httpRig(t, 'http', asJson, { joins: [{ name: 'rack', source: other }] })
}

async function fileRig(t: Test, name: string, write: Write, garbage: string): Promise<Rig> {
  const folder = t.testdir()
  const path = join(folder, name)
  const files = [parsePattern(name, { folder, kind: undefined, delimiter: ',' })]
  return {
    source: create({ kind: 'file', files, maxBytes: MAX_BYTES }),
    put: (records) => writeFileSync(path, write(records)),
    break: () => rmSync(path),
    huge: () => writeFileSync(path, ' '.repeat(MAX_BYTES + 1)),
    garbage: () => writeFileSync(path, garbage),
  }
}

/** A program that prints a file. */
async function commandRig(t: Test, kind: 'json' | 'csv', write: Write, garbage: string): Promise<Rig> {
  const folder = t.testdir()
  const path = join(folder, 'list')
  const say = (script: string, text = '') => {
    writeFileSync(path, text)
    writeFileSync(join(folder, 'run'), script)
  }
  const env = { PATH: String(process.env.PATH) }
  const argv = ['sh', './run']
  return {
    source: create({ kind: 'command', argv, env, folder, format: { kind }, maxBytes: MAX_BYTES }),
    put: (records) => say('cat list', write(records)),
    break: () => say('head -c 9 list; exit 1', '["a","b","c"]'),
    hang: () => say('sleep 1000'),
    huge: () => say('cat list', ' '.repeat(MAX_BYTES + 1)),
    garbage: () => say('cat list', garbage),
  }
}

/** Devices that register, and leave when they are not among the records any more. */
async function pushRig(t: Test): Promise<Rig> {
  const token = join(t.testdir(), 'token')
  const options = { ttlMs: 1_000, maxTtlMs: 1_000, maxInstances: 10 }
  const source = create({ kind: 'push', name: 's', token: Secret.file(token, diskFiles), ...options })
  const { instances } = source
  let known: readonly SuiteRecord[] = []
  return {
    source,
    async put(records) {
      writeFileSync(token, 'a')
      for (const { host } of known) await instances?.leave(host)
      known = records
      for (const { host, port, site } of records) {
        await instances?.register(host, readRegistration({ address: `${host}:${port}`, labels: { site } }))
      }
    },
    break: () => rmSync(token),
  }
}

const KINDS: readonly SourceKind[] = [
  { name: 'http', create: (t) => httpRig(t, 'http', asJson) },
  { name: 'http with a login', create: loginRig },
  { name: 'http with a join', create: joinRig },
  {
    name: 'http by several URLs',
    create: (t) => httpRig(t, 'http', asJson, { standbys: [new URL('http://127.0.0.1:1/')] }),
  },
  { name: 'http_sd', groups: true, create: (t) => httpRig(t, 'http_sd', asGroups) },
  { name: 'file with JSON', create: (t) => fileRig(t, 'list.json', asJson, '{"a":1') },
  { name: 'file with YAML', create: (t) => fileRig(t, 'list.yml', (records) => stringify(records), 'a: [') },
  { name: 'file with CSV', create: (t) => fileRig(t, 'list.csv', asCsv, 'host\n"a') },
  { name: 'file for file_sd', groups: true, create: (t) => fileRig(t, 'list.yaml', asGroups, '') },
  { name: 'command with JSON', create: (t) => commandRig(t, 'json', asJson, '{"a":1') },
  { name: 'command with CSV', create: (t) => commandRig(t, 'csv', asCsv, 'host\n"a') },
  { name: 'push', ownLabels: true, create: pushRig },
]

for (const kind of KINDS) t.test(kind.name, async (t) => checkSource(t, kind))
