import { displayUrl } from '../../base/urls.ts'
import type { RegistrationFailure } from './failure.ts'
import type { RegistrationOptions } from './options.ts'

/** The end of the path of a push source; a proxy may have given it another one. */
const PUSH_SOURCE = /\/api\/v1\/sources\/[^/]+\/*$/

const ADVICE: Partial<Record<RegistrationFailure, string>> = {
  connect: 'is Rollcall running there, and does it listen on more than its own loopback?',
  dns: 'is the host right, and can this machine resolve it?',
  tls: 'does the server speak TLS at all, and is its certificate trusted here (NODE_EXTRA_CA_CERTS)?',
  timeout: 'is the host right, and does a firewall let this machine through?',
}

/**
 * Advice on a failed registration, to append to the message.
 * @param options the URL is shown without its secrets
 */
export function adviceFor(
  reason: RegistrationFailure,
  { url, tokenFile }: Pick<RegistrationOptions, 'url' | 'tokenFile'>,
): string {
  if (reason === 'auth' && tokenFile === undefined) {
    return '; no token was sent: name the file that holds it with --register.token-file'
  }
  const named = `--register.url is ${displayUrl(url)}`
  const advice = ADVICE[reason]
  if (advice !== undefined) return `; ${named}: ${advice}`
  if (reason !== 'rejected' || PUSH_SOURCE.test(url.pathname)) return ''
  return `; ${named}, and should be the URL of a push source, such as ${url.origin}/api/v1/sources/devices`
}
