import type { Format } from '../model/document.ts'
import type { Json } from '../model/record.ts'
import type { HttpConfig } from '../sources/http/config.ts'
import { JSON_TYPE } from '../sources/http/place.ts'
import type { RequestBody } from '../sources/http/requester.ts'
import type { HttpSourceOptions } from '../sources/http/source.ts'
import { attempt, type Context, complain, within } from './context.ts'
import { resolvePagination } from './resolve-pagination.ts'

/** Resolves what is asked, and page by page if so. */
export function resolveRequest(
  http: Pick<HttpConfig, 'method' | 'body' | 'pagination'>,
  context: Context,
): Pick<HttpSourceOptions, 'method' | 'body' | 'pagination'> {
  const { method = 'GET', body, pagination } = http
  if (body !== undefined && method === 'GET') {
    complain(context, ['body'], 'cannot be sent with GET; add method: POST', { atKey: true })
  }
  const sent = body === undefined ? undefined : attempt(context, ['body'], () => resolveBody(body))
  const json = sent && parseJson(sent.text)
  return {
    method,
    body: sent,
    pagination: pagination && resolvePagination(pagination, json, within(context, 'pagination')),
  }
}

/** Resolves how the answer is written. */
export function resolveFormat(
  { format = 'json', csv_delimiter: delimiter }: Pick<HttpConfig, 'format' | 'csv_delimiter'>,
  context: Context,
): Format {
  if (format === 'csv') return { kind: format, delimiter: delimiter ?? ',' }
  if (delimiter !== undefined) {
    complain(context, ['csv_delimiter'], 'has no effect without format: csv', { atKey: true })
  }
  return { kind: format }
}

/** A text is sent as it is, whether it is JSON or not; anything else becomes JSON. */
function resolveBody(body: NonNullable<HttpConfig['body']>): RequestBody {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { text, contentType: parseJson(text) === undefined ? 'text/plain' : JSON_TYPE }
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
