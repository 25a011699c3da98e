import { MASK } from '../../base/secret.ts'
import { concealed, parseHttpUrl } from '../../base/urls.ts'
import { variable } from '../../base/variable.ts'
import type { Context } from './context.ts'
import { readUrl, shownUrl } from './readers.ts'

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
