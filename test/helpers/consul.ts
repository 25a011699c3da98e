import { freePort } from './prometheus.ts'
import type { Scope } from './scope.ts'
import { startTool } from './tool-process.ts'
import { findGoTool, findTool } from './tools.ts'

/** The token of Consul that may do everything. */
const MANAGEMENT = '00000000-0000-4000-8000-000000000001'

/** Consul: `$CONSUL`, the one on the PATH, or the one that `.ci/run` made. */
export const findConsul = () => findTool('consul', 'CONSUL') ?? findGoTool('consul')

/** Starts a server of Consul on loopback ports, in memory and with ACLs; the scope's end stops it. */
export async function startConsul(scope: Scope, binary: string) {
  const [http, server, serf] = [await freePort(), await freePort(), await freePort()]
  // Without a token of its own the agent could not take services out of the catalogue.
  const tokens = `initial_management = "${MANAGEMENT}", agent = "${MANAGEMENT}"`
  const acl = `acl { enabled = true, default_policy = "deny", tokens { ${tokens} } }`
  const off = ['grpc-port', 'grpc-tls-port', 'dns-port', 'serf-wan-port'].map((port) => `-${port}=-1`)
  const ports = [`-http-port=${http}`, `-server-port=${server}`, `-serf-lan-port=${serf}`]
  const args = ['agent', '-dev', '-bind=127.0.0.1', '-client=127.0.0.1', `-hcl=${acl}`, ...ports, ...off]

  /** Asks the API of Consul. @returns its answer; an error when it is none of success */
  async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${http}/v1/${path}`, {
      method,
      headers: { 'X-Consul-Token': MANAGEMENT },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? null : JSON.parse(text)
  }

  await startTool(scope, 'Consul', binary, args, async () => {
    // It has a leader, and knows its token.
    await ask('GET', 'acl/token/self')
    return ((await ask('GET', 'catalog/nodes')) as unknown[]).length === 1
  })
  return { origin: `http://127.0.0.1:${http}`, ask }
}
