import fc from 'fast-check'
import type { Test } from 'tap'

/** Asserts that a property holds for random inputs; a failure prints the seed and the smallest example. */
export function holds<Inputs extends [unknown, ...unknown[]]>(
  t: Test,
  what: string,
  property: fc.IProperty<Inputs>,
  options: fc.Parameters<Inputs> = {},
): void {
  try {
    fc.assert(property, options)
    t.pass(what)
  } catch (error) {
    fails(t, what, error)
  }
}

/** Like {@link holds}, of a property that takes its time. */
export async function holdsAsync<Inputs extends [unknown, ...unknown[]]>(
  t: Test,
  what: string,
  property: fc.IAsyncProperty<Inputs>,
  options: fc.Parameters<Inputs> = {},
): Promise<void> {
  try {
    await fc.assert(property, options)
    t.pass(what)
  } catch (error) {
    fails(t, what, error)
  }
}

function fails(t: Test, what: string, error: unknown): void {
  t.fail(`${what}: ${error instanceof Error ? error.message : String(error)}`)
}
