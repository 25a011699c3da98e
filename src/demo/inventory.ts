import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { explainListen, urlOf } from '../base/listening.ts'

/** A running inventory. */
export interface DemoInventory {
  readonly url: URL
  close(): Promise<void>
}

/**
 * Starts an inventory that answers `GET /inventory` with the current result of `read`, as JSON.
 * @throws StartError when the address cannot be listened on
 */
export async function startInventory(
  listenAddress: { readonly host: string | undefined; readonly port: number },
  read: () => unknown,
): Promise<DemoInventory> {
  const server = createServer((request, response) => {
    if (request.url !== '/inventory') {
      response.writeHead(404).end('the inventory is at /inventory\n')
      return
    }
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(`${JSON.stringify(read(), null, 2)}\n`)
  })
  const { host = '', port } = listenAddress
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(explainListen(error, `${host}:${port} for the demo's inventory`, '--demo.listen-address'))
    })
    server.listen(port, host, resolve)
  })
  return {
    url: new URL('/inventory', urlOf(server.address() as AddressInfo)),
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}
