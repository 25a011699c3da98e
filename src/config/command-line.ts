import { parseArgs } from 'node:util'
import { UsageError } from '../base/errors.ts'
import { suggest } from '../base/suggest.ts'

/** The parsed command line; its values are not checked yet. */
export interface Arguments {
  readonly positionals: readonly string[]
  readonly flags: Readonly<Record<string, string | undefined>>
  /** The values, in order, of each flag that can be repeated. */
  readonly repeated: Readonly<Record<string, readonly string[]>>
  readonly switches: ReadonlySet<string>
}

/** The flags that a command line can have. */
export interface KnownFlags {
  /** Flags with a value. */
  readonly values: readonly string[]
  /** Flags with a value that can be repeated. */
  readonly repeatable?: readonly string[]
  /** Flags without a value, including `help`. */
  readonly switches: readonly string[]
  /** The command that lists them. */
  readonly listedBy: string
}

/**
 * Parses a command line; `-h` is `--help`.
 * @throws UsageError for a flag that does not exist, lacks its value or takes none
 */
export function readCommandLine(argv: readonly string[], known: KnownFlags): Arguments {
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(known.values.map((flag) => [flag, { type: 'string' }] as const)),
      ...Object.fromEntries(known.switches.map((flag) => [flag, { type: 'boolean' }] as const)),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  })
  const positionals: string[] = []
  const flags: Record<string, string> = {}
  const repeated: Record<string, string[]> = {}
  const switches = new Set<string>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (known.switches.includes(token.name)) switches.add(readSwitch(token))
    else if (known.repeatable?.includes(token.name)) {
      repeated[token.name] = [...(repeated[token.name] ?? []), readValue(token, flags)]
    } else if (known.values.includes(token.name)) flags[token.name] = readValue(token, flags)
    else throw unknownFlag(token.rawName, known)
  }
  return { positionals, flags, repeated, switches }
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

function unknownFlag(rawName: string, { values, switches, listedBy }: KnownFlags): UsageError {
  const near = suggest(rawName.replace(/^-+/, ''), [...values, ...switches])
  const hint = near === undefined ? `${listedBy} lists the flags` : `did you mean --${near}?`
  return new UsageError(`${rawName}: there is no such flag; ${hint}`)
}
