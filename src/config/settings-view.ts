import type { SettingView } from '../model/config-view.ts'
import { maskText } from '../model/mask-text.ts'
import { SWITCHES } from './arguments.ts'
import type { Given, Option } from './option.ts'
import { options } from './options.ts'

/**
 * The flags and variables that are set, for display: secrets are masked.
 * @param switches the flags without a value that are set
 */
export function viewSettings(given: Given, switches: ReadonlySet<string>): SettingView[] {
  const on = Object.keys(SWITCHES).filter((name) => switches.has(name))
  return [
    ...options.flatMap((option: Option<unknown>) => viewOption(option, given)),
    ...on.map((name) => ({ name: `--${name}`, value: 'true', from: 'flag' as const })),
  ]
}

function viewOption(option: Option<unknown>, { flags, env }: Given): SettingView[] {
  const flag = option.flag === undefined ? undefined : flags[option.flag]
  const variable = option.env === undefined ? undefined : env[option.env]
  const name = option.flag === undefined ? (option.env as string) : `--${option.flag}`
  if (flag !== undefined) return [{ name, value: shownText(flag), from: 'flag' }]
  if (variable !== undefined && variable !== '')
    return [{ name: option.env as string, value: shownText(variable), from: 'environment' }]
  return []
}

/** A text with everything masked that looks like a secret, and without the query of a URL, which may contain one. */
export function shownText(text: string): string {
  return maskText(withoutQuery(text), () => {})
}

function withoutQuery(text: string): string {
  return text.replace(/^([a-z]+:\/\/[^?\s]*)\?.*$/is, '$1?…')
}
