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
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
}
