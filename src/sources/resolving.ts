import { resolve as resolvePath } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { shownValue } from '../base/printable.ts'
import { MASK, Secret } from '../base/secret.ts'
import { concealed, parseHttpUrl } from '../base/urls.ts'
import { variable } from '../base/variable.ts'
import { formatSize, parseSize } from '../model/size.ts'

// Helpers to resolve the keys of a source of any kind. A schema has checked their types; here their values are read,
// and problems are collected.

/** Steps from the top of the configuration file to a value. */
export type Path = readonly (number | string)[]

/** One problem of a configuration file. */
export interface Problem {
  readonly path: Path
  readonly message: string
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean
}

/** A file or folder that the configuration names. The server opens it when it uses it; only `check` checks it before. */
export interface Need {
  /** The place that names it, which begins the message: `file:line:column: key`, or the flag or variable. */
  readonly where: string
  /** `warning`: targets are served without it, or it may be created while the server runs. */
  readonly severity: 'error' | 'warning'
  /** Throws an Error with the reason why it cannot be used now. */
  assert(): Promise<unknown>
}

/** A file that a value of the configuration names. */
export interface PlacedNeed extends Omit<Need, 'where'> {
  readonly path: Path
}

/** The context in which a part of the configuration is resolved; problems are collected, not thrown. */
export interface Context {
  /** The base of relative paths. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads the files that the configuration names. */
  readonly files: Files
  /** Whether sources may run programs. */
  readonly allowsCommands: boolean
  /** A scalar as written in the file, because Prometheus reads every label and rule value as text. */
  readonly textAt: (path: Path) => string | undefined
  readonly problems: Problem[]
  /** The files that the configuration names, which are also collected. */
  readonly needs: PlacedNeed[]
  /** The path of the part. */
  readonly path: Path
}

/** The context of a part of this part. */
export function within<Some extends Context>(context: Some, ...steps: Path): Some {
  return { ...context, path: [...context.path, ...steps] }
}

/** Adds a problem with a part of this part. */
export function complain(context: Context, steps: Path, message: string, place: { atKey?: true } = {}): void {
  context.problems.push({ path: [...context.path, ...steps], message, ...place })
}

/** Adds a file that a part of this part names. */
export function need(
  context: Context,
  steps: Path,
  assert: Need['assert'],
  severity: Need['severity'] = 'error',
): void {
  context.needs.push({ path: [...context.path, ...steps], assert, severity })
}

/**
 * Runs a reader, and turns an error into a problem. The result is then undefined, which is safe because nothing is used
 * when there is a problem.
 */
export function attempt<Value>(
  context: Context,
  steps: Path,
  read: () => Value,
  place: { atKey?: true } = {},
): Value {
  try {
    return read()
  } catch (error) {
    const path = [...context.path, ...steps]
    const known = context.problems.some((problem) => problem.path.join('\0') === path.join('\0'))
    if (!known) context.problems.push({ path, message: messageOf(error), ...place })
    return undefined as Value
  }
}

/** The common keys of a source that its kind checks. */
export interface SourceKeys {
  readonly name: string
  readonly file_sd?: string
  readonly fail_if?: string
  readonly complete?: boolean
  readonly with?: unknown
  readonly records?: unknown
  readonly filter?: unknown
  readonly for_each?: unknown
  readonly targets?: unknown
  readonly meta_labels?: unknown
}

/** A pair of keys such as `password` and `password_file`. */
type WithFile<Key extends string> = { readonly [Name in Key | `${Key}_file`]?: string }

/**
 * Resolves a key with a secret, or its `_file`; setting both is a mistake.
 * @param check throws an Error with the reason why a text cannot be used
 */
export function resolveSecret<Key extends string>(
  config: WithFile<Key>,
  key: Key,
  context: Context,
  check: (text: string) => void = () => {},
): Secret | undefined {
  const fileKey = `${key}_file` as const
  const [text, file] = [config[key], config[fileKey]] as [string | undefined, string | undefined]
  if (text !== undefined && file !== undefined) {
    complain(context, [fileKey], `${key} is given already; leave one of them out`, { atKey: true })
  }
  if (file !== undefined) return resolveSecretFile(file, [fileKey], context, check)
  return text === undefined ? undefined : resolveSecretText(text, [key], context, check)
}

/** A secret in a file; it is read each time it is used, and its user checks it. */
export function resolveSecretFile(
  path: string,
  steps: Path,
  context: Context,
  check: (text: string) => void,
): Secret {
  const secret = Secret.file(resolvePath(context.folder, path), context.files)
  need(context, steps, async () => {
    const text = await secret.reveal()
    try {
      check(text)
    } catch (error) {
      throw new Error(`the secret file ${secret.file} ${messageOf(error)}`)
    }
  })
  return secret
}

/** A secret in the configuration, or in the environment variables that it names. */
export function resolveSecretText(
  text: string,
  steps: Context['path'],
  context: Context,
  check: (text: string) => void = () => {},
): Secret {
  return attempt(context, steps, () => {
    const expanded = expandEnv(text, context.env)
    check(expanded)
    return Secret.of(expanded)
  })
}

type Env = Context['env']

/**
 * A text with each `${NAME}` replaced by the environment variable; `$${` is a literal `${`.
 * Throws an Error that names the variable when it is not set, or is empty: an empty secret is almost always a mistake.
 */
export function expandEnv(text: string, env: Env): string {
  return text.replace(/\$\$\{|\$\{([^}]*\}?)/g, (_all, braced: string | undefined) => {
    if (braced === undefined) return '${'
    const name = /^([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(braced)?.[1]
    // The message does not show the text: it may be part of a secret.
    if (name === undefined) {
      throw new Error(
        `contains "\${" without the name of a variable; write ${variable('NAME')}, or $\${ for a literal "\${"`,
      )
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value === undefined) throw new Error(`the environment variable ${name} is not set`)
    if (value === '') throw new Error(`the environment variable ${name} is set, but empty`)
    return value
  })
}

/**
 * Reads the URL of an inventory, which can contain `${NAME}`. The result masks possible secrets when it is shown.
 * Throws an Error that says what is expected, and never shows the values of variables.
 */
export function expandUrl(text: string, env: Env): URL {
  const expanded = expandEnv(text, env)
  if (expanded === text) return concealed(readUrl(text))
  const url = parseHttpUrl(expanded)
  if (url !== undefined) return concealed(url, MASK)
  throw new Error(`${shownUrl(text)} is not an http or https URL after its variables are replaced`)
}

/** The values of environment variables in the path of a URL, which messages would show: one may be a token. */
export function concealedInPath(text: string, env: Env): string[] {
  const path = /^[^/]*:\/\/[^/?#]*([^?#]*)/.exec(text)?.[1] ?? ''
  return [...path.matchAll(/(?<!\$)\$\{(\w+)\}/g)].map(([, name]) => env[name as string] ?? '')
}

/** Node.js cannot hold a text longer than 512 MiB. */
const MAX_SIZE_BYTES = 500 * 2 ** 20

/**
 * Reads a size, in bytes. Throws an Error that says what is expected.
 * @param maxBytes by default what fits into one text
 */
export function readSize(text: string, maxBytes = MAX_SIZE_BYTES): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0 && bytes <= maxBytes) return bytes
  const most = formatSize(maxBytes)
  throw new Error(`${shownValue(text)} is not a size up to ${most}; write one such as 512KB or 64MB`)
}

/** Reads the URL of an inventory. Throws an Error that says what is expected. */
export function readUrl(text: string): URL {
  const url = parseHttpUrl(text)
  if (url !== undefined) return url
  throw new Error(
    `${shownUrl(text)} is not an http or https URL; write one such as http://inventory:1337/inventory, and %25 for a "%" in a password`,
  )
}

/** A wrong URL for an error message: without user, password and query, wherever they are in it. */
export function shownUrl(text: string): string {
  const at = text.lastIndexOf('@')
  const scheme = at === -1 ? '' : (/^[a-z]+:\/*/i.exec(text.slice(0, at))?.[0] ?? '')
  const shown = at === -1 ? text : `${scheme}…${text.slice(at)}`
  return shownValue(shown.replace(/\?.*/s, '?…'))
}

/** Adds a problem for each key that is set although it is for CSV only. */
export function refuseCsvKeys(keys: Readonly<Record<string, unknown>>, why: string, context: Context): void {
  for (const key of ['csv_delimiter', 'columns'])
    if (keys[key] !== undefined) complain(context, [key], why, { atKey: true })
}
