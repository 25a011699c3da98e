import { displayUrl } from '../../base/urls.ts'
import type { RegistrationFailure } from './failure.ts'

/** The end of the path of a push source, unless a proxy has given it another. */
const PUSH_SOURCE = /\/api\/v1\/sources\/[^/]+\/*$/

const ADVICE: Partial<Record<RegistrationFailure, string>> = {
  connect: 'is Rollcall running there, and does it listen on more than its own loopback?',
  dns: 'is the host right, and does this machine know it?',
  tls: 'does the server speak TLS at all, and is its certificate trusted here (NODE_EXTRA_CA_CERTS)?',
  timeout: 'is the host right, and does a firewall let this machine through?',
}

/**
 * What to look at when a registration failed, to stand after the message.
 * @param url of the push source, of which nothing secret is shown
 */
export function adviceFor(reason: RegistrationFailure, url: URL): string {
  const named = `--register.url is ${displayUrl(url)}`
  const advice = ADVICE[reason]
  if (advice !== undefined) return `; ${named}: ${advice}`
  if (reason !== 'rejected' || PUSH_SOURCE.test(url.pathname)) return ''
  return `; ${named}, and should be the URL of a push source, such as ${url.origin}/api/v1/sources/devices`
}
