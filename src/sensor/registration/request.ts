import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { USER_AGENT } from '../../base/version.ts'
import { RegistrationError, reasonOf } from './failure.ts'

/** The responses of the server are short; longer ones are refused. */
const MAX_ANSWER_BYTES = 65_536

/** One request to the push source. */
export interface PushRequest {
  readonly method: 'PUT' | 'DELETE'
  readonly url: URL
  readonly token: string | undefined
  /** Makes the body once the local address of the connection to the server is known. */
  readonly body: ((localAddress: string) => string) | undefined
  readonly timeoutMs: number
}

/** A response of any status. */
export interface PushAnswer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

/**
 * Sends a request over a new connection: a reused one would often be dead after half a minute, and a machine
 * that moved would still use its old address.
 * @throws RegistrationError when there is no response in time, or `body` throws it
 */
export async function sendPush(request: PushRequest, clock: Pick<Clock, 'after'>): Promise<PushAnswer> {
  const { method, url, token, timeoutMs } = request
  // Loaded only when needed: most sensors never use TLS.
  const { request: open } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const headers = {
    'user-agent': USER_AGENT,
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }
  return new Promise((resolve, reject) => {
    const sent = open(url, { method, headers, agent: false })
    const cancel = clock.after(timeoutMs, () =>
      sent.destroy(new RegistrationError('timeout', `no answer within ${timeoutMs / 1000} s`)),
    )
    const fail = (error: Error) => {
      cancel()
      reject(asFailure(error))
    }
    sent.on('error', fail)
    sent.on('response', (response) => {
      const read = (answer: PushAnswer) => {
        cancel()
        resolve(answer)
      }
      readAnswer(response, read, fail)
    })
    finish(sent, request.body)
  })
}

/** Ends the request; a body is sent once the connection is established. */
function finish(sent: ClientRequest, body: PushRequest['body']): void {
  if (body === undefined) return void sent.end()
  sent.on('socket', (socket: Socket) => {
    socket.once('connect', () => {
      try {
        sent.setHeader('content-type', 'application/json').end(body(String(socket.localAddress)))
      } catch (error) {
        sent.destroy(error as Error)
      }
    })
  })
}

function readAnswer(
  response: IncomingMessage,
  resolve: (answer: PushAnswer) => void,
  reject: (error: Error) => void,
): void {
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (part: string) => {
    text += part
    if (text.length > MAX_ANSWER_BYTES) {
      response.destroy(new RegistrationError('answer', `the answer is longer than ${MAX_ANSWER_BYTES} bytes`))
    }
  })
  response.on('error', reject)
  response.on('end', () => {
    resolve({ status: Number(response.statusCode), retryAfter: response.headers['retry-after'], text })
  })
}

function asFailure(error: Error): RegistrationError {
  if (error instanceof RegistrationError) return error
  return new RegistrationError(reasonOf(error), messageOf(error))
}
