import { existsSync } from 'node:fs'
import { systemClock } from '../base/clock.ts'
import { isLocal, messageOf, StartError, UsageError } from '../base/errors.ts'
import { createFiles } from '../base/files.ts'
import { keepHeapSmall } from '../base/heap.ts'
import { suggest } from '../base/suggest.ts'
import { version } from '../base/version.ts'
import { type Arguments, assertOwnFlags, readArguments } from '../config/arguments.ts'
import { painted } from './colours.ts'
import type { CommandDeps } from './dry-run.ts'
import { endForSure } from './end-for-sure.ts'
import type { Hangups } from './hangups.ts'
import { COMMANDS, type Command, commandHelpText, helpText } from './help.ts'
import type { Printed } from './printed.ts'
import { createProgress } from './progress.ts'

const files = createFiles({ clock: systemClock })
/* c8 ignore next 3 -- a process that ends like this reports no coverage */
process.on('exit', (code) => {
  if (files.underWay().length > 0) endForSure(process, code)
})

/**
 * Runs the command of a command line. All output for people, and every exit, is here.
 * @param hangups has caught every SIGHUP since the start of the process
 */
export async function main(argv: readonly string[], hangups: Hangups): Promise<void> {
  try {
    await choose(argv, hangups)
  } catch (error) {
    fail(error)
  }
}

async function choose(argv: readonly string[], hangups: Hangups): Promise<void> {
  // The reader may stop early: rollcall targets | head
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    fail(error)
  })
  if (argv[0] === 'sensor') return runSensor(argv.slice(1), hangups)
  const args = readArguments(argv)
  if (args.switches.has('help') || args.positionals[0] === 'help') return print(helpOf(args.positionals))
  if (args.switches.has('version')) return print(`rollcall ${version} (Node.js ${process.version})\n`)
  await run(readCommand(args), args, hangups)
}

/** The help of a command: `rollcall explain --help`, `rollcall help explain`. The general help covers `serve`. */
function helpOf(words: readonly string[]): string {
  const [name = ''] = words[0] === 'help' ? words.slice(1) : words
  return Object.hasOwn(COMMANDS, name) && name !== 'sensor' && name !== 'serve'
    ? commandHelpText(name as Command)
    : helpText()
}

/** Runs the sensor, which has its own flags and loads no part of the server. */
async function runSensor(argv: readonly string[], hangups: Hangups): Promise<void> {
  hangups.release()
  const { sensor } = await import('./sensor.ts')
  const text = await sensor(argv, process.env, files)
  if (text !== undefined) print(text)
}

async function run(command: Command, args: Arguments, hangups: Hangups): Promise<void> {
  if (command !== 'serve' && command !== 'demo') hangups.release()
  switch (command) {
    case 'check':
      return finish((await import('./check.ts')).check(args, process.env, deps()))
    case 'targets':
      return finish((await import('./targets.ts')).targets(args, process.env, deps()))
    case 'explain':
      return finish((await import('./explain.ts')).explain(args, process.env, deps()))
    case 'completion':
      return print((await import('./completion.ts')).completion(args.positionals[1]))
    case 'restore': {
      const deps = { files, now: systemClock.now, stdin: process.stdin }
      return finish((await import('./restore.ts')).restore(args, process.env, deps))
    }
    default: {
      // Called before the server is loaded, which is most of the code.
      keepHeapSmall()
      const { serve } = await import('./serve.ts')
      await serve(args, command === 'demo' ? 'demo' : 'configured', process.env, { files, hangups })
    }
  }
}

/** The dependencies of commands that read inventories. */
function deps(): CommandDeps {
  return { files, progress: createProgress(process.stderr) }
}

/** The commands that take one argument besides their flags, and the hint about another one. */
const TAKES_WORD = {
  explain: 'quote a query that has spaces',
  restore: 'a backup is one file',
  completion: 'name one shell',
} as const

function readCommand(args: Arguments): Command {
  const [command = 'serve', ...words] = args.positionals
  const known = Object.keys(COMMANDS)
  if (!known.includes(command)) {
    const near = suggest(command, known)
    const usual = near === undefined ? `use one of ${known.join(', ')}` : `did you mean ${near}?`
    const hint = fileHint(command) ?? usual
    throw new UsageError(`${command}: there is no such command; ${hint}`)
  }
  if (command === 'sensor') throw new UsageError('sensor: write the command before its flags')
  assertOwnFlags(args, command)
  const extra = command in TAKES_WORD ? words.slice(1) : words
  if (extra[0] !== undefined) {
    const flags = fileHint(extra[0]) ?? 'a command takes only flags'
    const hint = TAKES_WORD[command as keyof typeof TAKES_WORD] ?? flags
    throw new UsageError(`${extra[0]}: unexpected; ${hint}`)
  }
  return command as Command
}

/** The flag for a word that is the path of a file; undefined: it is none. */
function fileHint(word: string): string | undefined {
  return existsSync(word) ? `a command takes only flags; write --config.file=${word}` : undefined
}

/** Prints the output of a command, and sets the exit code; all output is written before the process ends. */
async function finish(printed: Promise<Printed>): Promise<void> {
  const { out, err, code } = await printed
  process.exitCode = code
  process.stderr.write(painted(err, process.stderr))
  // Reads that hang are not waited for.
  process.stdout.write(
    painted(out, process.stdout),
    () => void files.close().then(() => files.underWay().length > 0 && process.exit()),
  )
}

function print(text: string): void {
  process.stdout.write(text)
}

function fail(error: unknown): void {
  if (error instanceof UsageError || error instanceof StartError) {
    process.stderr.write(painted(`${error.message.replace(/^/gm, 'rollcall: ')}\n`, process.stderr))
    /* c8 ignore next 3 -- without file descriptors no coverage is written */
  } else if (isLocal(error)) {
    process.stderr.write(`rollcall: ${messageOf(error)}\n`)
  } else {
    process.stderr.write(`rollcall: unexpected error: ${(error as Error).stack}\n`)
  }
  process.exit(error instanceof UsageError ? 2 : 1)
}
