import { execFileSync, spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { freePort } from '../../test/helpers/prometheus.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { findTool } from '../../test/helpers/tools.ts'
import { ownChild } from './child.ts'
import { firstOk } from './rollcall.ts'
import type { ServerProcess } from './start.ts'

const HTTP_SD = 'prometheus-http-sd==3.0.6'

/** Why the peers cannot be started here, and what to install; undefined when they can. */
export function peersMissing(): string | undefined {
  if (findTool('nginx') === undefined) return 'nginx is not installed: apt install nginx-light'
  return findTool('python3') === undefined ? 'python3 is not installed: apt install python3-venv' : undefined
}

/** nginx in one process that serves `/targets` from a file, and packed from another: the fastest that there is. */
export async function startNginx(scope: Scope, body: Buffer): Promise<ServerProcess> {
  const folder = scope.testdir()
  const port = await freePort()
  writeFileSync(join(folder, 'targets'), body)
  writeFileSync(join(folder, 'targets.gz'), gzipSync(body))
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; error_log stderr; pid ${folder}/pid; events { }
    http {
      access_log off; default_type application/json; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
      open_file_cache max=10; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p;
      server { listen 127.0.0.1:${port}; root ${folder}; gzip_static on; }
    }`,
  )
  return startPeer(scope, 'nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], port)
}

/** The Python server of this kind, on a file with the same target groups. It is installed into the cache folder once. */
export async function startHttpSd(scope: Scope, groups: Buffer): Promise<ServerProcess> {
  const venv = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rollcall', HTTP_SD)
  const program = join(venv, 'bin', 'prometheus-http-sd')
  if (!existsSync(program)) {
    execFileSync('python3', ['-m', 'venv', '--clear', venv])
    execFileSync(join(venv, 'bin', 'pip'), ['install', '--quiet', HTTP_SD])
  }
  const folder = scope.testdir()
  const port = await freePort()
  writeFileSync(join(folder, 'targets.json'), groups)
  const args = ['serve', '--host=127.0.0.1', `--port=${port}`, `--cache-dir=${scope.testdir()}`, folder]
  return startPeer(scope, program, args, port)
}

async function startPeer(
  scope: Scope,
  program: string,
  args: string[],
  port: number,
): Promise<ServerProcess> {
  const child = spawn(program, args, { stdio: 'ignore' })
  const stop = ownChild(scope, child)
  const url = `http://127.0.0.1:${port}`
  await firstOk(`${url}/targets`)
  return { pid: child.pid as number, url, stop }
}
