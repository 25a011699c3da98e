import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { HttpError } from '../base/errors.ts'

/** The headers of a request that show whether a browser sent it, and from which site. */
export interface OriginHeaders {
  readonly host?: string | undefined
  readonly ':authority'?: string | string[] | undefined
  readonly origin?: string | string[] | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

/**
 * Refuses requests that a browser sends from a page of another site: they have the credentials of the browser's user, or
 * reach servers that only this network can reach.
 * @param external the URL at which clients reach the server, for a proxy that changes Host
 * @throws HttpError `cross_site`
 */
export function assertSameSite(headers: OriginHeaders, external: URL | undefined): void {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw crossSite(`Sec-Fetch-Site: ${site}`)
  const { origin } = headers
  if (origin === undefined || isOwnOrigin(String(origin), hostOf(headers), external)) return
  throw crossSite(`Origin: ${origin}`)
}

function crossSite(header: string): HttpError {
  return new HttpError(
    'cross_site',
    `a browser sent this from another site (${header.slice(0, 200)}); send it with curl, or from a page of this server`,
  )
}

function isOwnOrigin(origin: string, host: string, external: URL | undefined): boolean {
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  if (url.origin === external?.origin) return true
  // The scheme is added so that an explicit default port equals an omitted one.
  return URL.canParse(`${url.protocol}//${host}`) && new URL(`${url.protocol}//${host}`).host === url.host
}

/** Whether a browser sent a request: browsers add these headers to every request that changes something. */
export function isFromBrowser(headers: OriginHeaders): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
}

/** Names that cannot be registered in the public DNS: RFC 6762, 6761, 8375, ICANN's "internal", and Kubernetes's own. */
const LOCAL_DOMAINS = ['.local', '.localhost', '.home.arpa', '.internal', '.svc']

/**
 * Refuses a request whose Host is not a name of this server, which prevents DNS rebinding: an attacker's name that
 * resolves to this address. IP addresses, the name of this machine, names that cannot be registered in the public DNS,
 * and the allowed ones are accepted.
 * @param allowed host names, and `*.example.com` for all names below one
 * @throws HttpError `wrong_host`
 */
export function assertOwnHost(headers: OriginHeaders, allowed: readonly string[]): void {
  const host = hostOf(headers)
  const name = nameOf(host)
  if (isIP(name.replace(/^\[|\]$/g, '')) !== 0 || name === hostname().toLowerCase()) return
  if (name !== '' && !name.includes('.')) return
  if (LOCAL_DOMAINS.some((domain) => name.endsWith(domain))) return
  if (allowed.some((one) => matches(one.toLowerCase(), name))) return
  throw new HttpError(
    'wrong_host',
    `the Host ${JSON.stringify(host.slice(0, 200))} is not a name of this server; if it should be, add it to allowed_hosts in the file of --web.config.file, or set --web.external-url`,
  )
}

/** A host without its port and the dot at its end, in lower case. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

function matches(allowed: string, name: string): boolean {
  return allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) : allowed === name
}

/** The host of a request; HTTP/2 has it in `:authority`. */
function hostOf(headers: OriginHeaders): string {
  return String(headers.host ?? headers[':authority'] ?? '')
}
