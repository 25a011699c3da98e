import { messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Path, Problem } from '../document.ts'
import type { FileConfig } from '../schema.ts'
import type { Need } from '../settings.ts'

/** A file that a value of the configuration names. */
export interface PlacedNeed extends Omit<Need, 'where'> {
  readonly path: Path
}

/** What resolving a part of the configuration needs to know; problems are collected, not thrown. */
export interface Context {
  readonly config: FileConfig
  /** What relative paths are relative to. */
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What reads the files that the configuration names. */
  readonly files: Files
  /** A scalar as it is written in the file, since Prometheus reads every label and rule value as text. */
  readonly textAt: (path: Path) => string | undefined
  readonly problems: Problem[]
  /** The files that the configuration names, collected too. */
  readonly needs: PlacedNeed[]
  /** Where the part stands. */
  readonly path: Path
}

/** The context of a part of this part. */
export function within(context: Context, ...steps: Path): Context {
  return { ...context, path: [...context.path, ...steps] }
}

/** Adds a problem with a part of this part. */
export function complain(context: Context, steps: Path, message: string, place: { atKey?: true } = {}): void {
  context.problems.push({ path: [...context.path, ...steps], message, ...place })
}

/** Notes that a part of this part names a file. */
export function need(
  context: Context,
  steps: Path,
  assert: Need['assert'],
  severity: Need['severity'] = 'error',
): void {
  context.needs.push({ path: [...context.path, ...steps], assert, severity })
}

/**
 * Runs a reader; what it throws becomes a problem. With a problem nothing that was resolved is used, so the
 * result may then stand as undefined.
 */
export function attempt<Value>(
  context: Context,
  steps: Path,
  read: () => Value,
  place: { atKey?: true } = {},
): Value {
  try {
    return read()
  } catch (error) {
    const path = [...context.path, ...steps]
    const known = context.problems.some((problem) => problem.path.join('\0') === path.join('\0'))
    if (!known) context.problems.push({ path, message: messageOf(error), ...place })
    return undefined as Value
  }
}
