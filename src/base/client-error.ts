import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { HTTP_ERRORS, type HttpErrorCode } from './errors.ts'

/** The body of an error response. */
export function errorBody(code: HttpErrorCode, message: string) {
  return { error: { code, message } }
}

const CLIENT_ERRORS: Record<string, HttpErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** How long a client has to read such a response and to close the connection, in milliseconds. */
const LINGER_MS = 5_000

/**
 * Responds to a connection whose bytes are not a request: malformed, too slow or too large; then closes it.
 */
export function handleClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  lingerMs: number = LINGER_MS,
): void {
  // After a failed or unfinished handshake no response can be sent.
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
  // Delayed, since data that the client still sends would reset the connection before it reads the response.
  // The timer covers clients that never close.
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
}
