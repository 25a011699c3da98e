import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type Agent as PlainAgent, request as requestPlain } from 'node:http'
import { Agent, type RequestOptions, request as requestTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { webFileLoader } from '../../src/config/web-file.ts'
import { createReport, type Refusal } from '../../src/web/access.ts'
import { openWeb } from '../../src/web/web.ts'
import { readHalf } from './app.ts'
import { diskFiles } from './files.ts'
import { recordingLog } from './log.ts'

/** Bcrypt hashes of `dave123` and `carol123`, of the lowest cost. */
export const DAVE = '$2b$04$U3GIY3eY2cCE.gDG0Z0d5evnLYSMAqNScUTK1wjNAmTCY/IFV1krO'
export const CAROL = '$2y$04$EkcFz2cXaSPh/oLwRkO0ReXCBepeAZxj63aisCYmCBqgTJJIjH7Ny'

/** A file with this text in the folder of the test. */
export function written(folder: string, text: string, name = 'web.yml'): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** A web configuration file in force. */
export async function openWebFile(t: Test, path: string, clock: Clock = systemClock) {
  const { log, lines } = recordingLog()
  const refused: Refusal[] = []
  const reloads: boolean[] = []
  const report = createReport((reason) => void refused.push(reason), log, clock)
  const deps = { clock, files: diskFiles, log, report, onReload: (ok: boolean) => void reloads.push(ok) }
  const web = await openWeb(webFileLoader(path), deps)
  t.teardown(() => web.close())
  return { web, refused, reloads, lines, report }
}

/** The read half of a server on loopback, with or without a web configuration file. */
export async function webServer(
  t: Test,
  path: string | undefined,
  options: Parameters<typeof readHalf>[1] & { clock?: Clock } = {},
) {
  const opened = path === undefined ? undefined : await openWebFile(t, path, options.clock)
  const half = await readHalf(t, { ...options, ...(opened && { web: opened.web }) })
  await half.publish('sensors', ['10.0.0.1:9100'])
  await half.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = half.app.server.address() as AddressInfo
  return { ...half, port, ...opened }
}

/** How a client asks. */
export type AskOptions = Omit<RequestOptions, 'agent'> & { tls?: boolean; agent?: PlainAgent }

/** What a client got. */
export interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
  readonly cipher: string | undefined
}

/** Sends one request over a connection of its own; fails with the error of the connection. */
export async function ask(port: number, path: string, options: AskOptions = {}): Promise<Answer> {
  const { tls = false, ...rest } = options
  const own = { ...(tls ? { agent: new Agent({ maxCachedSessions: 0 }) } : { agent: false }) }
  const all = { host: '127.0.0.1', port, path, servername: 'localhost', ...own, ...rest } as const
  const request = tls ? requestTls(all) : requestPlain(all)
  request.end()
  const [response] = await once(request, 'response')
  const cipher = tls ? (response.socket as TLSSocket).getCipher().standardName : undefined
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  if (typeof own.agent === 'object') own.agent.destroy()
  return { status: response.statusCode, headers: response.headers, body, cipher }
}
