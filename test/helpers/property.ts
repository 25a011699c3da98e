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
    t.fail(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
