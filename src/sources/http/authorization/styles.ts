import { type Context, complain, within } from '../../resolving.ts'
import type { HttpClientConfig } from '../client/config.ts'
import type { Authorizer, AuthorizerDeps } from './authorizer.ts'
import { basicAuth, byUrl } from './basic-auth.ts'
import { credentials } from './credentials.ts'
import { oauth2 } from './oauth2.ts'

/** The authentication methods, by the key that configures each. */
const STYLES = { basic_auth: basicAuth, authorization: credentials, oauth2 }

type Key = keyof typeof STYLES

/** The authentication of a source, resolved; its `kind` is the key that configures it. */
export type AuthorizationOptions = ReturnType<(typeof STYLES)[Key]['resolve']>

/**
 * Resolves the authentication of a source: at most one method.
 * @param urls of the inventory, which may contain a user and password; undefined when invalid
 */
export function resolveAuthorization(
  http: HttpClientConfig,
  urls: readonly (URL | undefined)[],
  context: Context,
): AuthorizationOptions | undefined {
  const [style, second] = (Object.keys(STYLES) as Key[]).filter((key) => http[key] !== undefined)
  if (style === undefined) return undefined
  if (second !== undefined) {
    const message = `${style} already sets the authentication; leave one of them out`
    complain(context, [second], message, { atKey: true })
  } else if (urls.some((url) => url !== undefined && url.username + url.password !== '')) {
    const message = 'the url already has a user or password; leave one of them out'
    complain(context, [style], message, { atKey: true })
  }
  return STYLES[style].resolve(http[style] as never, within(context, style))
}

/**
 * Creates the authorizer of a source.
 * @param options undefined: use the user and password in the URL, if there are any
 */
export function createAuthorizer(
  options: AuthorizationOptions | undefined,
  deps: AuthorizerDeps,
): Authorizer {
  return options === undefined ? byUrl(deps.redactor) : STYLES[options.kind].create(options as never, deps)
}
