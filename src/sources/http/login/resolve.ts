import { Secret } from '../../../base/secret.ts'
import { compileQuery } from '../../../pipeline/jmespath.ts'
import {
  attempt,
  type Context,
  complain,
  concealedInPath,
  expandEnv,
  expandUrl,
  resolveSecretFile,
  within,
} from '../../resolving.ts'
import { type BasicAuthOptions, basicAuth } from '../authorization/basic-auth.ts'
import type { HttpHeader } from '../headers.ts'
import type { LoginConfig } from './config.ts'

/** The settings of a login, resolved and checked. */
export interface LoginOptions {
  /** The URL of the login; a secret is a path at the origin of the inventory. */
  readonly at: URL | Secret
  readonly method: 'GET' | 'POST'
  readonly body: Secret | undefined
  readonly authorization: BasicAuthOptions | undefined
  readonly headers: readonly HttpHeader[]
  /** A JMESPath expression; undefined: there is no token. */
  readonly token: string | undefined
  /** In lower case; undefined: Authorization, with Bearer before the token. */
  readonly tokenHeader: string | undefined
  readonly hasCookies: boolean
  /** The statuses that mean that the session has ended. */
  readonly renewOn: readonly number[]
  /** Further secrets: parts of the URL that came from the environment. */
  readonly concealed: readonly Secret[]
}

/** The settings of the source that a login must not conflict with, and functions to resolve shared keys. */
export interface Beside {
  /** Whether the source itself sends an Authorization header. */
  readonly isAuthorized: boolean
  /** The headers of the source, in lower case. */
  readonly names: readonly string[]
  resolveHeaders(config: LoginConfig['http_headers'], context: Context): HttpHeader[]
  /** Throws an Error when a header may not be set. */
  assertHeader(name: string): void
  /** A body as it is sent. */
  textOf(body: NonNullable<LoginConfig['body']>, context: Context): string
}

/**
 * Resolves the keys of `login:`.
 * @param context at these keys
 */
export function resolveLogin(config: LoginConfig, beside: Beside, context: Context): LoginOptions {
  const { method = 'POST', basic_auth: basic, token, token_header: header, cookie = false } = config
  if (token === undefined && !cookie) {
    complain(context, [], 'does not set what the session is; add token, or cookie: true', { atKey: true })
  }
  if (token !== undefined) attempt(context, ['token'], () => compileQuery(token, 'login.token', 'parse'))
  findClash(config, beside, context)
  if (header !== undefined) attempt(context, ['token_header'], () => beside.assertHeader(header))
  return {
    at: attempt(context, ['url'], () => readPlace(config.url, context)),
    method,
    body: resolveBody(config, beside, context),
    authorization: basic && basicAuth.resolve(basic, within(context, 'basic_auth')),
    headers: beside.resolveHeaders(config.http_headers, within(context, 'http_headers')),
    token,
    tokenHeader: header?.toLowerCase(),
    hasCookies: cookie,
    renewOn: config.renew_on ?? [401],
    concealed: concealedInPath(wholeUrl(config.url), context.env).map((value) => Secret.of(value)),
  }
}

/** A complete URL; a path gets a placeholder origin. */
function wholeUrl(text: string): string {
  return text.startsWith('/') ? `http://a${text}` : text
}

function readPlace(text: string, { env }: Context): URL | Secret {
  if (!text.startsWith('/')) return expandUrl(text, env)
  const path = expandEnv(text, env)
  // "//host" is another origin.
  if (!/^\/[/\\]/.test(path)) return Secret.of(path)
  throw new Error('is not a path; write one such as /api/session, or a complete URL')
}

function resolveBody(config: LoginConfig, beside: Beside, context: Context): Secret | undefined {
  const { method, body, body_file: file } = config
  const key = body === undefined ? 'body_file' : 'body'
  if (method === 'GET' && config[key] !== undefined) {
    complain(context, [key], 'cannot be sent with GET; leave out method', { atKey: true })
  }
  if (body === undefined) {
    return file === undefined ? undefined : resolveSecretFile(file, ['body_file'], context, () => {})
  }
  if (file !== undefined) {
    complain(context, ['body_file'], 'body is given already; leave one of them out', { atKey: true })
  }
  return Secret.of(attempt(context, ['body'], () => beside.textOf(body, context)))
}

/** Reports headers that the source sends already. */
function findClash(config: LoginConfig, { isAuthorized, names }: Beside, context: Context): void {
  const { token, token_header: header, cookie } = config
  if (header !== undefined && token === undefined) {
    complain(context, ['token_header'], 'needs a token', { atKey: true })
  }
  const sent = token === undefined ? undefined : (header?.toLowerCase() ?? 'authorization')
  if (sent === 'authorization' && isAuthorized) {
    const message = 'is sent as Authorization, which the source sends already; leave one of them out'
    complain(context, ['token'], message, { atKey: true })
  }
  const isTaken = (name: string | undefined) => name !== undefined && names.includes(name)
  if (isTaken(sent)) {
    complain(context, ['token_header'], 'is in http_headers already; leave one of them out')
  }
  if (cookie === true && isTaken('cookie')) {
    complain(context, ['cookie'], 'is in http_headers already; leave one of them out', { atKey: true })
  }
}
