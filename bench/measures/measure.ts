import { createScope, type Scope } from '../../test/helpers/scope.ts'
import type { Figure, RowId } from '../figures/rows.ts'

/** What a measurement is given. */
export interface Context {
  /** A minute for all, rather than what it takes. */
  readonly quick: boolean
  /** Ends what was started, also when the measurement fails. */
  readonly scope: Scope
}

/** One measurement: the rows that it fills, and how. */
export interface Measure {
  readonly name: string
  readonly rows: readonly RowId[]
  /** Whether `--quick` leaves it out. */
  readonly isLong?: boolean
  /** Why it cannot be done here, and what to install; undefined when it can. */
  missing?(): string | undefined
  run(context: Context): Promise<readonly Figure[]>
}

/** Does something with a scope of its own. */
export async function withScope<Result>(work: (scope: Scope) => Promise<Result>): Promise<Result> {
  const scope = createScope()
  try {
    return await work(scope)
  } finally {
    await scope.end()
  }
}
