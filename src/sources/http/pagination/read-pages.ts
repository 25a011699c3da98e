import { RefreshError } from '../../../base/errors.ts'
import { displayUrl } from '../../../base/urls.ts'
import type { Document, Format } from '../../../model/document.ts'
import { formatSize } from '../../../model/size.ts'
import { assertFramed } from '../framing.ts'
import type { HttpAnswer, HttpRequest, Requester } from '../requester.ts'
import { MovedError, type PageHabits } from './moves.ts'
import type { Lead } from './next-request.ts'
import type { Pagination } from './options.ts'
import { createPager } from './pager.ts'

/** A request that is read page by page. */
export interface PagedRequest extends Omit<HttpRequest, 'since'> {
  readonly format: Format
  readonly pagination: Pagination
}

/** How often a list is read that changes while its pages are read. */
const MAX_ATTEMPTS = 3

/**
 * Reads all pages, one after the other, and again when the list changed meanwhile; `maxBytes` limits all pages together.
 * @param habits what earlier readings showed; updated for the next one
 * @throws RefreshError that names the page, or the signal's own reason
 */
export async function readPages(
  requester: Pick<Requester, 'send'>,
  request: PagedRequest,
  { habits, signal }: { readonly habits: PageHabits; readonly signal: AbortSignal },
): Promise<Document[]> {
  let attempt = 1
  const read = (): Promise<Document[]> =>
    readOnce(requester, request, habits, signal).catch((error) => {
      if (!(error instanceof MovedError)) throw error
      habits.doubt = error.doubt
      if (attempt++ < MAX_ATTEMPTS) return read()
      throw new RefreshError('pagination', `${error.message}, ${HOW_TO_STAND}`)
    })
  const documents = await read()
  habits.doubt = undefined
  return documents
}

const HOW_TO_STAND = `${MAX_ATTEMPTS} times in a row: the list changes while its pages are read, so that a record may be missing from all of them. Read it by a key that does not change (cursor), or in larger pages; if it is complete and contains the same record twice, set for this source: complete: true`

async function readOnce(
  requester: Pick<Requester, 'send'>,
  { method, headers: asked, format, maxBytes, pagination, url: start, body: sent, ...rest }: PagedRequest,
  habits: PageHabits,
  signal: AbortSignal,
): Promise<Document[]> {
  const pager = createPager(pagination, { url: start, body: sent }, habits)
  const documents: Document[] = []
  let left = maxBytes
  for (let lead: Lead | undefined = pager.first; lead !== undefined; ) {
    const name = `page ${documents.length + 1}`
    const { request, isJoined = false } = lead
    const answer: HttpAnswer = await requester
      .send({ ...rest, ...request, method, headers: asked, maxBytes: left }, signal)
      .catch((error) => fail(error, { name, maxBytes, hint: pager.hint() }))
    const { status, body: bytes, url, headers } = answer
    assertFramed({ headers }, format)
    const document = { bytes, format, name, isJoined, answer: { status, headers, url: displayUrl(url) } }
    documents.push(document)
    left -= bytes.byteLength
    lead = pager.after({ document, headers, url })
  }
  return documents
}

/** The statuses of some inventories for a page after the last one. */
const BEYOND_THE_END: readonly number[] = [400, 404, 416]

/** Throws the error of a request, with the name of its page. */
function fail(
  error: unknown,
  { name, maxBytes, hint }: { readonly name: string; readonly maxBytes: number; readonly hint: string },
): never {
  if (!(error instanceof RefreshError)) throw error
  const { reason, retryAfterMs, status, message } = error
  const told =
    reason === 'too_large'
      ? `all pages together are larger than ${formatSize(maxBytes)}; raise max_response_size if this is expected`
      : `${message}${status !== undefined && BEYOND_THE_END.includes(status) ? hint : ''}`
  throw new RefreshError(reason, `${name}: ${told}`, { retryAfterMs, status, cause: error })
}
