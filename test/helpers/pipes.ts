import { execFileSync } from 'node:child_process'
import { closeSync, constants, existsSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Scope } from './scope.ts'

/** Named pipes: files that hang whoever opens them. */
export interface Pipes {
  /** Makes one, and the folders above it. */
  make(path: string): string
  /** Lets all go on who hang at it, or are about to: they find an empty file. */
  release(path: string): void
}

/** To be called before there is a folder: its end comes first then, and a pipe that is gone can let go of nobody. */
export function createPipes(t: Pick<Scope, 'teardown'>): Pipes {
  const made = new Set<string>()
  function release(path: string): void {
    if (!made.delete(path) || !existsSync(path)) return
    // Whoever waits for the other end has it now, and waits for what comes; whoever comes later finds the file.
    const end = openSync(path, constants.O_RDWR)
    writeFileSync(`${path}.file`, '')
    renameSync(`${path}.file`, path)
    closeSync(end)
  }
  t.teardown(() => {
    for (const path of made) release(path)
  })
  return {
    make(path) {
      mkdirSync(dirname(path), { recursive: true })
      execFileSync('mkfifo', [path])
      made.add(path)
      return path
    },
    release,
  }
}
