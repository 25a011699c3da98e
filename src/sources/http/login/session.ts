import type { CookieJar } from 'tough-cookie'
import type { WireHeaders } from '../headers.ts'
import type { LoginOptions } from './resolve.ts'

/** The token and cookies of a login; the caller sends them only to the origin that they are for. */
export interface Session {
  /** The headers of a request to this URL. */
  headersFor(url: URL): WireHeaders
  /** Stores the cookies that a response from this URL sets. */
  take(url: URL, cookies: string | readonly string[] | undefined): void
  /** Whether there is neither a token nor a cookie. */
  isEmpty(): boolean
  /** Adds the token. */
  setToken(token: string): void
}

/** A session without a token or a cookie yet. */
export async function createSession({
  tokenHeader,
  hasCookies,
}: Pick<LoginOptions, 'tokenHeader' | 'hasCookies'>): Promise<Session> {
  const jar = hasCookies ? await createJar() : undefined
  let headers: Record<string, string> = {}
  return {
    headersFor(url) {
      const cookie = jar?.getCookieStringSync(url.href) ?? ''
      return cookie === '' ? headers : { ...headers, cookie }
    },
    take(url, cookies = []) {
      for (const cookie of [cookies].flat()) jar?.setCookieSync(cookie, url.href, { ignoreError: true })
    },
    isEmpty: () => Object.keys(headers).length === 0 && jar?.serializeSync()?.cookies.length === 0,
    setToken(token) {
      headers = tokenHeader === undefined ? { authorization: `Bearer ${token}` } : { [tokenHeader]: token }
    },
  }
}

/** Loads the library when it is first needed: it contains a large list of public suffixes. */
async function createJar(): Promise<CookieJar> {
  const { CookieJar } = await import('tough-cookie')
  return new CookieJar()
}
