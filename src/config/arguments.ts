import { UsageError } from '../base/errors.ts'
import { type Arguments, readCommandLine } from './command-line.ts'
import { COMMAND_FLAGS, COMMAND_SWITCHES, type FlagCommand } from './command-options.ts'
import { flagOptions } from './options.ts'

export type { Arguments }

/** Flags without a value. */
export const SWITCHES = {
  'enable-command-sources':
    'Allow sources of the kind command, which run programs that the configuration file names.',
  'web.enable-lifecycle':
    'Enable POST /-/refresh, /-/accept and /-/reload, and /api/v1/backup; without it they answer 403.',
  'web.disable-explain': 'Disable /api/v1/explain, which shows records of the inventory.',
  version: 'Print the version and exit.',
  help: 'Print this help and exit.',
} as const

const VALUE_FLAGS = [
  ...Object.values(flagOptions).map((option) => option.flag as string),
  ...Object.values(COMMAND_FLAGS).flatMap((flags) => Object.values(flags).map(({ flag }) => flag as string)),
]

const SWITCH_NAMES = [...Object.keys(SWITCHES), ...Object.values(COMMAND_SWITCHES).flatMap(Object.keys)]

/**
 * Parses the command line of the server and its commands.
 * @throws UsageError for a flag that does not exist, lacks its value or takes none
 */
export function readArguments(argv: readonly string[]): Arguments {
  return readCommandLine(argv, { values: VALUE_FLAGS, switches: SWITCH_NAMES, listedBy: 'rollcall --help' })
}

/**
 * Refuses flags of other commands, which would have no effect.
 * @throws UsageError that names the command of the flag
 */
export function assertOwnFlags({ flags, switches }: Arguments, command: string): void {
  for (const name of [...Object.keys(flags), ...switches]) {
    const owners = ownersOf(name)
    if (owners.length === 0 || owners.some((owner) => owner === command)) continue
    throw new UsageError(`--${name}: belongs to ${owners.map((owner) => `rollcall ${owner}`).join(' and ')}`)
  }
}

/** The commands that have their own flag of this name; none for a common flag. */
function ownersOf(name: string): FlagCommand[] {
  return (Object.keys(COMMAND_FLAGS) as FlagCommand[]).filter(
    (command) =>
      name in COMMAND_SWITCHES[command] ||
      Object.values(COMMAND_FLAGS[command]).some((option: { flag?: string }) => option.flag === name),
  )
}
