import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './prometheus.ts'
import type { Scope } from './scope.ts'
import { until } from './until.ts'

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
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  scope.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  })
  const url = `http://127.0.0.1:${port}`
  await until('vmagent answers', async () => {
    if (child.exitCode !== null) throw new Error(`it exited: ${log.slice(-500)}`)
    return (await fetch(`${url}/health`)).status === 200
  })
  return { url }
}
