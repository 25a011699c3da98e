import { isIPv6 } from 'node:net'
import { parseHost, parsePort, splitHostPort } from '../../model/address.ts'
import { RegistrationError } from './failure.ts'

/** The address that the sensor listens on; undefined host, `0.0.0.0` or `::`: every interface. */
export interface Listening {
  readonly host: string | undefined
  readonly port: number
}

/**
 * Parses the value of --register.address: a host, or a host with a port.
 * @returns undefined when it is neither
 */
export function parseOwnAddress(text: string): { host: string; port: number | undefined } | undefined {
  const { host: hostText, port: portText } = splitHostPort(text)
  const host = parseHost(hostText)
  const port = portText === undefined ? undefined : parsePort(portText)
  return host === undefined || (portText !== undefined && port === undefined) ? undefined : { host, port }
}

/**
 * The address at which the sensor is scraped: the configured one; else the host that the sensor listens on;
 * else the address of this machine from which it reaches the server, since Prometheus is most likely near the
 * server.
 * @param local that address, as the socket reports it
 * @throws RegistrationError `address` when other machines could not reach it
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
      `the sensor listens on ${host} only, which other machines cannot reach; set --web.listen-address or --register.address`,
    )
  }
  return `${checkedHost(host)}:${listening.port}`
}

/** Removes the prefix of an IPv4-mapped address, which a dual-stack socket reports. */
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
  const why = isIPv6(host) ? 'is valid on this machine only' : 'is not an address'
  throw new RegistrationError('address', `${host} ${why}; set --register.address`)
}
