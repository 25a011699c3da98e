import { RefreshError } from '../../base/errors.ts'
import type { ClientResponse } from './client/client.ts'

/** The parts of a request that a redirect can change. */
interface Redirectable {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly body?: object | undefined
}

const STATUSES: readonly number[] = [301, 302, 303, 307, 308]

/** Whether a response is a redirect. */
export function isRedirect({ statusCode }: ClientResponse): boolean {
  return STATUSES.includes(statusCode)
}

/**
 * The request after a redirect; as in browsers, 301 to 303 turn a POST into a GET.
 * @throws RefreshError `redirect` when the location cannot be used, or when a body, which can contain a secret, would
 *   go to another origin
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
      `HTTP ${statusCode} to ${url.origin}, which is not followed: the body of the request may contain a secret; to send it there, write that address into the url`,
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
    url === undefined ? 'not a URL' : location === '' ? 'empty' : `not http or https but ${url.protocol}`
  throw new RefreshError('redirect', `HTTP ${status} with an unusable location: it is ${what}`)
}
