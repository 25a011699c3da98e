import { BlockList, isIP } from 'node:net'
import { HttpError } from '../../base/errors.ts'
import { shownValue } from '../../base/printable.ts'
import type { Registration } from '../../model/registration.ts'
import { compilePattern } from '../../relabel/pattern.ts'

/** The configured limits for the registrations of devices. */
export interface PolicyOptions {
  /** Names of labels, or expressions that match whole names (RE2); undefined: all but {@link REFUSED_BY_DEFAULT}. */
  readonly allowedLabels?: readonly string[] | undefined
  /** Networks (CIDR) that must contain an address; undefined: any except link-local ones. */
  readonly allowedNetworks?: readonly string[] | undefined
  /** `peer`: the address is the one that the device calls from. `any` by default. */
  readonly address?: 'any' | 'peer' | undefined
}

/** Checks the registrations of devices. */
export interface Policy {
  /**
   * Adds the address of the peer to a registration without a host.
   * @param peer the IP address that the request came from
   * @throws HttpError `bad_request` when it has a host that is not allowed
   */
  locate(registration: Registration, peer: string | undefined): Registration
  /** Throws HttpError `bad_request` that names the label, or the address, that is not allowed. */
  assertAllowed(registration: Registration): void
  /**
   * Applies a changed configuration to an earlier registration.
   * @returns it without the labels that are not allowed; undefined when its address is not allowed
   */
  trim(registration: Registration): Registration | undefined
}

/** The labels that are refused when no `allowed_labels` are configured, for messages. */
const REFUSED_BY_DEFAULT =
  'job, instance, and names that begin with __, except __metrics_path__ and __scheme__'

/** Networks that only the machine itself should reach: clouds keep credentials there. */
const LINK_LOCAL = networksOf([
  ...['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128'],
  // The same IPv4 network in IPv6, as gateways map it: NAT64, 6to4, SIIT, and the compatible form.
  ...['64:ff9b::a9fe:0/112', '64:ff9b:1::/48', '2002:a9fe::/32', '::ffff:0:a9fe:0/112', '::a9fe:0/112'],
])

/** A host name whose last part is a number: some resolvers take it for an IP address. */
const NUMERIC = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i

/** Creates a policy from options that were checked. */
export function createPolicy({ allowedLabels, allowedNetworks, address = 'any' }: PolicyOptions): Policy {
  const patterns = allowedLabels?.map(compilePattern)
  const networks = allowedNetworks && networksOf(allowedNetworks)

  function isAllowed(label: string): boolean {
    // A device may set the path of its metrics, and whether it uses TLS.
    if (label === '__metrics_path__' || label === '__scheme__') return true
    if (patterns !== undefined) return patterns.some((pattern) => pattern.test(label))
    if (label.startsWith('__')) return false
    return label !== 'job' && label !== 'instance'
  }

  /** Why Prometheus must not connect to a host; undefined when it may. */
  function faultOf(host: string): string | undefined {
    const ip = plain(host)
    if (host === '') return 'has no host; write host:port'
    if (isIP(ip) === 0) {
      if (NUMERIC.test(host)) return 'looks like an IP address, but is not one; write the IP address in full'
      return (
        networks &&
        'is a name, whose address can change; with allowed_networks, only IP addresses are allowed'
      )
    }
    if (networks !== undefined) return has(networks, ip) ? undefined : 'is in none of allowed_networks'
    return isLinkLocal(ip) ? 'is link-local; to allow it, add its network to allowed_networks' : undefined
  }

  function locate(registration: Registration, peer: string | undefined): Registration {
    const { host, port } = registration
    if (address === 'any') return registration
    const ip = plainPeer(peer)
    if (isIP(ip) === 0) throw refused(registration, 'came from a connection that is closed')
    if (host !== '' && !isSame(host, ip)) {
      throw refused(
        registration,
        `is not ${ip}, which this request came from; write only a colon and the port`,
      )
    }
    const own = isIP(ip) === 6 ? `[${ip}]` : ip
    return { ...registration, host: own, address: port === undefined ? own : `${own}:${port}` }
  }

  return {
    locate,
    assertAllowed(registration) {
      const fault = faultOf(registration.host)
      if (fault !== undefined) throw refused(registration, fault)
      const label = Object.keys(registration.labels).find((name) => !isAllowed(name))
      if (label === undefined) return
      const why = patterns === undefined ? `refused by default: ${REFUSED_BY_DEFAULT}` : 'see allowed_labels'
      throw new HttpError('bad_request', `labels: ${label} is not allowed; leave it out (${why})`)
    },
    trim(registration) {
      if (faultOf(registration.host) !== undefined) return undefined
      const labels = Object.entries(registration.labels)
      const allowed = labels.filter(([name]) => isAllowed(name))
      if (allowed.length === labels.length) return registration
      return { ...registration, labels: Object.fromEntries(allowed) }
    },
  }
}

function refused({ address }: Registration, why: string): HttpError {
  return new HttpError('bad_request', `address ${shownValue(address)} ${why}`)
}

/**
 * Reads a network such as `10.0.0.0/8`, `fd00::/8` or `192.0.2.1`.
 * @throws Error that says what is expected
 */
export function parseNetwork(text: string): { ip: string; bits: number; family: 'ipv4' | 'ipv6' } {
  const [, ip = '', length] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? []
  const most = isIP(ip) === 6 ? 128 : 32
  const bits = Number(length ?? most)
  if (isIP(ip) !== 0 && bits <= most) return { ip, bits, family: most === 128 ? 'ipv6' : 'ipv4' }
  throw new Error(`${shownValue(text)} is not a network; write one such as 10.0.0.0/8 or fd00::/8`)
}

function networksOf(texts: readonly string[]): BlockList {
  const list = new BlockList()
  for (const { ip, bits, family } of texts.map(parseNetwork)) list.addSubnet(ip, bits, family)
  return list
}

/** Whether a list contains an address. An IPv4 address written as IPv6 matches IPv4 networks too. */
function has(list: BlockList, ip: string): boolean {
  return list.check(ip, isIP(ip) === 6 ? 'ipv6' : 'ipv4')
}

/** Without a lookup for IPv4, because that costs more than all other checks of a registration. */
function isLinkLocal(ip: string): boolean {
  return isIP(ip) === 4 ? ip.startsWith('169.254.') : has(LINK_LOCAL, ip)
}

function isSame(host: string, ip: string): boolean {
  return isIP(plain(host)) !== 0 && has(networksOf([ip]), plain(host))
}

/** Without the brackets of IPv6. */
function plain(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}

/** The address of a socket, without a zone; an IPv4-mapped address as IPv4. */
function plainPeer(peer = ''): string {
  const end = peer.indexOf('%')
  return peer.slice(0, end === -1 ? undefined : end).replace(/^::ffff:(?=\d+\.)/i, '')
}
