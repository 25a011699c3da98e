import { parseHost, splitHostPort } from '../model/address.ts'

/** A listen address. No host means every interface; port 0 means any free port. */
export interface ListenAddress {
  readonly host: string | undefined
  readonly port: number
}

/**
 * Reads `:8080`, `127.0.0.1:8080`, `[::1]:8080` or `localhost:0`, as Go programs take it.
 * @returns undefined when it is not a listen address
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const { host, port } = splitHostPort(text)
  if (port === undefined || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined
  if (host === '') return { host: undefined, port: Number(port) }
  const parsed = parseHost(host)
  return parsed === undefined ? undefined : { host: parsed.replace(/^\[|\]$/g, ''), port: Number(port) }
}
