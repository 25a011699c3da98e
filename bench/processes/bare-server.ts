// The fastest that Node.js can be at this: a bare node:http server that sends one answer, with the very
// headers and body that Rollcall sends. Arguments: a file with the body, a file with the headers as JSON, and for
// node:https instead files with a certificate and its key.
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

const [bodyFile, headersFile, certFile, keyFile] = process.argv.slice(2) as [string, string, string?, string?]
const body = readFileSync(bodyFile)
const headers = JSON.parse(readFileSync(headersFile, 'utf8'))
const answer: RequestListener = (_request, response) => {
  response.writeHead(200, headers)
  response.end(body)
}
const isTls = certFile !== undefined && keyFile !== undefined
const server = isTls
  ? createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, answer)
  : createServer(answer)
server.listen(0, '127.0.0.1', () => {
  console.log(`http${isTls ? 's' : ''}://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
