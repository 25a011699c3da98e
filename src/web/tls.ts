import { X509Certificate } from 'node:crypto'
import type { RequestListener, Server } from 'node:http'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import { createServer, type Server as HttpsServer } from 'node:https'
import { isIPv6 } from 'node:net'
import { createSecureContext, type SecureContextOptions, type SecureVersion, type TLSSocket } from 'node:tls'
import { MAX_PER_CONNECTION } from '../base/connections.ts'
import type { Refused } from './access.ts'
import type { CIPHER_SUITES, ClientAuthType, CURVES, TLS_VERSIONS } from './names.ts'

type CipherSuite = (typeof CIPHER_SUITES)[number]

/** `tls_server_config`, with its files read. */
export interface TlsOptions {
  readonly cert: string
  readonly key: string
  /** The authorities of client certificates; undefined: those that the platform trusts. */
  readonly clientCa: string | undefined
  readonly clientAuthType: ClientAuthType
  readonly clientAllowedSans: readonly string[] | undefined
  readonly minVersion: (typeof TLS_VERSIONS)[number]
  readonly maxVersion: (typeof TLS_VERSIONS)[number]
  readonly cipherSuites: readonly CipherSuite[]
  readonly curves: readonly (typeof CURVES)[number][]
  readonly preferServerCipherSuites: boolean
}

/** Limits of a server, in milliseconds, by the names of the platform. */
export interface ServerLimits {
  readonly headersTimeout: number
  readonly requestTimeout: number
  readonly connectionsCheckingInterval: number
  readonly keepAliveTimeout: number
  /** For TLS; 15 seconds by default. */
  readonly handshakeTimeout?: number
}

/** The TLS servers of a process, all with the same certificates. */
export interface TlsServers {
  /** Creates a server; it calls the same handler for HTTP/1.1 and, when enabled, HTTP/2. */
  create(handler: RequestListener, limits: ServerLimits): Server
  /**
   * Applies new TLS options from the next connection on; open connections do not change.
   * @throws Error of OpenSSL when certificates and key cannot be used; then nothing changes
   */
  apply(tls: TlsOptions): void
}

const VERSIONS: Readonly<Record<TlsOptions['minVersion'], SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
}

const CURVE_NAMES: Readonly<Record<TlsOptions['curves'][number], string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
}

/** RFC 9113, section 9.2.2: the cipher suites that every endpoint of HTTP/2 supports. */
const HTTP2_CIPHERS: readonly CipherSuite[] = [
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
]

const TLS13_CIPHERS: readonly CipherSuite[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]

/** The number of streams is limited, because a response that the client does not read stays in memory. */
const HTTP2_SETTINGS = { maxConcurrentStreams: MAX_PER_CONNECTION }

/** The timeout of the handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 15_000

const PLAIN_HTTP = 'the client speaks plain HTTP to a TLS port; use https (in Prometheus scheme: https)'

/**
 * Creates the TLS servers of a process; at first there are none.
 * @param onRefused called for each client that is refused for its certificate or for plain HTTP, with the fault and its
 * address
 * @throws Error of OpenSSL when certificates and key cannot be used
 */
export function createTlsServers(
  first: TlsOptions,
  http2: boolean,
  onRefused: (reason: 'client_certificate' | 'plain_http', who: Pick<Refused, 'fault' | 'address'>) => void,
): TlsServers {
  const servers: (HttpsServer | Http2SecureServer)[] = []
  let tls = first
  let secure = secureOptions(tls)
  assertTls(tls, http2)

  /** Applies the options that are not in the secure context, which `setSecureContext` replaces. */
  function ask(server: object): void {
    // Certificates are checked here, because the platform does not support all types of client authentication.
    Object.assign(server, { requestCert: tls.clientAuthType !== 'NoClientCert', rejectUnauthorized: false })
  }

  function judge(socket: TLSSocket, serve: (socket: TLSSocket) => void): void {
    const fault = peerFault(tls, socket)
    if (fault === undefined) {
      serve(socket)
      return
    }
    onRefused('client_certificate', { fault, address: socket.remoteAddress })
    socket.destroy()
  }

  return {
    create(handler, limits) {
      const options = { ...secure, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...limits }
      const server = http2
        ? createSecureServer({ ...options, allowHTTP1: true, settings: HTTP2_SETTINGS }, handler as never)
        : createServer(options, handler)
      // A server of HTTP/2 takes these only as properties.
      Object.assign(server, limits)
      // Nothing else closes an idle connection of HTTP/2.
      server.on('session', (session: ServerHttp2Session) => {
        session.setTimeout(limits.keepAliveTimeout, () => session.destroy())
      })
      server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
        if (error.code === 'ERR_SSL_HTTP_REQUEST')
          onRefused('plain_http', { fault: PLAIN_HTTP, address: socket.remoteAddress })
      })
      ask(server)
      const [serve] = server.listeners('secureConnection') as [(socket: TLSSocket) => void]
      server.removeAllListeners('secureConnection')
      server.on('secureConnection', (socket) => judge(socket, (one) => serve.call(server, one)))
      servers.push(server)
      return server as unknown as Server
    },
    apply(next) {
      assertTls(next, http2)
      secure = secureOptions(next)
      tls = next
      for (const server of servers) {
        server.setSecureContext(secure)
        ask(server)
      }
    },
  }
}

/** Throws an Error when settings cannot be used together, or when certificates or key cannot be used. */
export function assertTls(tls: TlsOptions, http2: boolean): void {
  const { cipherSuites, minVersion } = tls
  if (http2 && cipherSuites.length > 0 && minVersion !== 'TLS13') {
    if (!HTTP2_CIPHERS.some((cipher) => cipherSuites.includes(cipher)))
      throw new Error(
        `cipher_suites has none that HTTP/2 needs; add ${HTTP2_CIPHERS.join(' or ')}, or set http2: false in http_server_config`,
      )
  }
  if (tls.clientCa !== undefined) assertCertificates(tls.clientCa)
  createSecureContext(secureOptions(tls))
}

function assertCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (blocks === null) throw new Error('there is no certificate in client_ca')
  for (const block of blocks) new X509Certificate(block)
}

function secureOptions(tls: TlsOptions): SecureContextOptions {
  const { cert, key, clientCa, minVersion, curves } = tls
  return {
    cert,
    key,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    minVersion: VERSIONS[minVersion],
    maxVersion: VERSIONS[tls.maxVersion],
    ...ciphersOf(tls),
    ...(curves.length > 0 ? { ecdhCurve: curves.map((curve) => CURVE_NAMES[curve]).join(':') } : {}),
    honorCipherOrder: tls.preferServerCipherSuites,
  }
}

/** As in Go, all suites of TLS 1.3 are enabled, whichever are listed. */
function ciphersOf({ cipherSuites, minVersion }: TlsOptions): { ciphers?: string } {
  // OpenSSL 3 supports TLS 1.0 and 1.1 only at its lowest security level.
  const level = minVersion < 'TLS12' ? ['@SECLEVEL=0'] : []
  if (cipherSuites.length === 0) return level.length > 0 ? { ciphers: ['DEFAULT', ...level].join(':') } : {}
  const older = cipherSuites.filter((suite) => !TLS13_CIPHERS.includes(suite)).map(openSslName)
  return { ciphers: [...TLS13_CIPHERS, ...older, ...level].join(':') }
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` → `ECDHE-RSA-AES128-GCM-SHA256`. */
function openSslName(suite: CipherSuite): string {
  return suite
    .replace(/^TLS_/, '')
    .replace('_WITH_', '_')
    .replace(/AES_(\d+)_CBC/, 'AES$1')
    .replace(/AES_(\d+)/, 'AES$1')
    .replace('POLY1305_SHA256', 'POLY1305')
    .replaceAll('_', '-')
}

/** Why a client is refused for its certificate, or because it has none; undefined when it is accepted. */
function peerFault({ clientAuthType, clientAllowedSans }: TlsOptions, socket: TLSSocket): string | undefined {
  if (clientAuthType === 'NoClientCert') return undefined
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) {
    const isNeeded = clientAuthType.startsWith('Require') || clientAllowedSans !== undefined
    return isNeeded ? 'the client has no certificate' : undefined
  }
  const isVerified =
    clientAuthType === 'RequireAndVerifyClientCert' || clientAuthType === 'VerifyClientCertIfGiven'
  if (isVerified && !socket.authorized) {
    return `the certificate of the client is not trusted: ${socket.authorizationError as unknown as string}`
  }
  if (clientAllowedSans === undefined) return undefined
  const allowed = new Set(clientAllowedSans.map(canonical))
  if (sansOf(certificate).some((san) => allowed.has(canonical(san)))) return undefined
  return 'the certificate of the client has none of client_allowed_sans'
}

const SAN = /(?:^|, )(?:DNS|IP Address|URI|email):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/g

/** The subject alternative names of the types that can be allowed. A name that the platform quotes stays quoted. */
function sansOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(SAN)].map((found) => String(found[1]))
}

/** The short form of an IPv6 address, which people and Go use; OpenSSL uses the long one. */
function canonical(san: string): string {
  return isIPv6(san) ? new URL(`http://[${san}]`).hostname.slice(1, -1) : san
}
