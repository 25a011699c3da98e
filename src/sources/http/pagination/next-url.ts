import { RefreshError } from '../../../base/errors.ts'

/** Where a page leads to. */
export interface NextUrl {
  /** The URL of the next page as the inventory wrote it; it may be relative. */
  readonly text: string
  /** The URL of the page that it stands in. */
  readonly base: URL
  /** The URL that is configured: its origin is the only one that is asked, its user and password are kept. */
  readonly start: URL
}

/**
 * The URL of the next page, with the credentials of the configured one.
 * @param name of the page that leads there, for messages
 * @throws RefreshError `pagination` when it leads elsewhere
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
  const told = `its next page is at ${url.origin}, another origin than that of url, ${start.origin}; credentials stay with their origin, so it is not followed`
  if (url.hostname === start.hostname && url.protocol !== start.protocol) {
    return `${told}. Behind a proxy an inventory must be told its scheme (X-Forwarded-Proto); or write ${url.origin} into url`
  }
  return `${told}. Write ${url.origin} into url, or have the pages read by cursor, page or offset`
}
