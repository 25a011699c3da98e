import { RefreshError } from '../../../base/errors.ts'

/** A link to the next page. */
export interface NextUrl {
  /** The URL of the next page as the inventory wrote it; it may be relative. */
  readonly text: string
  /** The URL of the page that contains it. */
  readonly base: URL
  /** The configured URL: only its origin is requested, with its user and password. */
  readonly start: URL
}

/**
 * The URL of the next page, with the credentials of the configured one.
 * @param name of the page with the link, for messages
 * @throws RefreshError `pagination` when it is not http or https, is on another origin, or has other credentials
 */
export function followUrl({ text, base, start }: NextUrl, name: string): URL {
  const url = URL.canParse(text, base.href) ? new URL(text, base.href) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    const what = url === undefined ? 'not a URL' : `one with the scheme ${url.protocol}`
    throw new RefreshError('pagination', `${name}: the URL of its next page is ${what}, not http or https`)
  }
  if (url.origin !== start.origin) throw new RefreshError('pagination', `${name}: ${elsewhere(url, start)}`)
  const isForeign = url.username !== start.username || url.password !== start.password
  if (isForeign && url.username + url.password !== '') {
    throw new RefreshError(
      'pagination',
      `${name}: the URL of its next page has a user or password of its own`,
    )
  }
  url.username = start.username
  url.password = start.password
  return url
}

function elsewhere(url: URL, start: URL): string {
  const told = `its next page is at ${url.origin}, another origin than that of url, ${start.origin}; it is not followed, because credentials are not sent to another origin`
  if (url.hostname === start.hostname && url.protocol !== start.protocol) {
    return `${told}. If the inventory is behind a proxy, let the proxy send its scheme (X-Forwarded-Proto); or write ${url.origin} into url`
  }
  return `${told}. Write ${url.origin} into url, or configure cursor, page or offset`
}
