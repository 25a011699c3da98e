import { Secret } from '../../base/secret.ts'
import type { HttpClientConfig } from '../../sources/http/client/config.ts'
import type { HttpClientOptions } from '../../sources/http/requester.ts'
import { resolveAuthorization } from './authorization.ts'
import { type Context, within } from './context.ts'
import { concealedInPath } from './expand-env.ts'
import { resolveHeaders } from './headers.ts'
import { resolveProxy } from './proxy.ts'
import { resolveTls } from './tls.ts'

/** The keys that every source has that asks over HTTP. */
type WithClient = HttpClientConfig & { readonly url: string }

/**
 * Resolves the keys of Prometheus's HTTP client.
 * @param url resolved already; undefined when it is wrong
 */
export function resolveHttpClient(
  http: WithClient,
  url: URL | undefined,
  context: Context,
): HttpClientOptions {
  return {
    followRedirects: http.follow_redirects ?? true,
    authorization: resolveAuthorization(http, url, context),
    headers: resolveHeaders(http.http_headers, within(context, 'http_headers')),
    tls: resolveTls(http.tls_config, within(context, 'tls_config')),
    proxy: resolveProxy(http, context),
    concealed: [http.url, http.oauth2?.token_url ?? '']
      .flatMap((text) => concealedInPath(text, context.env))
      .map((value) => Secret.of(value)),
  }
}
