import type { SecureVersion } from 'node:tls'
import { messageOf, type RefreshError } from '../../base/errors.ts'
import {
  assertUsable,
  createTlsReader,
  type TlsMaterial,
  type TlsOptions,
} from '../../sources/http/client/tls.ts'
import type { TlsConfig } from '../../sources/http/client/tls-config.ts'
import { attempt, type Context, complain, need } from './context.ts'
import { expandEnv } from './expand-env.ts'
import { resolveSecret } from './secret.ts'

const VERSIONS: Record<string, SecureVersion> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
}

/** Resolves `tls_config`. */
export function resolveTls(config: TlsConfig | undefined, context: Context): TlsOptions | undefined {
  if (config === undefined) return undefined
  const minVersion = VERSIONS[config.min_version ?? 'TLS12'] as SecureVersion
  const maxVersion = VERSIONS[config.max_version ?? 'TLS13'] as SecureVersion
  if (minVersion > maxVersion) {
    const min = config.min_version === undefined ? 'min_version, which is TLS12 by default' : 'min_version'
    complain(context, ['max_version'], `is older than ${min}`)
  }
  const options = {
    ca: resolveSecret(config, 'ca', context),
    cert: resolveSecret(config, 'cert', context),
    key: resolveSecret(config, 'key', context),
    serverName: config.server_name,
    insecureSkipVerify: config.insecure_skip_verify ?? false,
    minVersion,
    maxVersion,
  }
  checkCa(config, context)
  checkPair(config, options, context)
  need(context, [], () => assertTls(options))
  return options
}

/** Certificates and key together; a file that cannot be read is told by itself. */
async function assertTls(options: TlsOptions): Promise<void> {
  await createTlsReader(options)().catch((error: RefreshError) => {
    if (error.reason !== 'file') throw error
  })
}

/** Only what stands in the configuration; a file may well be there later. */
function checkCa({ ca, ca_file: file }: TlsConfig, context: Context): void {
  if (ca === undefined || file !== undefined) return
  attempt(context, ['ca'], () => assertPem({ ca: expandEnv(ca, context.env) }))
}

/** A certificate and its key are of use only together. */
function checkPair(config: TlsConfig, { cert, key }: TlsOptions, context: Context): void {
  const [certKey, keyKey] = [
    config.cert === undefined ? 'cert_file' : 'cert',
    config.key === undefined ? 'key_file' : 'key',
  ]
  if (cert !== undefined && key === undefined) {
    complain(context, [certKey], 'needs its key; add key or key_file', { atKey: true })
  }
  if (key !== undefined && cert === undefined) {
    complain(context, [keyKey], 'needs its certificate; add cert or cert_file', { atKey: true })
  }
  const { cert: certText, key: keyText } = config
  if (certText === undefined || keyText === undefined) return
  attempt(context, ['cert'], () =>
    assertPem({ cert: expandEnv(certText, context.env), key: expandEnv(keyText, context.env) }),
  )
}

function assertPem(material: TlsMaterial): void {
  try {
    assertUsable(material)
  } catch (error) {
    const what = material.ca === undefined ? 'cannot be used with the key' : 'cannot be used'
    throw new Error(`${what}: ${messageOf(error)}`)
  }
}
