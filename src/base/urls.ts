import { inspect } from 'node:util'

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

/**
 * Makes a URL show itself without what may be secret in it when it is inspected or written as JSON; `href` and
 * all else stay as they are.
 * @returns the same URL
 */
export function concealed(url: URL, shown = displayUrl(url)): URL {
  const show = { value: () => shown }
  return Object.defineProperties(url, { toJSON: show, [inspect.custom]: show })
}

/**
 * The user and password of a URL within any text: what stands before them, and they. A password that should have
 * been encoded may hold "/", "?" and "#" too; a port is none.
 */
export const USER_INFO = /(:\/\/)([^\s"'<>/?#]+|[^\s"'<>/?#:]+:(?!\d+[/?#])[^\s"'<>]+)@/g
