import type { Dispatcher } from 'undici'

/** A request as undici takes it. */
export type Request = Pick<Dispatcher.DispatchOptions, 'path' | 'method' | 'headers' | 'body'>

/** How a request ended. */
export interface Ended {
  /** undefined when there was no whole answer. */
  readonly status: number | undefined
  /** Bytes of the body, as they came over the wire. */
  readonly bytes: number
  /** What went wrong: a code such as ECONNREFUSED. */
  readonly error: string | undefined
  /** The number that was looked for in the answer. */
  readonly captured: number | undefined
}

/**
 * Sends a request and tells once how it ended.
 * @param capture the first group of it in the answer is kept, as a number; without it nothing of the answer is
 */
export function send(to: Dispatcher, request: Request, ended: (how: Ended) => void, capture?: RegExp): void {
  let status = 0
  let bytes = 0
  const chunks: Buffer[] = []
  to.dispatch(request as Dispatcher.DispatchOptions, {
    // Its being here tells undici which of its two sets of handlers this is.
    onRequestStart() {},
    onResponseStart(_controller, code) {
      status = code
    },
    onResponseData(_controller, chunk) {
      bytes += chunk.byteLength
      if (capture !== undefined) chunks.push(chunk)
    },
    onResponseEnd() {
      const found = capture?.exec(Buffer.concat(chunks).toString())?.[1]
      ended({ status, bytes, error: undefined, captured: found === undefined ? undefined : Number(found) })
    },
    onResponseError(_controller, error) {
      ended({ status: undefined, bytes, error: kindOf(error), captured: undefined })
    },
  })
}

/** One word for an error: its code, which groups well, or else its name. */
function kindOf(error: Error & { code?: string; errors?: readonly { code?: string }[] }): string {
  return error.code ?? error.errors?.[0]?.code ?? error.name
}
