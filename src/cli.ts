#!/usr/bin/env node
import { StartError, UsageError } from './base/errors.ts'
import { suggest } from './base/suggest.ts'
import { version } from './base/version.ts'
import { COMMANDS, type Command, helpText } from './commands/help.ts'
import { type Arguments, readArguments } from './config/arguments.ts'

/** Command line → command. Everything a command prints for people ends up here, and so does every exit. */
async function main(argv: readonly string[]): Promise<void> {
  const args = readArguments(argv)
  if (args.switches.has('help') || args.positionals[0] === 'help') return print(helpText())
  if (args.switches.has('version')) return print(`rollcall ${version} (Node.js ${process.version})\n`)
  const command = readCommand(args)
  if (command === 'check') {
    const { check } = await import('./commands/check.ts')
    return print(await check(args, process.env))
  }
  const { serve } = await import('./commands/serve.ts')
  await serve(args, command === 'demo' ? 'demo' : 'configured')
}

function readCommand({ positionals: [command = 'serve', ...extra] }: Arguments): Command {
  const known = Object.keys(COMMANDS)
  if (!known.includes(command)) {
    const near = suggest(command, known)
    const hint = near === undefined ? `use one of ${known.join(', ')}` : `did you mean ${near}?`
    throw new UsageError(`${command}: there is no such command; ${hint}`)
  }
  if (extra[0] !== undefined) throw new UsageError(`${extra[0]}: unexpected; a command takes only flags`)
  return command as Command
}

function print(text: string): void {
  process.stdout.write(text)
}

function fail(error: unknown): void {
  if (error instanceof UsageError || error instanceof StartError) {
    process.stderr.write(`${error.message.replace(/^/gm, 'rollcall: ')}\n`)
  } else {
    process.stderr.write(`rollcall: unexpected error: ${(error as Error).stack}\n`)
  }
  process.exit(error instanceof UsageError ? 2 : 1)
}

main(process.argv.slice(2)).catch(fail)
