/**
 * A URL as it may be logged and shown: without user, password and query, any of which can be a secret.
 */
export function displayUrl(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`
}

/**
 * Reads an absolute http or https URL.
 * @returns undefined when it is not one
 */
export function parseHttpUrl(text: string): URL | undefined {
  try {
    const url = new URL(text)
    // A user or password that cannot be decoded would only fail later, at every refresh.
    decodeURIComponent(url.username + url.password)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
  } catch {
    return undefined
  }
}
