import { parseArgs } from 'node:util'
import { UsageError } from '../base/errors.ts'
import { suggest } from '../base/suggest.ts'
import { flagOptions } from './options.ts'

/** The command line, taken apart but not yet checked value by value. */
export interface Arguments {
  readonly positionals: readonly string[]
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly switches: ReadonlySet<string>
}

/** Flags without a value. */
export const SWITCHES = {
  'web.enable-lifecycle': 'Enable POST /-/refresh; without it those endpoints answer 403.',
  version: 'Print the version and exit.',
  help: 'Print this help and exit.',
} as const

const VALUE_FLAGS = Object.values(flagOptions).map((option) => option.flag)

/**
 * Takes the command line apart; `-h` is `--help`.
 * @throws UsageError for a flag that does not exist, lacks its value or takes none
 */
export function readArguments(argv: readonly string[]): Arguments {
  const known = [...VALUE_FLAGS, ...Object.keys(SWITCHES)]
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(VALUE_FLAGS.map((flag) => [flag, { type: 'string' }] as const)),
      ...Object.fromEntries(Object.keys(SWITCHES).map((flag) => [flag, { type: 'boolean' }] as const)),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  })
  const positionals: string[] = []
  const flags: Record<string, string> = {}
  const switches = new Set<string>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (!known.includes(token.name)) throw unknownFlag(token.rawName, known)
    if (token.name in SWITCHES) switches.add(readSwitch(token))
    else flags[token.name] = readValue(token, flags)
  }
  return { positionals, flags, switches }
}

interface FlagToken {
  readonly name: string
  readonly value: string | undefined
}

function readSwitch({ name, value }: FlagToken): string {
  if (value === undefined) return name
  throw new UsageError(`--${name}: takes no value; leave "=${value}" out`)
}

function readValue({ name, value }: FlagToken, before: Readonly<Record<string, string>>): string {
  if (value === undefined) throw new UsageError(`--${name}: needs a value; write --${name}=…`)
  if (name in before) throw new UsageError(`--${name}: given twice; leave one out`)
  return value
}

function unknownFlag(rawName: string, known: readonly string[]): UsageError {
  const near = suggest(rawName.replace(/^-+/, ''), known)
  const hint = near === undefined ? 'rollcall --help lists the flags' : `did you mean --${near}?`
  return new UsageError(`${rawName}: there is no such flag; ${hint}`)
}
