import { JSON_FORMAT } from '../../src/model/document.ts'
import type { LoginOptions } from '../../src/sources/http/login/resolve.ts'
import { DEFAULT_HTTP_CLIENT } from '../../src/sources/http/requester.ts'
import { DEFAULT_MAX_RESPONSE_BYTES, type HttpSourceOptions } from '../../src/sources/http/source.ts'

/** What an HTTP source of a configuration file has when it says no more than its URL. */
export function httpOptions(url: URL, options: Partial<HttpSourceOptions> = {}): HttpSourceOptions {
  return {
    kind: 'http',
    method: 'GET',
    url,
    format: JSON_FORMAT,
    maxResponseBytes: DEFAULT_MAX_RESPONSE_BYTES,
    ...DEFAULT_HTTP_CLIENT,
    ...options,
  }
}

/** What a login has that says no more than its URL and where the token is. */
export function loginOptions(at: URL, token = '@'): LoginOptions {
  return {
    at,
    method: 'POST',
    body: undefined,
    authorization: undefined,
    headers: [],
    token,
    tokenHeader: undefined,
    hasCookies: false,
    renewOn: [401],
    concealed: [],
  }
}
