import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './prometheus.ts'
import type { Scope } from './scope.ts'
import { startTool } from './tool-process.ts'

/** Starts a vmagent on a free loopback port, which sends what it scrapes nowhere; the scope's end stops it. */
export async function startVmagent(
  scope: Scope,
  binary: string,
  config: string,
  flags: readonly string[] = [],
) {
  const folder = scope.testdir()
  const file = join(folder, 'scrape.yml')
  writeFileSync(file, config)
  const port = await freePort()
  const args = [
    `-promscrape.config=${file}`,
    '-promscrape.httpSDCheckInterval=1s',
    '-remoteWrite.url=http://127.0.0.1:9/',
    `-remoteWrite.tmpDataPath=${join(folder, 'data')}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    '-memory.allowedBytes=64MB',
    ...flags,
  ]
  const url = `http://127.0.0.1:${port}`
  await startTool(scope, 'vmagent', binary, args, `${url}/health`)
  return { url }
}
