// The fastest that Node.js can be at this: a bare node:http server that sends one answer, with the very
// headers and body that Rollcall sends. Arguments: a file with the body, a file with the headers as JSON.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const [bodyFile, headersFile] = process.argv.slice(2) as [string, string]
const body = readFileSync(bodyFile)
const headers = JSON.parse(readFileSync(headersFile, 'utf8'))
const server = createServer((_request, response) => {
  response.writeHead(200, headers)
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
