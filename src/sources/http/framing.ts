import { RefreshError } from '../../base/errors.ts'
import type { Format } from '../../model/document.ts'
import { rulesOf } from '../../pipeline/decode.ts'
import type { HttpAnswer } from './requester.ts'

/**
 * Refuses a response that may be truncated: one that ends with its connection (RFC 9112 section 6.3) looks complete
 * when it is truncated. Truncated JSON is invalid, and compressed data marks its end; truncated CSV and YAML are only
 * shorter lists.
 * @throws RefreshError `parse`
 */
export function assertFramed({ headers }: Pick<HttpAnswer, 'headers'>, format: Format): void {
  if (rulesOf(format).failsWhenCut) return
  const marks = ['content-length', 'transfer-encoding', 'content-encoding']
  if (marks.some((name) => headers[name] !== undefined)) return
  throw new RefreshError(
    'parse',
    'the answer may be truncated: it has no Content-Length and is not chunked; let the server send one of them, compress its answers, or answer in JSON, which is invalid when it is truncated',
  )
}
