import { resolve as resolvePath } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { shownValue } from '../base/printable.ts'
import { MASK, Secret } from '../base/secret.ts'
import { concealed, parseHttpUrl } from '../base/urls.ts'
import { variable } from '../base/variable.ts'
import { parseSize } from '../model/size.ts'

// What resolving the keys of a source needs, whatever its kind: a schema has checked their types; here their values
// are read, and what is wrong is collected.

/** Steps from the top of the configuration file to a value. */
export type Path = readonly (number | string)[]

/** One thing that is wrong with a configuration file. */
export interface Problem {
  readonly path: Path
  readonly message: string
  /** Point at the key rather than at its value. */
  readonly atKey?: boolean
}

/** A file or folder that the configuration names. The server looks at it whenever it uses it; only `check` before. */
export interface Need {
  /** Where it is named, as a message begins: `file:line:column: key`, or the flag or variable. */
  readonly where: string
  /** `warning`: targets are served without it, or it may well come to be while the server runs. */
  readonly severity: 'error' | 'warning'
  /** Throws an Error that says why it is of no use as it is now. */
  assert(): Promise<unknown>
}

/** A file that a value of the configuration names. */
export interface PlacedNeed extends Omit<Need, 'where'> {
  readonly path: Path
}

/** What resolving a part of the configuration needs to know; problems are collected, not thrown. */
export interface Context {
  /** What relative paths are relative to. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What reads the files that the configuration names. */
  readonly files: Files
  /** Whether sources may run programs. */
  readonly allowsCommands: boolean
  /** A scalar as it is written in the file, since Prometheus reads every label and rule value as text. */
  readonly textAt: (path: Path) => string | undefined
  readonly problems: Problem[]
  /** The files that the configuration names, collected too. */
  readonly needs: PlacedNeed[]
  /** Where the part stands. */
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

/** Notes that a part of this part names a file. */
export function need(
  context: Context,
  steps: Path,
  assert: Need['assert'],
  severity: Need['severity'] = 'error',
): void {
  context.needs.push({ path: [...context.path, ...steps], assert, severity })
}

/**
 * Runs a reader; what it throws becomes a problem. With a problem nothing that was resolved is used, so the
 * result may then stand as undefined.
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

/** The keys of a source beside those of its kind, as far as kinds look at them. */
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

/** What `password` and `password_file` say, whatever the key is called. */
type WithFile<Key extends string> = { readonly [Name in Key | `${Key}_file`]?: string }

/**
 * Resolves a key that stands for a secret, or its `_file`; both is a mistake.
 * @param check throws an Error that says why a text is of no use there
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

/** A secret in a file, which is read, and then checked by its reader, each time it is used. */
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
 * Throws an Error that names the variable when it is not set, or is empty: an empty secret is hardly ever meant.
 */
export function expandEnv(text: string, env: Env): string {
  return text.replace(/\$\$\{|\$\{([^}]*\}?)/g, (_all, braced: string | undefined) => {
    if (braced === undefined) return '${'
    const name = /^([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(braced)?.[1]
    // What stands there instead may be part of a secret.
    if (name === undefined) {
      throw new Error(
        `holds "\${" without the name of a variable; write ${variable('NAME')}, or $\${ for a literal "\${"`,
      )
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value === undefined) throw new Error(`the environment variable ${name} is not set`)
    if (value === '') throw new Error(`the environment variable ${name} is set, but empty`)
    return value
  })
}

/**
 * Reads the URL of an inventory that may hold `${NAME}`. It shows itself without what may be secret in it.
 * Throws an Error that says what is expected, and never what the variables hold.
 */
export function expandUrl(text: string, env: Env): URL {
  const expanded = expandEnv(text, env)
  if (expanded === text) return concealed(readUrl(text))
  const url = parseHttpUrl(expanded)
  if (url !== undefined) return concealed(url, MASK)
  throw new Error(`${shownUrl(text)} is not an http or https URL once its variables are filled in`)
}

/** What the environment puts into the path of a URL, where messages would show it: that may be a token. */
export function concealedInPath(text: string, env: Env): string[] {
  const path = /^[^/]*:\/\/[^/?#]*([^?#]*)/.exec(text)?.[1] ?? ''
  return [...path.matchAll(/(?<!\$)\$\{(\w+)\}/g)].map(([, name]) => env[name as string] ?? '')
}

/** Node.js reads no text that is longer than 512 MiB. */
const MAX_SIZE_BYTES = 500 * 2 ** 20

/** Reads a size, in bytes. Throws an Error that says what is expected. */
export function readSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0 && bytes <= MAX_SIZE_BYTES) return bytes
  throw new Error(`${shownValue(text)} is not a size up to 500MB; write one such as 512KB or 64MB`)
}

/** Reads the URL of an inventory. Throws an Error that says what is expected. */
export function readUrl(text: string): URL {
  const url = parseHttpUrl(text)
  if (url !== undefined) return url
  throw new Error(
    `${shownUrl(text)} is not an http or https URL; write one such as http://inventory:1337/inventory, and %25 for a "%" in a password`,
  )
}

/** What is meant as a URL in an error message: without user, password and query, wherever they end up in it. */
export function shownUrl(text: string): string {
  const at = text.lastIndexOf('@')
  const scheme = at === -1 ? '' : (/^[a-z]+:\/*/i.exec(text.slice(0, at))?.[0] ?? '')
  const shown = at === -1 ? text : `${scheme}…${text.slice(at)}`
  return shownValue(shown.replace(/\?.*/s, '?…'))
}

/** Complains about each of these keys that is set: they are for CSV only. */
export function refuseCsvKeys(keys: Readonly<Record<string, unknown>>, why: string, context: Context): void {
  for (const key of ['csv_delimiter', 'columns'])
    if (keys[key] !== undefined) complain(context, [key], why, { atKey: true })
}
