import { displayUrl, withoutEndSlashes } from '../base/urls.ts'
import type { Scrape, Scrapes } from '../model/scrape.ts'
import { DEFAULT_HTTP_CLIENT } from '../sources/http/requester.ts'
import { scrapeOf } from './loop.ts'
import { createReader, type ReaderDeps } from './reader.ts'
import { DEFAULT_TIMEOUT_MS, type PrometheusOptions, type PrometheusServer } from './resolve.ts'

/** The server with this URL: from the configuration if it is there, otherwise without credentials. */
export function serverOf(url: URL, configured: PrometheusOptions | undefined): PrometheusServer {
  const isSame = (other: URL) => placeOf(other) === placeOf(url)
  return (
    configured?.servers.find((server) => isSame(server.url)) ?? {
      name: url.host,
      url,
      shownUrl: displayUrl(url),
      intervalMs: undefined,
      timeoutMs: DEFAULT_TIMEOUT_MS,
      client: DEFAULT_HTTP_CLIENT,
    }
  )
}

function placeOf({ origin, pathname }: URL): string {
  return origin + withoutEndSlashes(pathname)
}

/** Queries one server once. @throws RefreshError when the query fails */
export async function askOnce(server: PrometheusServer, deps: ReaderDeps): Promise<Pick<Scrapes, 'of'>> {
  const reader = createReader(server, deps)
  try {
    const reading = await reader.read(new AbortController().signal)
    return {
      of: (source, address, labels): readonly Scrape[] => [
        scrapeOf(server.name, reading, { source, address, labels }, undefined),
      ],
    }
  } finally {
    await reader.close()
  }
}
