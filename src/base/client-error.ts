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

/** Answers a connection whose bytes never became a request: malformed, too slow or too large. */
export function handleClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // A handshake that failed leaves nothing that could be answered on.
  if (error.code === 'ECONNRESET' || String(error.code).startsWith('ERR_SSL') || !socket.writable) {
    socket.destroy()
    return
  }
  const code = CLIENT_ERRORS[String(error.code)] ?? 'bad_request'
  const { status, meaning } = HTTP_ERRORS[code]
  const body = JSON.stringify(errorBody(code, meaning))
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
