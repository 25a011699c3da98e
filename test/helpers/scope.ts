import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a helper needs to clean up after itself: a test has it, and so has a script. */
export interface Scope {
  /** An empty folder that the end removes. */
  testdir(): string
  /** Does this at the end; the last one first. */
  teardown(work: () => unknown): void
}

/** The scope of a script. */
export function createScope(): Scope & { end(): Promise<void> } {
  const works: (() => unknown)[] = []
  return {
    testdir() {
      const folder = mkdtempSync(join(tmpdir(), 'rollcall-'))
      works.push(() => rmSync(folder, { recursive: true, force: true }))
      return folder
    },
    teardown: (work) => void works.push(work),
    async end() {
      for (const work of works.reverse()) await work()
    },
  }
}
