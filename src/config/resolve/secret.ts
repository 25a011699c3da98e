import { resolve as resolvePath } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import { isHeaderValue } from '../../sources/http/headers.ts'
import type { Path } from '../document.ts'
import { attempt, type Context, complain, need } from './context.ts'
import { expandEnv } from './expand-env.ts'

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

/** Throws an Error when no header may hold a text. */
export function assertHeaderValue(text: string): void {
  if (!isHeaderValue(text)) {
    throw new Error('holds a line break or another control character, which no header may hold')
  }
}

/** Throws an Error when a text is not one token on each line: then the others can be sent by nobody. */
export function assertTokens(text: string): void {
  const lines = text.split('\n').map((line) => line.trim())
  const wrong = lines.findIndex((line) => /\s/.test(line) || !isHeaderValue(line))
  if (wrong === -1) return
  throw new Error(
    `holds in line ${wrong + 1} white space or a control character, which no token can hold; write one token on each line, and nothing else`,
  )
}
