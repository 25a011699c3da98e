import type { IncomingMessage } from 'node:http'
import { HttpError } from '../base/errors.ts'

/** The largest payload, in bytes. */
export const MAX_BODY_BYTES = 1_048_576

/**
 * The largest body that is read although the request is refused, in bytes. Closing a connection in the middle
 * of a request would lose the response.
 */
const MAX_DISCARDED_BYTES = 8 * MAX_BODY_BYTES

/** The limit on all payloads in memory, from all clients, in bytes. */
const MAX_BUFFERED_BYTES = 16 * MAX_BODY_BYTES

/** The Retry-After of a client whose payload found no memory, in seconds. */
const RETRY_AFTER_SECONDS = 1

/** The client disconnected before its request was complete: no response can be sent. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError'
}

/** Reads request bodies. */
export interface BodyReader {
  /** Reads the body of a request. @throws HttpError `payload_too_large` or `overloaded`, ClientGoneError */
  read(request: IncomingMessage): Promise<Buffer>
}

/** Creates a reader with a memory limit that suits a small device. */
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

/** Reads the rest of a request's body, up to a limit, and discards it; never fails. */
export async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.readableFlowing !== null) return // it is being read, or reading was aborted
  await receive(request, () => {}).catch(() => {})
}

/**
 * Passes on the chunks of a body, with the number of bytes so far.
 * @throws HttpError `payload_too_large` above {@link MAX_DISCARDED_BYTES}, ClientGoneError
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
