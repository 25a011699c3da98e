import { RefreshError } from '../../base/errors.ts'
import type { ClientResponse } from './client/client.ts'

/** What of a request a redirect may change. */
interface Redirectable {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly body?: object | undefined
}

const STATUSES: readonly number[] = [301, 302, 303, 307, 308]

/** Whether an answer sends the client elsewhere. */
export function isRedirect({ statusCode }: ClientResponse): boolean {
  return STATUSES.includes(statusCode)
}

/**
 * The request that a redirect asks for; as in browsers, 301 to 303 turn a POST into a GET.
 * @throws RefreshError `redirect` when it leads nowhere, or would carry a body, which can hold a secret, to
 *   another origin
 */
export function redirected<Request extends Redirectable>(
  request: Request,
  { statusCode, headers }: ClientResponse,
): Request {
  const url = target(request.url, String(headers.location ?? ''), statusCode)
  if (statusCode < 307) return { ...request, url, method: 'GET', body: undefined }
  if (request.body !== undefined && url.origin !== request.url.origin) {
    throw new RefreshError(
      'redirect',
      `HTTP ${statusCode} to ${url.origin}, which must not get the body of the request, for it may hold a secret; if it should, write that address into the url`,
    )
  }
  return { ...request, url }
}

function target(from: URL, location: string, status: number): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  const isUsable = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (location !== '' && url !== undefined && isUsable) return url
  // The location may quote the request and its secrets.
  const what =
    url === undefined ? 'no URL' : location === '' ? 'empty' : `no http or https URL but ${url.protocol}`
  throw new RefreshError('redirect', `HTTP ${status} with an unusable location: it is ${what}`)
}
