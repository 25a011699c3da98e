import { shownValue } from '../../../base/printable.ts'
import type { Secret } from '../../../base/secret.ts'
import { displayUrl } from '../../../base/urls.ts'
import {
  attempt,
  type Context,
  complain,
  expandUrl,
  resolveSecret,
  resolveSecretText,
  within,
} from '../../resolving.ts'
import type { HttpClientConfig } from '../client/config.ts'
import { resolveProxy, resolveTls } from '../client/resolve.ts'
import { assertHeaderValue, isToken } from '../headers.ts'
import type { AuthorizationConfig, BasicAuthConfig, OAuth2Config } from './config.ts'
import type { AuthorizationOptions } from './create-authorizer.ts'

const STYLES = ['basic_auth', 'authorization', 'oauth2'] as const

/**
 * Resolves how a source proves who it is: at most one way.
 * @param url of the inventory, which may hold a user and password; undefined when it is wrong
 */
export function resolveAuthorization(
  http: HttpClientConfig,
  url: URL | undefined,
  context: Context,
): AuthorizationOptions | undefined {
  const [style, second] = STYLES.filter((one) => http[one] !== undefined)
  if (style === undefined) return undefined
  if (second !== undefined) {
    const message = `${style} says already who asks; leave one of them out`
    complain(context, [second], message, { atKey: true })
  } else if (url !== undefined && url.username + url.password !== '') {
    const message = 'the url holds a user or password already; leave one of them out'
    complain(context, [style], message, { atKey: true })
  }
  return RESOLVE[style](http, within(context, style))
}

const RESOLVE = {
  basic_auth: (http, context) => resolveBasic(http.basic_auth as BasicAuthConfig, context),
  authorization: (http, context) => resolveCredentials(http.authorization as AuthorizationConfig, context),
  oauth2: (http, context) => resolveOAuth2(http.oauth2 as OAuth2Config, context),
} satisfies Record<string, (http: HttpClientConfig, context: Context) => AuthorizationOptions>

function resolveBasic(config: BasicAuthConfig, context: Context): AuthorizationOptions {
  const username = resolveSecret(config, 'username', context)
  const password = resolveSecret(config, 'password', context)
  if (Object.keys(config).length === 0) {
    complain(context, [], 'says nothing; add username and password_file', { atKey: true })
  }
  return { kind: 'basic', username, password }
}

function resolveCredentials(config: AuthorizationConfig, context: Context): AuthorizationOptions {
  const type = config.type?.trim() || 'Bearer'
  attempt(context, ['type'], () => assertType(type))
  const credentials = resolveSecret(config, 'credentials', context, assertHeaderValue)
  if (config.credentials === undefined && config.credentials_file === undefined) {
    complain(context, [], 'says nothing; add credentials or credentials_file', { atKey: true })
  }
  // Undefined only with a problem, with which nothing is used.
  return { kind: 'credentials', type, credentials: credentials as Secret }
}

function assertType(type: string): void {
  if (type.toLowerCase() === 'basic') throw new Error(`${shownValue(type)} is not for here; use basic_auth`)
  if (!isToken(type)) throw new Error(`${shownValue(type)} is not one word; write one such as Bearer`)
}

function resolveOAuth2(config: OAuth2Config, context: Context): AuthorizationOptions {
  return {
    kind: 'oauth2',
    clientId: resolveSecretText(config.client_id, ['client_id'], context),
    clientSecret: resolveSecret(config, 'client_secret', context),
    tokenUrl: attempt(context, ['token_url'], () => readTokenUrl(config.token_url, context)),
    scopes: config.scopes ?? [],
    endpointParams: Object.entries(config.endpoint_params ?? {}).map(([name, text]) => [
      name,
      resolveSecretText(text, ['endpoint_params', name], context),
    ]),
    tls: resolveTls(config.tls_config, within(context, 'tls_config')),
    proxy: resolveProxy(config, context),
  }
}

function readTokenUrl(text: string, { env }: Context): URL {
  const url = expandUrl(text, env)
  if (url.username + url.password === '') return url
  throw new Error(
    `${displayUrl(url)} must not hold a user or password; write them as client_id and client_secret`,
  )
}
