import { urlOf } from '../base/listening.ts'
import type { WebSettings } from '../config/settings.ts'

/**
 * The message about a push source, which a command cannot read: how to query the running server.
 * @param path the path and query of the request, both encoded
 */
export function askServer(web: WebSettings, path: string): string {
  const command = `curl '${serverUrl(web)}${path.replaceAll("'", '%27')}'`
  return `a push source has only what devices register with the running server; query it: ${command}`
}

/** The URL of a server with these settings. */
function serverUrl({ externalUrl, listenAddress: { host = '0.0.0.0', port } }: WebSettings): string {
  return externalUrl?.href.replace(/\/$/, '') ?? urlOf({ address: host, port, family: '' })
}
