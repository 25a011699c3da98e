import type { AddressInfo } from 'node:net'
import { messageOf, StartError } from './errors.ts'

/**
 * Makes the error for an address that cannot be listened on, with advice.
 * @param flag the flag that chooses another address
 */
export function explainListen(error: NodeJS.ErrnoException, address: string, flag: string): StartError {
  const why: Record<string, string> = {
    EADDRINUSE: `another program uses this address; stop it, or choose another one with ${flag}=127.0.0.1:PORT`,
    EACCES: `not allowed; choose a port above 1023 with ${flag}`,
    EADDRNOTAVAIL: `this machine has no such address; choose another one with ${flag}`,
    ENOTFOUND: `the host name does not resolve; choose another one with ${flag}`,
  }
  return new StartError(`cannot listen on ${address}: ${why[String(error.code)] ?? messageOf(error)}`)
}

/** A URL at which a listening server is reached from this machine. */
export function urlOf({ address, port }: AddressInfo, isTls = false): string {
  const anywhere = address === '::' || address === '0.0.0.0'
  const host = anywhere ? 'localhost' : address.includes(':') ? `[${address}]` : address
  return `http${isTls ? 's' : ''}://${host}:${port}`
}
