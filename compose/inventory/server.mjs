// The inventory of compose.yaml: answers GET /inventory with the list beside this file. Nothing modifies it.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const list = readFileSync(new URL('inventory.json', import.meta.url))

const server = createServer((request, response) => {
  if (request.url !== '/inventory') return response.writeHead(404).end('the inventory is at /inventory\n')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return response.writeHead(405, { allow: 'GET, HEAD' }).end('the inventory is read-only\n')
  }
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': list.length }).end(list)
})

server.listen(1337)
process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
