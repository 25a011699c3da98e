import type { SecureVersion } from 'node:tls'
import { messageOf, type RefreshError } from '../../../base/errors.ts'
import { shownValue } from '../../../base/printable.ts'
import { concealed, parseHttpUrl } from '../../../base/urls.ts'
import { variable } from '../../../base/variable.ts'
import { attempt, type Context, complain, expandEnv, need, resolveSecret, shownUrl } from '../../resolving.ts'
import { type NoProxy, parseNoProxy } from './no-proxy.ts'
import type { ProxyOptions } from './proxy.ts'
import type { ProxyConfig } from './proxy-config.ts'
import { assertUsable, createTlsReader, type TlsMaterial, type TlsOptions } from './tls.ts'
import type { TlsConfig } from './tls-config.ts'

/** Resolves the proxy keys. They can be combined as in Prometheus. */
export function resolveProxy(config: ProxyConfig, context: Context): ProxyOptions | undefined {
  const { proxy_url: url, no_proxy: noProxy } = config
  if (config.proxy_from_environment === true) {
    const other = (['proxy_url', 'no_proxy'] as const).find((key) => config[key] !== undefined)
    if (other === undefined) {
      return attempt(context, ['proxy_from_environment'], () => fromEnvironment(context.env))
    }
    const message = 'proxy_from_environment already sets the proxy; leave one of them out'
    complain(context, [other], message, { atKey: true })
    return undefined
  }
  const bypass =
    noProxy === undefined ? undefined : attempt(context, ['no_proxy'], () => readNoProxy(noProxy))
  if (url === undefined) {
    if (noProxy !== undefined) complain(context, ['no_proxy'], 'needs a proxy_url', { atKey: true })
    return undefined
  }
  const proxy = attempt(context, ['proxy_url'], () => readProxyUrl(url, expandEnv(url, context.env)))
  return { http: proxy, https: proxy, bypass }
}

/** The variables are read at load, in lower case first, as Go does. */
function fromEnvironment(env: Context['env']): ProxyOptions {
  const read = (name: string) => env[name.toLowerCase()] || env[name] || undefined
  const proxy = (name: string) => {
    const text = read(name)
    // As in Go, the scheme is optional.
    return text === undefined
      ? undefined
      : readProxyUrl(variable(name), text.includes('://') ? text : `http://${text}`)
  }
  return {
    http: proxy('HTTP_PROXY'),
    https: proxy('HTTPS_PROXY'),
    bypass: readNoProxy(read('NO_PROXY') ?? ''),
  }
}

function readProxyUrl(written: string, expanded: string): URL {
  const url = parseHttpUrl(expanded)
  if (url !== undefined) return concealed(url, url.origin)
  // A single word may be the password of the proxy.
  const shown = /[:@/$]/.test(written) ? shownUrl(written) : 'the text'
  throw new Error(`${shown} is not the http or https URL of a proxy; write one such as http://proxy:3128`)
}

function readNoProxy(text: string): NoProxy {
  const bypass = parseNoProxy(text)
  if (bypass !== undefined) return bypass
  throw new Error(
    `${shownValue(text)} is not a list of names, addresses and CIDR blocks, separated by commas; write one such as "localhost,.example.com,10.0.0.0/8"`,
  )
}

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

/** Checks certificates and key together. A file that cannot be read is reported separately. */
async function assertTls(options: TlsOptions): Promise<void> {
  await createTlsReader(options)().catch((error: RefreshError) => {
    if (error.reason !== 'file') throw error
  })
}

/** Checks a CA in the configuration itself; a file may be created later. */
function checkCa({ ca, ca_file: file }: TlsConfig, context: Context): void {
  if (ca === undefined || file !== undefined) return
  attempt(context, ['ca'], () => assertPem({ ca: expandEnv(ca, context.env) }))
}

/** Checks that a certificate and its key are both set. */
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
