import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type SecureVersion,
} from 'node:tls'
import { messageOf, RefreshError } from '../../../base/errors.ts'
import type { Secret } from '../../../base/secret.ts'

/** `tls_config`, resolved. */
export interface TlsOptions {
  readonly ca: Secret | undefined
  readonly cert: Secret | undefined
  readonly key: Secret | undefined
  readonly serverName: string | undefined
  readonly insecureSkipVerify: boolean
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
}

/** The TLS options of a connection. */
export type TlsConnection = Pick<
  ConnectionOptions,
  'secureContext' | 'rejectUnauthorized' | 'servername' | 'checkServerIdentity'
>

/** Certificates and key in PEM. */
export interface TlsMaterial {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/**
 * Creates a function that reads certificates and key, and returns the same object until they change.
 * It throws a RefreshError: `file` for a file that cannot be read, `tls` for one that cannot be used.
 */
export function createTlsReader(options: TlsOptions | undefined): () => Promise<TlsConnection> {
  let known: { digest: string; connection: TlsConnection } | undefined
  const trustDefaults: TlsConnection = {}
  return async () => {
    if (options === undefined) return trustDefaults
    const { ca, cert, key } = options
    const texts = await Promise.all([ca?.reveal(), cert?.reveal(), key?.reveal()])
    const digest = JSON.stringify(texts)
    if (known?.digest !== digest) {
      const material = { ca: texts[0], cert: texts[1], key: texts[2] }
      known = { digest, connection: connectionOf(options, material) }
    }
    return known.connection
  }
}

/**
 * The TLS options for a connection to the proxy: the same certificates, but the name of the proxy. The only
 * secrets of a proxy are in its URL.
 */
export function tlsToHost({ secureContext, rejectUnauthorized }: TlsConnection, host: string): TlsConnection {
  return { secureContext, rejectUnauthorized, ...identifiedAs(host) }
}

/** Throws an Error with OpenSSL's message when certificates and key cannot be used. */
export function assertUsable({ ca, cert, key }: TlsMaterial): void {
  if (ca !== undefined) assertCertificates(ca)
  createSecureContext({ cert, key })
}

function connectionOf(options: TlsOptions, material: TlsMaterial): TlsConnection {
  const { minVersion, maxVersion, serverName } = options
  // OpenSSL 3 supports TLS 1.0 and 1.1 only at its lowest security level.
  const ciphers = minVersion < 'TLSv1.2' ? { ciphers: 'DEFAULT:@SECLEVEL=0' } : {}
  try {
    assertUsable(material)
    return {
      secureContext: createSecureContext({ ...material, minVersion, maxVersion, ...ciphers }),
      rejectUnauthorized: !options.insecureSkipVerify,
      ...(serverName === undefined ? {} : identifiedAs(serverName)),
    }
  } catch (error) {
    throw new RefreshError(
      'tls',
      `tls_config: the certificates or the key cannot be used: ${messageOf(error)}`,
    )
  }
}

/** Checks the certificate against this name or address, not the host of the URL. An address is not sent (RFC 6066). */
function identifiedAs(name: string): TlsConnection {
  return {
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  }
}

function assertCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)
  if (blocks === null) throw new Error('there is no certificate in the CA')
  for (const block of blocks) new X509Certificate(block)
}
