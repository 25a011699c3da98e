import type { IncomingMessage } from 'node:http'
import { HttpError } from '../base/errors.ts'

/** Most bytes of a payload. */
export const MAX_BODY_BYTES = 1_048_576

/**
 * How much of a body that nobody wants is read all the same, so that its sender gets to read the answer: a
 * connection that is closed in the middle of a request loses what was answered.
 */
const MAX_DISCARDED_BYTES = 8 * MAX_BODY_BYTES

/** How many bytes of payloads are in memory at a time, whoever sends them. */
const MAX_BUFFERED_BYTES = 16 * MAX_BODY_BYTES

/** After how many seconds a client should try again that found no memory left. */
const RETRY_AFTER_SECONDS = 1

/** The client is gone before its request was whole: there is nobody to answer. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError'
}

/** Reads bodies. */
export interface BodyReader {
  /**
   * The body of a request.
   * @throws HttpError `payload_too_large` or `overloaded`, ClientGoneError
   */
  read(request: IncomingMessage): Promise<Buffer>
}

/** Creates a reader that keeps no more in memory than is good for a small device. */
export function createBodyReader(maxBuffered = MAX_BUFFERED_BYTES): BodyReader {
  let buffered = 0

  return {
    async read(request) {
      let chunks: Buffer[] = []
      let held = 0
      let refusal: HttpError | undefined
      const release = () => {
        buffered -= held
        held = 0
        chunks = []
      }
      const refuse = (error: HttpError) => {
        refusal = error
        release()
      }
      try {
        await receive(request, (chunk, length) => {
          if (refusal !== undefined) return
          if (length > MAX_BODY_BYTES) return refuse(tooLarge())
          if (buffered + chunk.byteLength > maxBuffered) return refuse(noMemory())
          buffered += chunk.byteLength
          held += chunk.byteLength
          chunks.push(chunk)
        })
        if (refusal !== undefined) throw refusal
        return Buffer.concat(chunks)
      } finally {
        release()
      }
    },
  }
}

/** Reads what is left of a request's body, up to a bound, and forgets it; never fails. */
export async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.readableFlowing !== null) return // somebody reads it already, or gave it up
  await receive(request, () => {}).catch(() => {})
}

/**
 * Hands the parts of a body over, with the bytes that came so far.
 * @throws HttpError `payload_too_large` beyond what is even discarded, ClientGoneError
 */
function receive(request: IncomingMessage, take: (chunk: Buffer, length: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES) return reject(tooLarge())
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.byteLength
      if (length > MAX_DISCARDED_BYTES) reject(tooLarge())
      else take(chunk, length)
    })
    request.on('end', resolve)
    request.on('error', () => reject(new ClientGoneError('the client is gone')))
  })
}

function tooLarge(): HttpError {
  return new HttpError('payload_too_large', `the body is larger than ${MAX_BODY_BYTES} bytes`)
}

function noMemory(): HttpError {
  return new HttpError('overloaded', 'too many payloads at the moment; try again', RETRY_AFTER_SECONDS)
}
