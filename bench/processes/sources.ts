import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Scope } from '../../test/helpers/scope.ts'
import { type ServerProcess, startServer } from './start.ts'

/** Serves JSON on a free loopback port of this process, until the scope ends. @returns its URL, without a path */
export async function serveJson(scope: Scope, answer: (path: string) => unknown): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer(request.url ?? '')))
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  scope.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/**
 * Starts a Rollcall with a source for each URL.
 * @param keys of each source, beside its name and URL, as YAML within braces
 */
export function startSources(
  scope: Scope,
  urls: readonly string[],
  { interval, keys = '', storage = scope.testdir() }: { interval: string; keys?: string; storage?: string },
): Promise<ServerProcess> {
  const file = join(scope.testdir(), 'rollcall.yml')
  const sources = urls.map((url, index) => `  - { name: s${index}, http: { url: "${url}" }${keys} }\n`)
  writeFileSync(file, `global: { refresh_interval: ${interval} }\nsources:\n${sources.join('')}`)
  const args = [
    'dist/cli.js',
    `--config.file=${file}`,
    '--web.listen-address=127.0.0.1:0',
    '--web.enable-lifecycle',
    `--storage.path=${storage}`,
    '--log.format=json',
  ]
  return startServer(scope, { args, serves: /"url":"([^"]+)".*"msg":"serving targets"/ })
}
