import { type Context, complain, within } from '../../resolving.ts'
import type { HttpClientConfig } from '../client/config.ts'
import type { Authorizer, AuthorizerDeps } from './authorizer.ts'
import { basicAuth, byUrl } from './basic-auth.ts'
import { credentials } from './credentials.ts'
import { oauth2 } from './oauth2.ts'

/** The ways to prove who asks, by the key that configures each. */
const STYLES = { basic_auth: basicAuth, authorization: credentials, oauth2 }

type Key = keyof typeof STYLES

/** How Rollcall proves to an inventory who it is, resolved; its `kind` is the key that configures it. */
export type AuthorizationOptions = ReturnType<(typeof STYLES)[Key]['resolve']>

/**
 * Resolves how a source proves who it is: at most one way.
 * @param urls of the inventory, which may hold a user and password; undefined when they are wrong
 */
export function resolveAuthorization(
  http: HttpClientConfig,
  urls: readonly (URL | undefined)[],
  context: Context,
): AuthorizationOptions | undefined {
  const [style, second] = (Object.keys(STYLES) as Key[]).filter((key) => http[key] !== undefined)
  if (style === undefined) return undefined
  if (second !== undefined) {
    const message = `${style} says already who asks; leave one of them out`
    complain(context, [second], message, { atKey: true })
  } else if (urls.some((url) => url !== undefined && url.username + url.password !== '')) {
    const message = 'the url holds a user or password already; leave one of them out'
    complain(context, [style], message, { atKey: true })
  }
  return STYLES[style].resolve(http[style] as never, within(context, style))
}

/**
 * Creates what gives the Authorization header.
 * @param options undefined: by the user and password in the URL, if there are any
 */
export function createAuthorizer(
  options: AuthorizationOptions | undefined,
  deps: AuthorizerDeps,
): Authorizer {
  return options === undefined ? byUrl(deps.redactor) : STYLES[options.kind].create(options as never, deps)
}
