import type { Clock } from '../../../base/clock.ts'
import type { Redactor } from '../../../base/redactor.ts'
import type { Secret } from '../../../base/secret.ts'
import type { Context } from '../../resolving.ts'

/** Gives the Authorization header of requests. */
export interface Authorizer {
  /**
   * The header for a request to this URL; undefined: none.
   * @throws RefreshError when the header cannot be obtained
   */
  value(url: URL, signal: AbortSignal): Promise<string | undefined>
  /** Reports that the inventory answered 401 to this header; true when a new header may be accepted. */
  refused(value: string | undefined): boolean
  /** The setting that the header for a URL comes from, without secrets; undefined: there is no header. */
  setting(url: URL): string | undefined
  close(): Promise<void>
}

/** The dependencies of an authorizer. */
export interface AuthorizerDeps {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly userAgent: string
  readonly redactor: Redactor
}

/**
 * A way to authenticate to an inventory. To add one, write a file with this interface, add a line to `styles.ts`, and
 * add its schema to `config.ts`.
 */
export interface Style<Config, Options> {
  /** Resolves the configuration, and checks what the schema cannot. */
  resolve(config: Config, context: Context): Options
  create(options: Options, deps: AuthorizerDeps): Authorizer
}

/** An authorizer that cannot renew its header after a 401. */
export function constant(value: Authorizer['value'], setting: Authorizer['setting']): Authorizer {
  return { value, refused: () => false, setting, close: () => Promise.resolve() }
}

/** The name of the key that a secret comes from, with the path of its file. */
export function settingOf(key: string, { file }: Secret): string {
  return file === undefined ? key : `${key}_file ${file}`
}
