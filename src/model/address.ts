import { isIPv4, isIPv6 } from 'node:net'
import { MAX_LABEL_VALUE_LENGTH } from './labels.ts'

const DNS_NAME = /^(?:[a-zA-Z0-9_-]{1,63}\.)*[a-zA-Z0-9_-]{1,63}\.?$/
const FOUR_NUMBERS = /^\d+\.\d+\.\d+\.\d+$/
const PORT = /^\d{1,5}$/

/** Why a text is not an address; also the reason under which its record is quarantined. */
export type AddressFault = 'invalid_host' | 'invalid_port'

/**
 * Parses a host: a DNS name (letters, digits, `-`, `_`, `.`), an IPv4 address, or an IPv6 address with or
 * without brackets. No scheme, port, path, space, zone or control character.
 * @returns the host as in an address (IPv6 in brackets), or undefined
 */
export function parseHost(text: string): string | undefined {
  if (text.startsWith('[') && text.endsWith(']')) {
    const inner = text.slice(1, -1)
    return isPlainIPv6(inner) ? text : undefined
  }
  if (text.includes(':')) return isPlainIPv6(text) ? `[${text}]` : undefined
  if (text.length > 253 || !DNS_NAME.test(text)) return undefined
  return FOUR_NUMBERS.test(text) && !isIPv4(text) ? undefined : text
}

function isPlainIPv6(text: string): boolean {
  // A zone such as %eth0 is valid on one machine only, and Prometheus cannot put it into a URL.
  return isIPv6(text) && !text.includes('%')
}

/** Parses a port, 1 to 65535, from a number or a text of digits. @returns undefined when it is not a port */
export function parsePort(value: number | string): number | undefined {
  if (typeof value === 'string' && !PORT.test(value)) return undefined
  const port = Number(value)
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is its purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * Why Prometheus cannot accept a text as the address of a discovered target. A URL, a name without a port, a
 * network and anything else is accepted, since rules may move it to another label before the target is
 * scraped.
 * @returns undefined when it can
 */
export function discoveryFault(text: string): string | undefined {
  if (text === '') return 'is empty'
  if (text.length > MAX_LABEL_VALUE_LENGTH) return `is longer than ${MAX_LABEL_VALUE_LENGTH} characters`
  if (CONTROL.test(text)) return 'has a control character'
  return text.isWellFormed() ? undefined : 'is not valid Unicode'
}

/** The host in an address of any form: a URL, `host:port`, or the text before a slash. */
export function hostIn(address: string): string {
  const [authority = ''] = address.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '').split(/[/?#]/, 1)
  const { host } = splitHostPort(authority.slice(authority.lastIndexOf('@') + 1))
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
}

/** Splits `host:port` at its port; a bare IPv6 address has none. */
export function splitHostPort(text: string): { host: string; port: string | undefined } {
  const colon = text.lastIndexOf(':')
  if (colon === -1 || text.endsWith(']') || isIPv6(text)) return { host: text, port: undefined }
  return { host: text.slice(0, colon), port: text.slice(colon + 1) }
}
