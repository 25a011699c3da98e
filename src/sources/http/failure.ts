import { codeOf, isLocal, messageOf, RefreshError, type RefreshFailureReason } from '../../base/errors.ts'

const REASON_BY_CODE: Record<string, RefreshFailureReason> = {
  ECONNREFUSED: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  EHOSTDOWN: 'connect',
  EADDRNOTAVAIL: 'connect',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EPROTO: 'tls',
  CERT_HAS_EXPIRED: 'tls',
  CERT_NOT_YET_VALID: 'tls',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  UNABLE_TO_GET_ISSUER_CERT: 'tls',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls',
  CERT_SIGNATURE_FAILURE: 'tls',
  CERT_REVOKED: 'tls',
  CERT_REJECTED: 'tls',
  CERT_UNTRUSTED: 'tls',
  INVALID_CA: 'tls',
  INVALID_PURPOSE: 'tls',
  HOSTNAME_MISMATCH: 'tls',
}

/**
 * Turns an error of the HTTP client into a RefreshError with its reason. Codes that are not in the table mean a broken
 * connection: a reset, a truncated body, bytes that are not HTTP.
 * @param request begins the message, such as `GET http://inventory/`
 * @param redact masks secrets in a text
 */
export function toRefreshError(
  error: unknown,
  request: string,
  redact = (text: string) => text,
): RefreshError {
  if (error instanceof RefreshError) {
    const { reason, message, retryAfterMs, status, cause } = error
    return new RefreshError(reason, redact(`${request}: ${message}`), { retryAfterMs, status, cause })
  }
  const root = rootOf(error)
  const code = codeOf(root)
  const reason = reasonOf(code, root)
  const message = redact(`${request}: ${explain(reason, root, code)}`)
  return new RefreshError(reason, message, { cause: bare(root, code, redact) })
}

/** The error without what the client attaches to it: bytes of the response, certificates, sockets. */
function bare(root: unknown, code: string, redact: (text: string) => string): Error {
  const cause = new Error(redact(messageOf(root)))
  return Object.assign(cause, { stack: cause.message, code })
}

function reasonOf(code: string, root: unknown): RefreshFailureReason {
  // A bug in Rollcall, not a failure of the network.
  if (code === '' && root instanceof TypeError) return 'internal'
  if (isLocal(root)) return 'local'
  if (code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_')) return 'tls'
  if (code.startsWith('Z_') || code.startsWith('ERR_BROTLI')) return 'parse' // the unpacking failed
  return REASON_BY_CODE[code] ?? 'reset'
}

/** The client wraps an error ("fetch failed") once or more; the innermost cause has the code. */
function rootOf(error: unknown): unknown {
  let root = error
  for (let depth = 0; depth < 5 && root instanceof Error && root.cause !== undefined; depth++) {
    root = root.cause
  }
  return root
}

/** The response is not TLS: OpenSSL takes its first bytes for a version or a length. */
const NO_TLS = /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/

const SILENT = 'the host does not answer; check the host and the port, and the firewalls'
const UNREACHABLE = 'there is no way to that host; check its address, the route and the firewalls'

/** The advice for a connection that cannot be made, by error code. The other side may be a proxy or a token server. */
const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check the host and the port, and that the server runs',
  EHOSTUNREACH: UNREACHABLE,
  EHOSTDOWN: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: SILENT,
  UND_ERR_CONNECT_TIMEOUT: SILENT,
}

function explain(reason: RefreshFailureReason, root: unknown, code: string): string {
  const message = messageOf(root) || code
  if (reason === 'dns') return `${message}; check the host name and the resolver`
  if (NO_TLS.test(code)) {
    return `the server does not speak TLS on this port (${code}); write http:// in the URL, or its port for https`
  }
  if (reason === 'tls') return `${message} (${code}); check the certificate and its CA`
  if (reason === 'reset') return `the connection broke: ${message}`
  return Object.hasOwn(ADVICE, code) ? `${message}; ${ADVICE[code]}` : message
}
