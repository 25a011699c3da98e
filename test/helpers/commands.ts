import { UsageError } from '../../src/base/errors.ts'
import { check } from '../../src/commands/check.ts'
import { explain } from '../../src/commands/explain.ts'
import type { Printed } from '../../src/commands/printed.ts'
import { createProgress } from '../../src/commands/progress.ts'
import { targets } from '../../src/commands/targets.ts'
import { readArguments } from '../../src/config/arguments.ts'
import { diskFiles } from './files.ts'

const COMMANDS = { check, explain, targets }

/** Runs a command in this process, which is faster than one of its own; wrong usage has the code 2. */
export async function runHere(
  argv: readonly [keyof typeof COMMANDS, ...string[]],
  env: Record<string, string> = {},
): Promise<Omit<Printed, 'code'> & { code: number }> {
  try {
    return await COMMANDS[argv[0]](readArguments(argv), env, {
      files: diskFiles,
      progress: createProgress({ write: () => {} }),
    })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { code: 2, out: '', err: `${error.message}\n` }
  }
}
