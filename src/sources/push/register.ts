import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { within } from '../../base/deadline.ts'
import { messageOf } from '../../base/errors.ts'
import type { Files } from '../../base/files.ts'
import type { Deafness } from './hearing.ts'
import { createKeeper, type Keeper, NO_KEEPER } from './keep.ts'
import { createRegistrations, type Registrations } from './registrations.ts'
import type { Report } from './report.ts'

/** What a push source needs from outside. */
export interface PushDeps {
  readonly clock: Clock
  readonly files: Pick<Files, 'read' | 'write' | 'rename' | 'remove'>
  /** Absolute path of the folder that instances are kept in; undefined: nowhere. */
  readonly storage: { readonly folder: string } | undefined
  readonly report: Report
}

/** What is known of the devices, whatever the configuration says. */
export interface Register {
  readonly registrations: Registrations
  readonly keeper: Keeper
  /** From when on a list may be made, on the monotonic clock. */
  settledMs: number
  /** Set while devices cannot be heard, as before the first start. */
  deaf: Deafness | undefined
}

/** How long the start waits for the disk, in milliseconds. */
const LOAD_TIMEOUT_MS = 10_000

/** Creates the register of a source, with nobody in it. */
export function createRegister(name: string, { clock, files, storage, report }: PushDeps): Register {
  const registrations = createRegistrations(clock)
  const keeper =
    storage === undefined
      ? NO_KEEPER
      : createKeeper(join(storage.folder, 'push', `${name}.json`), registrations.kept, {
          clock,
          report,
          files,
        })
  const nowMs = clock.monotonic()
  const deaf = { sinceMs: nowMs, untilMs: nowMs, isOpen: false, isTold: false }
  return { registrations, keeper, settledMs: 0, deaf }
}

/**
 * Makes known what was kept, each for its whole time to live: nobody was heard while the server was away. What
 * devices said meanwhile is newer, and wins. A disk that is slow is not waited for, but what it gives in the end is used.
 * @param settleMs how long to wait for devices when nothing was kept, in milliseconds
 */
export async function restore(register: Register, settleMs: number, deps: PushDeps): Promise<void> {
  const { clock, report } = deps
  try {
    const loading = load(register, deps)
    const missing = await within(LOAD_TIMEOUT_MS, 'reading what was kept', clock, loading)
    if (missing !== undefined) settle(missing)
  } catch (error) {
    settle(`what was kept is not used: ${messageOf(error)}`)
  }

  function settle(why: string): void {
    register.settledMs = clock.monotonic() + settleMs
    report({ kind: 'settling', ms: settleMs, why })
  }
}

/** Tells what is missing; undefined: everybody who was known is known again. */
async function load(register: Register, { clock, report }: PushDeps): Promise<string | undefined> {
  const { registrations, keeper } = register
  let missing: string | undefined = 'nothing was kept of an earlier process'
  try {
    await keeper.load((kept) => {
      if (kept === undefined) return
      const { instances, unusable } = kept
      // Otherwise who left meanwhile would stay on disk.
      if (registrations.restore(instances) < instances.length) keeper.changed()
      report({ kind: 'restored', instances: registrations.size() })
      const [why] = unusable
      if (why === undefined) {
        missing = undefined
        register.settledMs = clock.monotonic()
      } else {
        missing = `${unusable.length} of ${instances.length + unusable.length} that were kept cannot be used`
        report({ kind: 'unusable', instances: unusable.length, why })
      }
    })
    return missing
  } finally {
    registrations.restore([])
  }
}
