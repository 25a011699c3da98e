import type { Format } from '../../model/document.ts'
import type { Json } from '../../model/record.ts'
import type { HttpConfig } from '../../sources/http/config.ts'
import { JSON_TYPE } from '../../sources/http/pagination/place.ts'
import type { RequestBody } from '../../sources/http/requester.ts'
import type { HttpSourceOptions } from '../../sources/http/source.ts'
import { attempt, type Context, complain, within } from './context.ts'
import { expandEnv } from './expand-env.ts'
import { resolvePagination } from './pagination.ts'

/** Resolves what is asked, and page by page if so. */
export function resolveRequest(
  http: Pick<HttpConfig, 'method' | 'body' | 'pagination'>,
  context: Context,
): Pick<HttpSourceOptions, 'method' | 'body' | 'pagination'> {
  const { method = 'GET', body, pagination } = http
  if (body !== undefined && method === 'GET') {
    complain(context, ['body'], 'cannot be sent with GET; add method: POST', { atKey: true })
  }
  const sent =
    body === undefined ? undefined : attempt(context, ['body'], () => resolveBody(body, context.env))
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

/** A text is sent as it is, whether it is JSON or not; anything else becomes JSON. Both may name variables. */
function resolveBody(body: NonNullable<HttpConfig['body']>, env: Context['env']): RequestBody {
  const expanded = expandTexts(body, env)
  const text = typeof expanded === 'string' ? expanded : JSON.stringify(expanded)
  return { text, contentType: parseJson(text) === undefined ? 'text/plain' : JSON_TYPE }
}

function expandTexts(value: unknown, env: Context['env']): unknown {
  if (typeof value === 'string') return expandEnv(value, env)
  if (Array.isArray(value)) return value.map((one) => expandTexts(one, env))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, expandTexts(one, env)]))
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
