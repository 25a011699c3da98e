import { isIPv6 } from 'node:net'
import { parseHost, parsePort, splitHostPort } from '../../model/address.ts'
import { RegistrationError } from './failure.ts'

/** Where the sensor listens: no host, or one that means every interface, and the port that it got. */
export interface Listening {
  readonly host: string | undefined
  readonly port: number
}

/**
 * Reads what --register.address takes: a host, or a host with a port.
 * @returns undefined when it is neither
 */
export function parseOwnAddress(text: string): { host: string; port: number | undefined } | undefined {
  const { host: hostText, port: portText } = splitHostPort(text)
  const host = parseHost(hostText)
  const port = portText === undefined ? undefined : parsePort(portText)
  return host === undefined || (portText !== undefined && port === undefined) ? undefined : { host, port }
}

/**
 * The address to be scraped at: what is configured; else the host that the sensor listens on; else the address of
 * this machine from which the server is reached, since whoever scrapes is most likely near the server.
 * @param local that address, as the socket tells it
 * @throws RegistrationError `address` when nobody else could reach it
 */
export function ownAddress(configured: string | undefined, listening: Listening, local: string): string {
  const own = configured === undefined ? undefined : parseOwnAddress(configured)
  if (own !== undefined) return `${own.host}:${own.port ?? listening.port}`
  const reached = withoutMapping(local)
  const { host } = listening
  if (host === undefined || isAnywhere(host)) return `${checkedHost(reached)}:${listening.port}`
  if (isLoopback(host) && !isLoopback(reached)) {
    throw new RegistrationError(
      'address',
      `the sensor listens on ${host} only, where nobody else reaches it; set --web.listen-address or --register.address`,
    )
  }
  return `${checkedHost(host)}:${listening.port}`
}

/** An IPv4 address is not told as IPv6, as a socket that can do both does. */
function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '')
}

function isAnywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function checkedHost(host: string): string {
  const parsed = parseHost(host)
  if (parsed !== undefined) return parsed
  const why = isIPv6(host) ? 'means something on this machine only' : 'is no address'
  throw new RegistrationError('address', `${host} ${why}; set --register.address`)
}
