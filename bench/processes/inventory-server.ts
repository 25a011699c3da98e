// A plain node:http server that answers GET /inventory with a prepared body. Arguments: what to serve, `records`
// or `names`, and how many. POST /change switches to the other inventory, POST /tags?on=yes to conditional answers.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inventoryBody, type Variant } from './records.ts'

const [kind, count] = process.argv.slice(2) as [string, string]
const names = () =>
  Buffer.from(
    JSON.stringify(Array.from({ length: Number(count) }, (_, index) => `sensor-${index}.example.com`)),
  )
const make = (variant: Variant) => (kind === 'names' ? names() : inventoryBody(Number(count), variant))
const bodies = { a: make('a'), b: make('b') }
const serving: { variant: Variant; hasTags: boolean } = { variant: 'a', hasTags: false }

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  if (request.method === 'POST') {
    if (pathname === '/change') serving.variant = serving.variant === 'a' ? 'b' : 'a'
    else serving.hasTags = searchParams.get('on') === 'yes'
    response.end()
    return
  }
  const etag = `"${serving.variant}"`
  if (serving.hasTags && request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end()
    return
  }
  const body = bodies[serving.variant]
  response
    .writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.byteLength,
      ...(serving.hasTags ? { etag } : {}),
    })
    .end(body)
})
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/inventory`)
})
