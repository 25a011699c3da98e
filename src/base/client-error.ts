import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_ERRORS, type HttpErrorCode } from './errors.ts'

/** The body of every error answer, as a value. */
export function errorBody(code: HttpErrorCode, message: string) {
  return { error: { code, message } }
}

const CLIENT_ERRORS: Record<string, HttpErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** How long a client has to read such an answer and to end the connection, in milliseconds. */
const LINGER_MS = 5_000

/** Answers a connection whose bytes never became a request: malformed, too slow or too large; then closes it. */
export function handleClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  lingerMs: number = LINGER_MS,
): void {
  // A handshake that failed, or was never finished, leaves nothing that could be answered on.
  if (error.code === 'ECONNRESET' || /^ERR_(SSL|TLS)_/.test(String(error.code)) || !socket.writable) {
    socket.destroy()
    return
  }
  const code = CLIENT_ERRORS[String(error.code)] ?? 'bad_request'
  const { status, meaning } = HTTP_ERRORS[code]
  const body = JSON.stringify(errorBody(code, meaning))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  // Not at once: what the client still sends would take the answer from it. It may never end its half, though.
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
}
