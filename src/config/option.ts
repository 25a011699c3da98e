import { UsageError } from '../base/errors.ts'
import { shownValue } from '../base/printable.ts'

/** One setting of the process: a flag, an environment variable, or both. */
export interface Option<Value> {
  readonly flag?: string
  readonly env?: string
  /** The default, as a user would type it; shown by --help. */
  readonly default?: string
  /** A description of a valid value, which completes the message "… is not". */
  readonly expects: string
  readonly help: string
  /** A placeholder for the value, shown by --help. */
  readonly value: string
  /** Reads the text; undefined when it is not a value of this option. */
  parse(text: string): Value | undefined
}

/** The flags, as typed, and the environment. */
export interface Given {
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly env: Readonly<Record<string, string | undefined>>
  /** The values of flags that can be repeated. */
  readonly repeated?: Readonly<Record<string, readonly string[]>>
}

/**
 * Reads an option: the flag, else the variable (an empty one counts as not set), else the default.
 * @returns undefined when it is not set and has no default
 * @throws UsageError that names the flag or variable, the value and what is expected
 */
export function readOption<Value>(option: Option<Value>, given: Given): Value | undefined {
  const flagText = option.flag === undefined ? undefined : given.flags[option.flag]
  const envText = option.env === undefined ? undefined : given.env[option.env]
  const [where, text] =
    flagText !== undefined
      ? [`--${option.flag}`, flagText]
      : envText !== undefined && envText !== ''
        ? [option.env, envText]
        : ['default', option.default]
  if (text === undefined) return undefined
  const value = option.parse(text)
  if (value === undefined) throw new UsageError(`${where}: ${shownValue(text)} is not ${option.expects}`)
  return value
}

/**
 * Reads a flag that can be repeated.
 * @returns its values in order; none when it is not set
 * @throws UsageError as {@link readOption} does
 */
export function readAll<Value>(option: Option<Value> & { flag: string }, given: Given): Value[] {
  const texts = given.repeated?.[option.flag] ?? []
  return texts.map((text) => readOption(option, { ...given, flags: { [option.flag]: text } }) as Value)
}

/** Reads an option that has a default. */
export function readRequired<Value>(option: Option<Value> & { default: string }, given: Given): Value {
  return readOption(option, given) as Value
}
