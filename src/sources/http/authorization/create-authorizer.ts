import type { Redactor } from '../../../base/redactor.ts'
import type { Secret } from '../../../base/secret.ts'
import { headerValue } from '../headers.ts'
import type { Authorizer } from './authorizer.ts'
import { createOAuth2, type OAuth2Deps, type OAuth2Options } from './oauth2.ts'

/** How Rollcall proves to an inventory who it is; undefined: by the user and password in the URL, if any. */
export type AuthorizationOptions = BasicAuthOptions | CredentialsOptions | OAuth2Options

/** `basic_auth`, resolved. */
export interface BasicAuthOptions {
  readonly kind: 'basic'
  readonly username: Secret | undefined
  readonly password: Secret | undefined
}

/** `authorization`, resolved. */
export interface CredentialsOptions {
  readonly kind: 'credentials'
  /** The first word of the header. */
  readonly type: string
  readonly credentials: Secret
}

/** Creates what gives the Authorization header. */
export function createAuthorizer(options: AuthorizationOptions | undefined, deps: OAuth2Deps): Authorizer {
  switch (options?.kind) {
    case undefined:
      return constant(async (url) => fromUrl(url, deps.redactor))
    case 'basic':
      return constant(() => basicAuth(options, deps.redactor))
    case 'credentials':
      return constant(async () => {
        const credentials = await headerValue('authorization', options.credentials, deps.redactor)
        return `${options.type} ${credentials}`
      })
    case 'oauth2':
      return createOAuth2(options, deps)
  }
}

/** Nothing better can be had after a refusal. */
function constant(value: Authorizer['value']): Authorizer {
  return { value, refused: () => false, close: () => Promise.resolve() }
}

async function basicAuth({ username, password }: BasicAuthOptions, redactor: Redactor): Promise<string> {
  const [user, pass] = await Promise.all([username?.reveal(), password?.reveal()])
  return basic(user ?? '', pass ?? '', redactor)
}

function fromUrl({ username, password }: URL, redactor: Redactor): string | undefined {
  if (username === '' && password === '') return undefined
  return basic(decodeURIComponent(username), decodeURIComponent(password), redactor)
}

function basic(user: string, password: string, redactor: Redactor): string {
  // A user without a password is a key. Others stay, for a user called as the host would spoil every message.
  redactor.note(password === '' ? user : password)
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  redactor.note(credentials)
  return `Basic ${credentials}`
}
