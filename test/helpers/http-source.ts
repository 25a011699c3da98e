import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import { systemClock } from '../../src/base/clock.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { loadSettings } from '../../src/config/load.ts'
import { createSource } from '../../src/sources/kinds.ts'
import type { Source } from '../../src/sources/source.ts'
import { diskFiles } from './files.ts'
import type { InventoryServer } from './inventory-server.ts'

/** The source that a configuration file with these keys of `http:` describes, and with others beside them. */
export async function httpSource(
  t: Test,
  http: Record<string, unknown>,
  keys: Record<string, unknown> = {},
): Promise<Source> {
  const path = join(t.testdir(), 'rollcall.yml')
  writeFileSync(path, stringify({ sources: [{ name: 'sensors', http, ...keys }] }))
  const { sources } = await loadSettings(readArguments([`--config.file=${path}`]), {}, diskFiles)
  const [settings] = sources
  if (settings === undefined) throw new Error('there is no source')
  const source = createSource(settings.source, {
    clock: systemClock,
    files: diskFiles,
    userAgent: 'Rollcall/test',
  })
  t.teardown(() => source.close())
  return source
}

/** What an API sees of a request. */
export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
}

/** What it answers: JSON, or a text; with a status and headers if not 200 and none. */
export interface ApiAnswer {
  readonly json?: unknown
  readonly text?: string
  readonly status?: number
  readonly headers?: Record<string, string | string[]>
}

/** Lets a server answer as an API does; the requests are kept in order. */
export function serveApi(
  server: InventoryServer,
  answer: (request: ApiRequest, count: number) => ApiAnswer,
): ApiRequest[] {
  const requests: ApiRequest[] = []
  server.handle((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text) => {
      body += text
    })
    request.on('end', () => {
      const url = new URL(request.url ?? '', server.url)
      const asked = { method: request.method ?? '', path: request.url ?? '', query: url.searchParams, body }
      requests.push(asked)
      const { json, text = JSON.stringify(json), status = 200, headers = {} } = answer(asked, requests.length)
      response.writeHead(status, headers).end(text)
    })
  })
  return requests
}
