import type { HttpClientConfig } from '../sources/http/client-config.ts'
import type { HttpConfig } from '../sources/http/config.ts'
import type { HttpClientOptions } from '../sources/http/requester.ts'
import { DEFAULT_MAX_RESPONSE_BYTES, type HttpSourceOptions } from '../sources/http/source.ts'
import { attempt, type Context } from './context.ts'
import { readSize, readUrl } from './readers.ts'
import { resolveFormat, resolveRequest } from './resolve-http-request.ts'

/** Resolves the keys of `http:`. */
export function resolveHttp(http: HttpConfig, context: Context): HttpSourceOptions {
  const size = http.max_response_size
  return {
    kind: 'http',
    url: attempt(context, ['url'], () => readUrl(http.url)),
    ...resolveRequest(http, context),
    format: resolveFormat(http, context),
    maxResponseBytes:
      size === undefined
        ? DEFAULT_MAX_RESPONSE_BYTES
        : attempt(context, ['max_response_size'], () => readSize(size)),
    ...resolveHttpClient(http, context),
  }
}

/** Resolves the keys that every HTTP client of a configuration has. */
export function resolveHttpClient(http: HttpClientConfig, _context: Context): HttpClientOptions {
  return { followRedirects: http.follow_redirects ?? true }
}
