import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import type { Json } from '../../model/record.ts'
import { isInstanceId, readRegistration } from '../../model/registration.ts'
import { joinLines } from './encode.ts'
import type { Named } from './registrations.ts'
import type { Report } from './report.ts'

/** The version of the format; a file of another version is not read. */
const FORMAT = 1

/** The time from a change to the write, in milliseconds, so that many changes share one. */
const DELAY_MS = 1_000

/** The time after which a write that failed is tried again, in milliseconds. */
const RETRY_MS = 10_000

/** The instances of a push source on disk. */
export interface Keeper {
  /**
   * Reads what an earlier process kept. Nothing is written before the end of that: it is all that there is.
   * @param use takes it; undefined: nothing was kept
   * @throws Error when what is there cannot be read, is not whole or of another version
   */
  load(use: (kept: Named[] | undefined) => void): Promise<void>
  /** Something changed: it is written within a second. */
  changed(): void
  /** Writes what is not written yet. Never fails: the failure is reported. */
  flush(): Promise<void>
  /** Deletes what is kept, and keeps nothing more. */
  remove(): Promise<void>
}

/** What keeping needs from outside. */
export interface KeepDeps {
  readonly clock: Pick<Clock, 'after'>
  readonly report: Report
  /** Replaces a file atomically. */
  readonly write: (path: string, body: Buffer) => Promise<void>
}

/** Keeps what `list` gives, each as JSON, in a file. */
export function createKeeper(path: string, list: () => readonly string[], deps: KeepDeps): Keeper {
  const { clock, report } = deps
  let isDirty = false
  let isGone = false
  let cancel: (() => void) | undefined
  let last: Promise<void> = Promise.resolve()

  async function write(): Promise<void> {
    if (!isDirty || isGone) return
    isDirty = false
    try {
      await mkdir(dirname(path), { recursive: true })
      await deps.write(path, await joinLines(`{"format":${FORMAT},"instances":[`, list(), ']}\n'))
      report({ kind: 'written' })
    } catch (error) {
      report({ kind: 'not_written', error })
      isDirty = true
      schedule(RETRY_MS)
    }
  }

  function schedule(delayMs: number): void {
    cancel ??= clock.after(delayMs, () => void flush())
  }

  function stop(): void {
    cancel?.()
    cancel = undefined
  }

  /** One write at a time: the last one has to win. */
  function flush(): Promise<void> {
    stop()
    last = last.then(write)
    return last
  }

  return {
    load(use) {
      const loading = readFile(path, 'utf8')
        .catch(ignoreMissing)
        .then((text) => use(text === undefined ? undefined : decode(text, path)))
      last = loading.catch(() => {})
      return loading
    },
    changed() {
      isDirty = true
      schedule(DELAY_MS)
    },
    async flush() {
      await flush()
      stop()
    },
    async remove() {
      isGone = true
      await flush()
      stop()
      await rm(path, { force: true })
    },
  }
}

/** Keeps nothing. */
export const NO_KEEPER: Keeper = {
  async load(use) {
    use(undefined)
  },
  changed() {},
  async flush() {},
  async remove() {},
}

/** Reads a file as strictly as a request: it may have been changed. */
function decode(text: string, path: string): Named[] {
  const kept = JSON.parse(text) as { format: number; instances: KeptInstance[] } | null
  if (kept?.format !== FORMAT) {
    throw new Error(
      `${path} has the format ${JSON.stringify(kept?.format)}, not ${FORMAT}: another version wrote it`,
    )
  }
  return kept.instances.map(({ id, ttl_ms: ttlMs, address, labels }) => {
    if (!isInstanceId(id) || !(ttlMs > 0)) throw new Error(`${path} holds what is no instance`)
    return [id, { registration: readRegistration({ address, labels, ttl: null }), ttlMs }]
  })
}

interface KeptInstance {
  readonly id: string
  readonly ttl_ms: number
  readonly address: string
  readonly labels: { readonly [name: string]: Json }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
