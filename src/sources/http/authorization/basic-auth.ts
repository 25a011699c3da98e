import type { Redactor } from '../../../base/redactor.ts'
import type { Secret } from '../../../base/secret.ts'
import { complain, resolveSecret } from '../../resolving.ts'
import { type Authorizer, constant, type Style, settingOf } from './authorizer.ts'
import type { BasicAuthConfig } from './config.ts'

/** `basic_auth`, resolved. */
export interface BasicAuthOptions {
  readonly kind: 'basic_auth'
  readonly username: Secret | undefined
  readonly password: Secret | undefined
}

/** HTTP basic authentication, by RFC 7617. */
export const basicAuth: Style<BasicAuthConfig, BasicAuthOptions> = {
  resolve(config, context) {
    const username = resolveSecret(config, 'username', context)
    const password = resolveSecret(config, 'password', context)
    if (Object.keys(config).length === 0) {
      complain(context, [], 'is empty; add username and password_file', { atKey: true })
    }
    return { kind: 'basic_auth', username, password }
  },
  create: ({ username, password }, { redactor }) =>
    constant(
      async () => {
        const [user, pass] = await Promise.all([username?.reveal(), password?.reveal()])
        return basic(user ?? '', pass ?? '', redactor)
      },
      () =>
        Object.entries({ username, password })
          .flatMap(([key, secret]) => (secret === undefined ? [] : settingOf(`basic_auth.${key}`, secret)))
          .join(' and '),
    ),
}

/** HTTP basic authentication with the user and password in the URL, if there are any. */
export function byUrl(redactor: Redactor): Authorizer {
  const isBare = ({ username, password }: URL) => username === '' && password === ''
  return constant(
    async (url) =>
      isBare(url)
        ? undefined
        : basic(decodeURIComponent(url.username), decodeURIComponent(url.password), redactor),
    (url) => (isBare(url) ? undefined : 'the user and password in url'),
  )
}

function basic(user: string, password: string, redactor: Redactor): string {
  // A user without a password is an API key. Other names are not masked: one that equals the host name would be
  // masked in every URL.
  redactor.note(password === '' ? user : password)
  const credentials = Buffer.from(`${user}:${password}`).toString('base64')
  redactor.note(credentials)
  return `Basic ${credentials}`
}
