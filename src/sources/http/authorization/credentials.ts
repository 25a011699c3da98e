import { shownValue } from '../../../base/printable.ts'
import type { Secret } from '../../../base/secret.ts'
import { attempt, complain, resolveSecret } from '../../resolving.ts'
import { assertHeaderValue, headerValue, isToken } from '../headers.ts'
import { constant, type Style, settingOf } from './authorizer.ts'
import type { AuthorizationConfig } from './config.ts'

/** `authorization`, resolved. */
export interface CredentialsOptions {
  readonly kind: 'authorization'
  /** The first word of the header. */
  readonly type: string
  readonly credentials: Secret
}

/** A token that is configured. */
export const credentials: Style<AuthorizationConfig, CredentialsOptions> = {
  resolve(config, context) {
    const type = config.type?.trim() || 'Bearer'
    attempt(context, ['type'], () => assertType(type))
    const secret = resolveSecret(config, 'credentials', context, assertHeaderValue)
    if (config.credentials === undefined && config.credentials_file === undefined) {
      complain(context, [], 'is empty; add credentials or credentials_file', { atKey: true })
    }
    // Undefined only if there is a problem; then the result is not used.
    return { kind: 'authorization', type, credentials: secret as Secret }
  },
  create: ({ type, credentials: secret }, { redactor }) =>
    constant(
      async () => `${type} ${await headerValue('authorization', secret, redactor)}`,
      () => settingOf('authorization.credentials', secret),
    ),
}

function assertType(type: string): void {
  if (type.toLowerCase() === 'basic')
    throw new Error(`${shownValue(type)} cannot be used here; use basic_auth`)
  if (!isToken(type)) throw new Error(`${shownValue(type)} is not one word; write one such as Bearer`)
}
