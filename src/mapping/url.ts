import { parseHost, parsePort, splitHostPort } from '../model/address.ts'
import { isLabelValue } from '../model/labels.ts'
import { type Rejection, shown } from './rejection.ts'

/** A URL as Prometheus represents it: an address, and labels for the rest. */
export interface Apart {
  readonly address: string
  /** `__scheme__`, `__metrics_path__` when the URL has a path, and `__param_<name>` for each parameter. */
  readonly place: ReadonlyMap<string, string>
}

const PARTS = /^(https?):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i

/**
 * Splits a URL into the address and labels by which Prometheus scrapes it. The port is the one in the URL, if there is one.
 * A part that no label can express is a fault, so that no other URL is scraped instead.
 */
export function takeApart(text: string): Apart | Rejection {
  const [all, scheme = '', authority = '', path = '', query = ''] = PARTS.exec(text) ?? []
  if (all === undefined) return invalid(text, 'it does not begin with http:// or https://')
  const place = new Map([['__scheme__', scheme.toLowerCase()]])
  const address = readAuthority(authority)
  const why = address.fault ?? addPath(path, place) ?? addParameters(query, place)
  if (why !== undefined) return invalid(text, why)
  if (![...place.values()].every(isLabelValue)) return invalid(text, 'it has a control character')
  return { address: address.text, place }
}

function readAuthority(text: string): { readonly text: string; readonly fault?: string } {
  if (text.includes('@')) return { text, fault: 'it has a user; use basic_auth in Prometheus instead' }
  const { host: hostText, port } = splitHostPort(text)
  const host = parseHost(hostText)
  if (host === undefined) return { text, fault: 'its host is not a DNS name, IPv4 or IPv6 address' }
  if (port === undefined) return { text: host }
  return parsePort(port) === undefined
    ? { text, fault: 'its port is not 1 to 65535' }
    : { text: `${host}:${port}` }
}

/** Checks a path: Prometheus encodes it itself, so an encoded slash would become another path. @returns the fault */
function addPath(path: string, place: Map<string, string>): string | undefined {
  if (path === '') return undefined
  try {
    if (/%2f/i.test(path)) throw new URIError('another path')
    place.set('__metrics_path__', decodeURIComponent(path))
    return undefined
  } catch {
    return 'its path has a % that a label cannot express'
  }
}

/** @returns the fault */
function addParameters(query: string, place: Map<string, string>): string | undefined {
  for (const [name, value] of new URLSearchParams(query)) {
    const label = `__param_${name}`
    if (!/^\w+$/.test(name)) return `the name of its parameter ${shown(name)} is not valid in a label name`
    if (place.has(label)) return `it has the parameter ${name} twice, and a label has one value`
    if (value === '') return `its parameter ${name} is empty, and an empty label counts as missing`
    place.set(label, value)
  }
  return undefined
}

function invalid(text: string, why: string): Rejection {
  return { reason: 'invalid_url', detail: `${shown(text)} is not a URL to scrape: ${why}` }
}
