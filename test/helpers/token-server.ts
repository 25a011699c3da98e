import type { IncomingMessage } from 'node:http'
import type { Test } from 'tap'
import { type InventoryServer, inventoryServer } from './inventory-server.ts'

/** A request for a token, as it came in. */
export interface TokenRequest {
  readonly headers: IncomingMessage['headers']
  readonly form: Readonly<Record<string, string>>
}

/** What the server says to a request. */
export interface TokenReply {
  readonly status?: number
  readonly headers?: Record<string, string>
  /** JSON, unless it is a text. */
  readonly body: unknown
}

/** An OAuth 2 server on loopback whose answers a test decides on; by default the tokens are t1, t2, … */
export interface TokenServer {
  readonly url: URL
  readonly requests: TokenRequest[]
  readonly server: InventoryServer
  /** Answers so from now on. */
  reply(decide: (request: TokenRequest, count: number) => TokenReply | Promise<TokenReply>): void
}

export async function tokenServer(t: Test): Promise<TokenServer> {
  const server = await inventoryServer(t)
  const requests: TokenRequest[] = []
  let decide: Parameters<TokenServer['reply']>[0] = (_request, count) => ({ body: token(`t${count}`) })
  server.handle(async (incoming, response) => {
    const body = (await incoming.toArray()).join('')
    const request = { headers: incoming.headers, form: Object.fromEntries(new URLSearchParams(body)) }
    requests.push(request)
    const reply = await decide(request, requests.length)
    const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
    response
      .writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers })
      .end(text)
  })
  return {
    url: new URL('/token', server.url),
    requests,
    server,
    reply(next) {
      decide = next
    },
  }
}

/** What a server says that gives a token. */
export function token(accessToken: string, expiresIn: unknown = 3600) {
  return { access_token: accessToken, token_type: 'bearer', expires_in: expiresIn }
}
