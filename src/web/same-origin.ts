import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { HttpError } from '../base/errors.ts'

/** The headers of a request that tell whether a browser sent it, and from where. */
export interface OriginHeaders {
  readonly host?: string | undefined
  readonly ':authority'?: string | string[] | undefined
  readonly origin?: string | string[] | undefined
  readonly 'sec-fetch-site'?: string | string[] | undefined
}

/**
 * Refuses what a browser sends from a page of another site: such a request carries the credentials of the browser's
 * user, or reaches what only this network reaches.
 * @param external the URL under which the server is reached from outside, where a proxy changes Host
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
  // With its scheme, so that a default port is the same written or left out.
  return URL.canParse(`${url.protocol}//${host}`) && new URL(`${url.protocol}//${host}`).host === url.host
}

/** Whether a browser sent a request: it says where from with everything that changes something. */
export function isFromBrowser(headers: OriginHeaders): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
}

/** Names that nobody can register in the public DNS: RFC 6762, 6761, 8375, ICANN's "internal", and Kubernetes's own. */
const LOCAL_DOMAINS = ['.local', '.localhost', '.home.arpa', '.internal', '.svc']

/**
 * Refuses a request whose Host is none of ours: its sender was led here by a name that somebody else has made
 * resolve to this address (DNS rebinding). Ours are IP addresses, the name of this machine, names that nobody can
 * register in the public DNS, and those that are allowed.
 * @param allowed host names, and `*.example.com` for all below one
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
    `the Host ${JSON.stringify(host.slice(0, 200))} is none of this server; if it is, add it to allowed_hosts in the file of --web.config.file, or set --web.external-url`,
  )
}

/** A host without its port and the dot at its end, in lower case. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

function matches(allowed: string, name: string): boolean {
  return allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) : allowed === name
}

/** HTTP/2 has the host elsewhere. */
function hostOf(headers: OriginHeaders): string {
  return String(headers.host ?? headers[':authority'] ?? '')
}
