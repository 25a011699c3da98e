import { SWITCHES } from '../config/arguments.ts'
import { COMMAND_FLAGS, COMMAND_SWITCHES, type FlagCommand } from '../config/command-options.ts'
import type { Option } from '../config/option.ts'
import { options } from '../config/options.ts'

/** The commands and their descriptions, in the order of --help. */
export const COMMANDS = {
  serve: 'Serve the targets of the configured inventory (the default; without any, the demo).',
  check: 'Check flags, environment, configuration file and the files it names, without using the network.',
  targets: 'Read the inventory once and print the targets that it makes; nothing is served or written.',
  explain: 'Say why something is or is not a target: explain <host, address, value or field=value>.',
  restore: 'Restore the folder of --storage.path from a backup: restore <file>, or - for standard input.',
  sensor:
    'Run the agent of a device: metrics, registration, payloads; rollcall sensor --help lists its flags.',
  demo: 'Serve the demo fleet, whatever is configured.',
  completion: 'Print a script that completes commands, flags and values in bash, zsh or fish.',
} as const

export type Command = keyof typeof COMMANDS

/** The arguments of a command besides its flags, and examples. */
const USAGE: Partial<Record<Command, { readonly words?: string; readonly examples: readonly string[] }>> = {
  check: {
    examples: [
      'rollcall check --config.file=rollcall.yml',
      'rollcall check --config.file=rollcall.yml --probe --against=http://localhost:8080',
    ],
  },
  targets: {
    examples: [
      'rollcall targets --config.file=rollcall.yml --format=table',
      'rollcall targets --config.file=rollcall.yml --source=sensors > targets.json',
    ],
  },
  explain: {
    words: '<host, address, value or field=value>',
    examples: [
      'rollcall explain sensor-07 --config.file=rollcall.yml',
      "rollcall explain 'site=lyon' --config.file=rollcall.yml --source=sensors",
    ],
  },
  restore: {
    words: '<file or ->',
    examples: ['rollcall restore rollcall.backup --storage.path=/var/lib/rollcall'],
  },
  completion: {
    words: '<bash|zsh|fish>',
    examples: [
      'source <(rollcall completion bash)',
      'rollcall completion zsh > ~/.zfunc/_rollcall',
      'rollcall completion fish > ~/.config/fish/completions/rollcall.fish',
    ],
  },
}

/** The text of `rollcall COMMAND --help`: usage, examples and its own flags. */
export function commandHelpText(command: Command): string {
  const { words = '', examples } = USAGE[command] ?? { examples: [`rollcall ${command}`] }
  const own = ownFlags(command)
  const usage = `rollcall ${command}${words === '' ? '' : ` ${words}`}${command === 'completion' ? '' : ' [flags]'}`
  return `${COMMANDS[command]}

Usage: ${usage}

Examples:
${examples.map((example) => `  ${example}\n`).join('')}${own.length === 0 ? '' : `\nFlags of this command:\n${table(own)}`}${
  command === 'completion' ? '' : '\nrollcall --help lists the flags and variables that all commands take.\n'
}`
}

/** The text of `rollcall --help`, from the same tables that parse the command line. */
export function helpText(): string {
  const flags = [
    ...options.flatMap((option) => (option.flag === undefined ? [] : [flagRow(option)])),
    ...Object.entries(SWITCHES).map(([name, help]) => [`--${name}`, help] as const),
  ]
  const variables = options.flatMap((option) =>
    option.env === undefined || option.flag !== undefined
      ? []
      : [[`${option.env}=${option.value}`, withDefault(option)] as const],
  )
  return `Rollcall turns any inventory into Prometheus scrape targets over HTTP service discovery, and never drops a target that it cannot prove is gone.

Usage: rollcall [command] [flags]

Commands:
${table(Object.entries(COMMANDS).flatMap(([name, help]) => [[name, help], ...indented(ownFlags(name))]))}
Flags:
${table(flags)}
Environment variables that describe one inventory, instead of a configuration file:
${table(variables)}
Exit codes: 0 fine (also when explain finds nothing), 1 it could not run, 2 wrong flags, variables or configuration.
`
}

/** Rows with one more level of indentation. */
function indented(rows: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  return rows.map(([name, text]) => [`  ${name}`, text])
}

/** The flags that only this command has. */
function ownFlags(command: string): (readonly [string, string])[] {
  if (!(command in COMMAND_FLAGS)) return []
  const name = command as FlagCommand
  return [
    ...Object.values(COMMAND_FLAGS[name]).map((option: Option<unknown>) => flagRow(option)),
    ...Object.entries(COMMAND_SWITCHES[name]).map(([flag, help]) => [`--${flag}`, help] as const),
  ]
}

/** A flag and its help text. */
export function flagRow(option: Option<unknown>): readonly [string, string] {
  return [`--${option.flag}=${option.value}`, withDefault(option)]
}

function withDefault(option: Option<unknown>): string {
  const also = option.flag !== undefined && option.env !== undefined ? ` Also $${option.env}.` : ''
  return `${option.help}${option.default === undefined ? '' : ` Default: ${option.default}.`}${also}`
}

/** Rows as two aligned columns. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, text]) => `  ${name.padEnd(width)}${text}\n`).join('')
}
