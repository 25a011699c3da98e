import type { Clock } from '../../../base/clock.ts'
import type { Redactor } from '../../../base/redactor.ts'
import type { Context } from '../../resolving.ts'

/** Gives the Authorization header of requests. */
export interface Authorizer {
  /**
   * The header for a request to this URL; undefined: none.
   * @throws RefreshError when it cannot be had
   */
  value(url: URL, signal: AbortSignal): Promise<string | undefined>
  /** Is told that the inventory answered 401 to this header; true when another one may do better. */
  refused(value: string | undefined): boolean
  close(): Promise<void>
}

/** What giving it needs from outside. */
export interface AuthorizerDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly userAgent: string
  readonly redactor: Redactor
}

/**
 * A way to prove to an inventory who asks. A new one is a file with this, its line in `styles.ts`, and its schema in
 * `config.ts`.
 */
export interface Style<Config, Options> {
  /** Checks what is configured beyond what the schema can say, and resolves it. */
  resolve(config: Config, context: Context): Options
  create(options: Options, deps: AuthorizerDeps): Authorizer
}

/** An authorizer of a header that nothing better can be had for after a refusal. */
export function constant(value: Authorizer['value']): Authorizer {
  return { value, refused: () => false, close: () => Promise.resolve() }
}
