import { RefreshError } from '../../../base/errors.ts'
import type { Document, Format } from '../../../model/document.ts'
import { formatSize } from '../../../model/size.ts'
import { assertFramed } from '../framing.ts'
import type { HttpAnswer, HttpRequest, Requester } from '../requester.ts'
import type { Pagination } from './options.ts'
import { createPager } from './pager.ts'
import type { PageRequest } from './place.ts'

/** What is read page by page. */
export interface PagedRequest extends Omit<HttpRequest, 'since'> {
  readonly format: Format
  readonly pagination: Pagination
}

/**
 * Reads all pages, one after the other; `maxBytes` bounds them together.
 * @throws RefreshError that names the page, or the signal's own reason
 */
export async function readPages(
  requester: Requester,
  request: PagedRequest,
  signal: AbortSignal,
): Promise<Document[]> {
  const { method, headers: asked, format, maxBytes, pagination } = request
  const pager = createPager(pagination, { url: request.url, body: request.body })
  const documents: Document[] = []
  let left = maxBytes
  let next: PageRequest | undefined = pager.first
  while (next !== undefined) {
    const name = `page ${documents.length + 1}`
    const sent = requester.send({ ...next, method, headers: asked, maxBytes: left }, signal)
    const { status, body, url, headers }: HttpAnswer = await sent.catch((error) =>
      fail(error, name, maxBytes),
    )
    assertFramed({ headers }, format)
    const document = { bytes: body, format, name, answer: { status, headers } }
    documents.push(document)
    left -= body.byteLength
    next = pager.after({ document, headers, url })
  }
  return documents
}

/** Throws what a request failed with, with the page that it was for. */
function fail(error: unknown, name: string, maxBytes: number): never {
  if (!(error instanceof RefreshError)) throw error
  const { reason, retryAfterMs, message } = error
  const told =
    reason === 'too_large'
      ? `the pages are together larger than ${formatSize(maxBytes)}; raise max_response_size if they should be`
      : message
  throw new RefreshError(reason, `${name}: ${told}`, { retryAfterMs, cause: error })
}
