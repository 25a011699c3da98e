import type { HttpConfig } from '../../sources/http/config.ts'
import { DEFAULT_MAX_RESPONSE_BYTES, type HttpSourceOptions } from '../../sources/http/source.ts'
import { attempt, type Context } from './context.ts'
import { expandUrl } from './expand-env.ts'
import { resolveHttpClient } from './http-client.ts'
import { resolveFormat, resolveRequest } from './http-request.ts'
import { readSize } from './readers.ts'

/** Resolves the keys of `http:`. */
export function resolveHttp(http: HttpConfig, context: Context): HttpSourceOptions {
  const size = http.max_response_size
  const url = attempt(context, ['url'], () => expandUrl(http.url, context.env))
  return {
    kind: 'http',
    url,
    ...resolveRequest(http, context),
    format: resolveFormat(http, context),
    maxResponseBytes:
      size === undefined
        ? DEFAULT_MAX_RESPONSE_BYTES
        : attempt(context, ['max_response_size'], () => readSize(size)),
    ...resolveHttpClient(http, url, context),
  }
}
