import type { Format } from '../../model/document.ts'
import type { Source, Version } from '../source.ts'
import { createRequester, type HttpAnswer, type HttpClientOptions, type HttpDeps } from './requester.ts'

/** Where an HTTP inventory is and how it is asked; every value resolved and checked. */
export interface HttpSourceOptions extends HttpClientOptions {
  readonly kind: 'http'
  readonly url: URL
  readonly format: Format
  readonly maxResponseBytes: number
}

/** What a source may read when nothing else is configured, in bytes. */
export const DEFAULT_MAX_RESPONSE_BYTES = 256 * 2 ** 20

/** An inventory behind HTTP: an answer of 200 holds all of it. */
export function createHttpSource(options: HttpSourceOptions, deps: HttpDeps): Source {
  const requester = createRequester(options, deps)
  return {
    async read(signal, since) {
      const { url, maxResponseBytes: maxBytes } = options
      const answer = await requester.send({ method: 'GET', url, since, maxBytes }, signal)
      if (answer.status === 304) return { kind: 'unchanged' }
      const document = { bytes: answer.body, format: options.format, name: 'the answer' }
      return { kind: 'documents', documents: [document], version: versionOf(answer) }
    },
    close: () => requester.close(),
  }
}

/** What the inventory said of this version of its list; undefined when it said nothing. */
function versionOf({ headers: { etag, 'last-modified': lastModified } }: HttpAnswer): Version | undefined {
  if (typeof etag === 'string') return { etag }
  return typeof lastModified === 'string' ? { lastModified } : undefined
}
