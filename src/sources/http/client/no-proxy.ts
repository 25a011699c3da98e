import { BlockList, isIP } from 'node:net'

/** Whether a URL is requested without the proxy. */
export type NoProxy = (url: URL) => boolean

/**
 * Reads `no_proxy` as Go does (golang.org/x/net/http/httpproxy): names with their subdomains (a leading dot:
 * only those), addresses, CIDR blocks, each with or without a port, and "*". Loopback addresses never use the proxy.
 * @returns undefined when an entry is none of these
 */
export function parseNoProxy(text: string): NoProxy | undefined {
  const rules = text
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .map(parseEntry)
  if (!rules.every((rule) => rule !== undefined)) return undefined
  return (url) => {
    const host = bare(url.hostname)
    const port = url.port || (url.protocol === 'https:' ? '443' : '80')
    return isLoopback(host) || rules.some((rule) => rule(host, port))
  }
}

type Rule = (host: string, port: string) => boolean

function parseEntry(entry: string): Rule | undefined {
  if (entry === '*') return () => true
  if (entry.includes('/')) return parseBlock(entry)
  const port = isIP(entry) > 0 ? undefined : /:(\d+)$/.exec(entry)?.[1]
  const name = port === undefined ? entry : entry.slice(0, -port.length - 1)
  const host = bare(name).replace(/^\*(?=\.)/, '')
  if (isIP(host) === 0 && !/^[a-z0-9._-]+$/.test(host)) return undefined
  const suffix = host.startsWith('.') ? host : `.${host}`
  return (asked, askedPort) =>
    (port === undefined || port === askedPort) &&
    (asked === host || (isIP(host) === 0 && asked.endsWith(suffix)))
}

function parseBlock(entry: string): Rule | undefined {
  const [address = '', bits = ''] = entry.split('/')
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  const list = new BlockList()
  try {
    list.addSubnet(address, bits === '' ? Number.NaN : Number(bits), family)
  } catch {
    return undefined
  }
  return (host) => isIP(host) > 0 && list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** An IPv6 address without its brackets. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}
