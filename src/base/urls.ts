import { inspect } from 'node:util'

/** A URL for logs and pages: without user, password and query, any of which can be a secret. */
export function displayUrl(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === '' ? '' : '?…'}`
}

/** Parses an absolute http or https URL. @returns undefined when it is not one */
export function parseHttpUrl(text: string): URL | undefined {
  try {
    const url = new URL(text)
    // A user or password that cannot be decoded would fail later, at every refresh.
    decodeURIComponent(url.username + url.password)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
  } catch {
    return undefined
  }
}

/**
 * Makes a URL hide its secrets when it is inspected or converted to JSON; `href` and the rest are unchanged.
 * @returns the same URL
 */
export function concealed(url: URL, shown = displayUrl(url)): URL {
  const show = { value: () => shown }
  return Object.defineProperties(url, { toJSON: show, [inspect.custom]: show })
}

/** Characters that no URL contains. */
const BETWEEN_WORDS = /([\s"'<>]+)/

/** The user and password of a URL, in a text that begins at its "://" and ends with the last "@" of the word. */
const USER_INFO = /:\/\/(?:([^/?#]+)@|([^/?#:]+:(?!\d+[/?#]).+)@)/y

/**
 * Replaces the user and password of each URL in any text. An unencoded password may contain "/", "?" and "#";
 * a port is not a password. It takes time in proportion to the length of the text.
 */
export function replaceUserInfo(text: string, replacement: (userInfo: string) => string): string {
  if (!text.includes('@')) return text
  const inWord = (word: string): string => {
    const end = word.lastIndexOf('@') + 1
    const head = word.slice(0, end)
    let shown = ''
    let from = 0
    for (let at = head.indexOf('://'); at !== -1; at = head.indexOf('://', Math.max(from, at + 3))) {
      USER_INFO.lastIndex = at
      const match = USER_INFO.exec(head)
      if (match === null) continue
      shown += `${head.slice(from, at)}://${replacement((match[1] ?? match[2]) as string)}@`
      from = USER_INFO.lastIndex
    }
    return shown + word.slice(from)
  }
  return text.split(BETWEEN_WORDS).map(inWord).join('')
}

/** A path without the slashes at its end. */
export function withoutEndSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}
