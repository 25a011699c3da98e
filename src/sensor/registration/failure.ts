/** The reasons why a registration can fail: the values of the `reason` label, and their meanings. */
export const REGISTRATION_FAILURES = {
  connect: 'the connection was refused or the host is unreachable',
  dns: 'the host name does not resolve',
  tls: 'the TLS handshake or certificate check failed',
  timeout: 'the server did not answer in time',
  reset: 'the connection broke in the middle',
  auth: 'the server answered 401 or 403: the token is wrong',
  rejected: 'the server answered another 4xx: the source, the address or the labels are wrong',
  rate_limited: 'the server answered 429',
  unavailable: 'the server answered 408 or 5xx',
  answer: 'the response did not come from a push source of Rollcall',
  address: 'this machine has no address at which it could be scraped',
  token_file: 'the token file cannot be read, or holds no token',
} as const

export type RegistrationFailure = keyof typeof REGISTRATION_FAILURES

/** An attempt to register, or to leave, that failed. */
export class RegistrationError extends Error {
  readonly reason: RegistrationFailure
  /** The delay that the server asked for in `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(reason: RegistrationFailure, message: string, retryAfterMs?: number) {
    super(message)
    this.name = 'RegistrationError'
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

const CODES: Readonly<Record<string, RegistrationFailure>> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  EPROTO: 'tls',
}

/** The failure reason for a platform error on a connection. */
export function reasonOf({ code = '' }: NodeJS.ErrnoException): RegistrationFailure {
  // HPE_…: the response is not HTTP.
  if (code.startsWith('HPE_')) return 'answer'
  return CODES[code] ?? (/CERT|TLS|SSL|ISSUER|SIGN/.test(code) ? 'tls' : 'connect')
}
