import { urlOf } from '../base/listening.ts'
import type { WebSettings } from '../config/settings.ts'

/**
 * What is said of a push source, which a command cannot read: how to ask the server that runs.
 * @param path what to ask for, with its query, both encoded
 */
export function askServer(web: WebSettings, path: string): string {
  const command = `curl '${serverUrl(web)}${path.replaceAll("'", '%27')}'`
  return `a push source has only what devices register with the server that runs; ask that: ${command}`
}

/** Where the server would be reached that has these settings. */
function serverUrl({ externalUrl, listenAddress: { host = '0.0.0.0', port } }: WebSettings): string {
  return externalUrl?.href.replace(/\/$/, '') ?? urlOf({ address: host, port, family: '' })
}
