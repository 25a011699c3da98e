import { Secret } from '../../base/secret.ts'
import { isSecretName } from '../../model/secret-names.ts'
import {
  attempt,
  type Context,
  complain,
  need,
  readSize,
  refuseCsvKeys,
  type SourceKeys,
  within,
} from '../resolving.ts'
import type { Kind } from '../source.ts'
import type { CommandConfig } from './config.ts'
import { assertExecutable } from './executable.ts'
import { type CommandOptions, createCommandSource, DEFAULT_MAX_OUTPUT_BYTES } from './source.ts'

/** A program whose output is the inventory. */
export const command: Kind<CommandConfig, CommandOptions> = {
  resolve,
  create: createCommandSource,
  placesOf: ({ argv, folder, env }) => [
    [
      folder,
      ...argv,
      // Variables select the inventory (PGHOST), or its credentials (PGPASSWORD).
      ...Object.entries(env).filter(([, value]) => typeof value === 'string'),
    ],
  ],
}

/** The environment variables that every program gets, if they are set. */
const ALWAYS = ['PATH', 'HOME']

function resolve(config: CommandConfig, _source: SourceKeys, context: Context): CommandOptions {
  const inCommand = within(context, 'command')
  const { argv, format: kind = 'json', csv_delimiter: delimiter, columns, encoding, max_size: size } = config
  if (!context.allowsCommands) {
    const message =
      'runs a program, which needs the flag --enable-command-sources; add it, or remove the source'
    complain(context, ['command'], message, { atKey: true })
  }
  for (const [index, text] of argv.entries())
    attempt(inCommand, ['argv', index], () => assertArgument(text, index))
  if (kind !== 'csv')
    refuseCsvKeys(config, 'has no effect, because the format is not csv; remove it', inCommand)
  const env = resolveEnv(config, inCommand)
  const { folder } = context
  need(inCommand, ['argv', 0], () => assertExecutable(argv[0] as string, folder, context.env.PATH))
  return {
    kind: 'command',
    argv,
    env,
    folder,
    format: { kind, delimiter, columns, encoding },
    maxBytes:
      size === undefined ? DEFAULT_MAX_OUTPUT_BYTES : attempt(inCommand, ['max_size'], () => readSize(size)),
  }
}

function assertArgument(text: string, index: number): void {
  if (index === 0 && text === '') throw new Error('is empty; write the name or the path of a program')
  if (text.includes('\0'))
    throw new Error('contains a null character, which is not valid in an argument; remove it')
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The message about a wrong name. It does not show a value after the name: that may be a secret. */
function wrongName(text: string): string {
  const name = text.split('=', 1)[0] as string
  if (VARIABLE.test(name))
    return `has a value, but takes only the name: write ${name}, and set it where Rollcall is started`
  return 'is not the name of an environment variable, such as PGPASSWORD; use letters, digits and "_", no digit first'
}

function resolveEnv({ env: names = [] }: CommandConfig, context: Context): CommandOptions['env'] {
  const always = ALWAYS.filter((name) => context.env[name] !== undefined).map(
    (name) => [name, context.env[name] as string] as const,
  )
  const named = names.map((name, index) => {
    const value = Object.hasOwn(context.env, name) ? context.env[name] : undefined
    if (!VARIABLE.test(name)) complain(context, ['env', index], wrongName(name))
    else if (value === undefined)
      complain(
        context,
        ['env', index],
        `the environment variable ${name} is not set; set it, or remove it here`,
      )
    return [name, isSecretName(name) ? Secret.of(value ?? '') : (value ?? '')] as const
  })
  return Object.fromEntries([...always, ...named])
}
