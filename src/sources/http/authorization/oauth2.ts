import { RefreshError } from '../../../base/errors.ts'
import { parseRetryAfter } from '../../../base/retry-after.ts'
import { MASK, type Secret } from '../../../base/secret.ts'
import { displayUrl } from '../../../base/urls.ts'
import {
  attempt,
  type Context,
  expandUrl,
  resolveSecret,
  resolveSecretText,
  within,
} from '../../resolving.ts'
import { ACCEPT_ENCODING, readBody } from '../body.ts'
import { type ClientOptions, createClient, orReset } from '../client/client.ts'
import { resolveProxy, resolveTls } from '../client/resolve.ts'
import { toRefreshError } from '../failure.ts'
import { isHeaderValue, isToken } from '../headers.ts'
import type { Authorizer, AuthorizerDeps, Style } from './authorizer.ts'
import type { OAuth2Config } from './config.ts'
import { share } from './share.ts'
import { authorizationType, parseTokenAnswer, type TokenAnswer } from './token.ts'

/** `oauth2`, resolved. */
export interface OAuth2Options extends ClientOptions {
  readonly kind: 'oauth2'
  readonly clientId: Secret
  readonly clientSecret: Secret | undefined
  readonly tokenUrl: URL
  readonly scopes: readonly string[]
  readonly endpointParams: readonly (readonly [name: string, value: Secret])[]
}

/** How long before its expiry a token is renewed, as in golang.org/x/oauth2. */
const EARLY_MS = 10_000
const MAX_ANSWER_BYTES = 2 ** 20

/** Where the request has the client credentials; RFC 6749 section 2.3.1 allows both. */
type Place = 'header' | 'body'

interface Identity {
  readonly id: string
  readonly secret: string
}

interface Token extends Identity {
  /** The Authorization header. */
  readonly value: string
  readonly useUntilMs: number
}

/** Tokens of an OAuth 2 server. */
export const oauth2: Style<OAuth2Config, OAuth2Options> = {
  resolve: (config, context) => ({
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
  }),
  create: createOAuth2,
}

function readTokenUrl(text: string, { env }: Context): URL {
  const url = expandUrl(text, env)
  if (url.username + url.password === '') return url
  throw new Error(
    `${displayUrl(url)} must not hold a user or password; write them as client_id and client_secret`,
  )
}

/**
 * Gets tokens with the client credentials grant (RFC 6749 section 4.4), as golang.org/x/oauth2/clientcredentials
 * does: it sends the credentials with HTTP basic authentication, and in the form if that is refused. A token is used
 * until shortly before it expires, until the inventory refuses it, or until the secret changes.
 */
function createOAuth2(options: OAuth2Options, deps: AuthorizerDeps): Authorizer {
  const { clock, redactor } = deps
  const client = createClient(options)
  let token: Token | undefined
  let workingPlace: Place | undefined

  async function identity(): Promise<Identity> {
    const { clientId, clientSecret } = options
    const id = await clientId.reveal()
    // An id without digits is a name; masking it would make messages unreadable.
    if (/\d/.test(id)) redactor.note(id)
    return { id, secret: clientSecret === undefined ? '' : await redactor.reveal(clientSecret) }
  }

  async function ask(who: Identity, place: Place, signal: AbortSignal): Promise<Answered> {
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (options.scopes.length > 0) form.set('scope', options.scopes.join(' '))
    for (const [name, value] of options.endpointParams) form.set(name, await redactor.reveal(value))
    if (place === 'body') form.set('client_id', who.id)
    if (place === 'body' && who.secret !== '') form.set('client_secret', who.secret)
    const headers = {
      accept: 'application/json',
      'accept-encoding': ACCEPT_ENCODING,
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': deps.userAgent,
      ...(place === 'header' ? { authorization: formEncodedBasic(who) } : {}),
    }
    const request = { method: 'POST', url: options.tokenUrl, headers, body: String(form) }
    const response = await client.send(request, signal)
    const body = await readBody(response, MAX_ANSWER_BYTES, ', too large for a token')
    const retryAfterMs = parseRetryAfter(response.headers['retry-after'], clock.now())
    const answer = parseTokenAnswer(response.headers, body)
    if (answer.accessToken !== undefined) redactor.note(answer.accessToken)
    return { ...answer, status: response.statusCode, retryAfterMs }
  }

  async function fetchToken(signal: AbortSignal): Promise<Token> {
    const who = await identity()
    redactor.noteQuery(options.tokenUrl)
    const askedMs = clock.monotonic()
    let place: Place = workingPlace ?? 'header'
    let answer = await ask(who, place, signal)
    if (workingPlace === undefined && isRefusal(answer.status)) {
      place = 'body'
      answer = await ask(who, place, signal)
    }
    workingPlace = undefined
    const value = authorizationOf(answer, (text) => redactor.redact(text).replaceAll(who.id, MASK))
    workingPlace = place
    const lifeMs = answer.expiresInMs ?? Number.POSITIVE_INFINITY
    return { ...who, value, useUntilMs: askedMs + lifeMs - EARLY_MS }
  }

  const renew = share(async (signal) => {
    try {
      token = await orReset(client, signal, () => fetchToken(signal))
      return token.value
    } catch (error) {
      throw toRefreshError(error, `no token from ${displayUrl(options.tokenUrl)}`, redactor.redact)
    }
  })

  return {
    async value(_url, signal) {
      const { id, secret } = await identity()
      const fits = token?.id === id && token.secret === secret && clock.monotonic() < token.useUntilMs
      return fits ? token?.value : renew(signal)
    },
    refused(value) {
      if (token?.value === value) token = undefined
      return true
    },
    setting: () => `oauth2, a token from ${displayUrl(options.tokenUrl)},`,
    close: () => client.close(),
  }
}

interface Answered extends TokenAnswer {
  readonly status: number
  readonly retryAfterMs: number | undefined
}

/** Both parts are form-encoded first, as RFC 6749 section 2.3.1 requires and Go does. */
function formEncodedBasic({ id, secret }: Identity): string {
  const [user, password] = [id, secret].map((text) => new URLSearchParams({ '': text }).toString().slice(1))
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/**
 * The Authorization header from a token response.
 * @param redact masks secrets in the server's error texts
 * @throws RefreshError `auth` when the response has no usable token
 */
function authorizationOf(answer: Answered, redact: (text: string) => string): string {
  const { status, error, description, accessToken, type, retryAfterMs } = answer
  const isRefused = status < 200 || status > 299 || error !== undefined
  const told = [error, description].map((text) => text && JSON.stringify(redact(text).slice(0, 200)))
  const said = [`HTTP ${status}`, ...told.filter((text) => text !== undefined)].join(' ')
  if (isRefused) {
    const message = `${said}; check client_id, client_secret, scopes and token_url`
    throw new RefreshError('auth', message, { retryAfterMs })
  }
  const word = authorizationType(type)
  if (accessToken === undefined) throw new RefreshError('auth', `${said} without an access_token`)
  if (isToken(word) && isHeaderValue(accessToken)) return `${word} ${accessToken}`
  throw new RefreshError('auth', `${said} with a token that is not valid in a header`)
}

/** Whether sending the client credentials in another place may succeed. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429
}
