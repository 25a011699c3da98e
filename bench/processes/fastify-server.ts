// A bare Fastify server that sends one answer, with the very headers and body that Rollcall sends. Arguments: a file with
// the body, and a file with the headers as JSON.
import { readFileSync } from 'node:fs'
import { fastify } from 'fastify'

const [bodyFile, headersFile] = process.argv.slice(2) as [string, string]
const body = readFileSync(bodyFile)
const { 'content-length': _length, ...headers } = JSON.parse(readFileSync(headersFile, 'utf8'))
const app = fastify()
app.get('/targets', (_request, reply) => reply.headers(headers).send(body))
console.log(await app.listen({ host: '127.0.0.1', port: 0 }))
