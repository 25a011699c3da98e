import { RefreshError } from '../../base/errors.ts'
import type { Format } from '../../model/document.ts'
import { rulesOf } from '../../pipeline/decode.ts'
import type { HttpAnswer } from './requester.ts'

/**
 * Refuses an answer of which nobody can tell whether it is whole: one that ends where its connection does (RFC 9112
 * section 6.3) looks the same when it is cut. JSON that is cut is no JSON any more, and what is compressed has an end
 * of its own; CSV and YAML that are cut are just shorter lists.
 * @throws RefreshError `parse`
 */
export function assertFramed({ headers }: Pick<HttpAnswer, 'headers'>, format: Format): void {
  if (rulesOf(format).failsWhenCut) return
  const marks = ['content-length', 'transfer-encoding', 'content-encoding']
  if (marks.some((name) => headers[name] !== undefined)) return
  throw new RefreshError(
    'parse',
    'the answer may have been cut: it says neither how long it is (Content-Length) nor does it come in chunks; let the server do one of them, compress what it sends, or answer JSON, which shows by itself where it ends',
  )
}
