import type { TlsOptions } from '../sources/http/client/tls.ts'
import type { HttpClientOptions } from '../sources/http/requester.ts'
import { addressWarnings } from './address-warnings.ts'
import type { SourceSettings } from './settings.ts'

/** Warnings about sources. */
export function warningsOf(sources: readonly SourceSettings[]): string[] {
  return sources.flatMap((source) => {
    const found = [
      ...(isUnchecked(source) ? [UNCHECKED] : []),
      ...(isOpen(source) ? [OPEN] : []),
      ...addressWarnings(source),
    ]
    return found.map((warning) => `source ${source.name}: ${warning}`)
  })
}

const UNCHECKED =
  'insecure_skip_verify is true, so anybody on the network path can read its secrets and change its list; use ca_file instead'

const OPEN =
  'insecure_skip_authentication is true, so every client that reaches the port can add targets; use token_file or device_tokens_file instead'

function isOpen({ source }: SourceSettings): boolean {
  return source.kind === 'push' && source.token === undefined && source.deviceTokens === undefined
}

function isUnchecked({ source }: Pick<SourceSettings, 'source'>): boolean {
  if (source.joins?.some(isUnchecked) === true) return true
  // Not every kind of source has an HTTP client.
  const { tls, authorization }: Partial<HttpClientOptions> & { kind: string } = { ...source }
  const used: (TlsOptions | undefined)[] = [
    tls,
    authorization?.kind === 'oauth2' ? authorization.tls : undefined,
  ]
  return used.some((one) => one?.insecureSkipVerify === true)
}
