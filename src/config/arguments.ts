import { parseArgs } from 'node:util'
import { UsageError } from '../base/errors.ts'
import { suggest } from '../base/suggest.ts'
import { COMMAND_FLAGS, COMMAND_SWITCHES, type FlagCommand } from './command-options.ts'
import { flagOptions } from './options.ts'

/** The command line, taken apart but not yet checked value by value. */
export interface Arguments {
  readonly positionals: readonly string[]
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly switches: ReadonlySet<string>
}

/** Flags without a value. */
export const SWITCHES = {
  'web.enable-lifecycle': 'Enable POST /-/refresh, /-/accept and /-/reload; without it they answer 403.',
  version: 'Print the version and exit.',
  help: 'Print this help and exit.',
} as const

const VALUE_FLAGS = [
  ...Object.values(flagOptions).map((option) => option.flag as string),
  ...Object.values(COMMAND_FLAGS).flatMap((flags) => Object.values(flags).map(({ flag }) => flag as string)),
]

const SWITCH_NAMES = [...Object.keys(SWITCHES), ...Object.values(COMMAND_SWITCHES).flatMap(Object.keys)]

/**
 * Takes the command line apart; `-h` is `--help`.
 * @throws UsageError for a flag that does not exist, lacks its value or takes none
 */
export function readArguments(argv: readonly string[]): Arguments {
  const known = [...VALUE_FLAGS, ...SWITCH_NAMES]
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(VALUE_FLAGS.map((flag) => [flag, { type: 'string' }] as const)),
      ...Object.fromEntries(SWITCH_NAMES.map((flag) => [flag, { type: 'boolean' }] as const)),
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
    if (SWITCH_NAMES.includes(token.name)) switches.add(readSwitch(token))
    else flags[token.name] = readValue(token, flags)
  }
  return { positionals, flags, switches }
}

/**
 * Refuses flags of other commands: what is not read must not look as if it were.
 * @throws UsageError that says to which command the flag belongs
 */
export function assertOwnFlags({ flags, switches }: Arguments, command: string): void {
  for (const name of [...Object.keys(flags), ...switches]) {
    const owners = ownersOf(name)
    if (owners.length === 0 || owners.some((owner) => owner === command)) continue
    throw new UsageError(`--${name}: belongs to ${owners.map((owner) => `rollcall ${owner}`).join(' and ')}`)
  }
}

/** The commands that have a flag of their own by this name; none for the flags that all take. */
function ownersOf(name: string): FlagCommand[] {
  return (Object.keys(COMMAND_FLAGS) as FlagCommand[]).filter(
    (command) =>
      name in COMMAND_SWITCHES[command] ||
      Object.values(COMMAND_FLAGS[command]).some((option: { flag?: string }) => option.flag === name),
  )
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
