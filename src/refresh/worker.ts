import type { RefreshFailureReason } from '../base/errors.ts'
import type { Document } from '../model/document.ts'
import { compilePlan, type PlanOptions } from '../pipeline/plan.ts'
import type { GuardOptions, HeldDrop, Weighed } from '../snapshot/guard.ts'
import { weigh } from '../snapshot/weigh.ts'
import { asRefreshError } from './as-refresh-error.ts'
import { type Built, build } from './build.ts'

/** What a thread needs to build a list: documents, and a plan that is not compiled, since functions cannot travel. */
export interface BuildTask {
  readonly documents: readonly Document[]
  readonly options: PlanOptions
}

/** What a thread needs to weigh a list. */
export interface WeighTask {
  readonly served: Uint8Array | undefined
  readonly offered: Uint8Array
  readonly before: HeldDrop | undefined
  readonly options: GuardOptions
}

/** What was built, or why nothing was: the class of an error does not travel. */
export type BuildAnswer =
  | Built
  | { readonly failed: { readonly reason: RefreshFailureReason; readonly message: string } }

/** The work of {@link build} in a thread of its own. */
export function buildInThread({ documents, options }: BuildTask): BuildAnswer {
  try {
    const built = build(documents, compilePlan(options))
    return { ...built, body: shared(built.body) }
  } catch (error) {
    const { reason, message } = asRefreshError(error)
    return { failed: { reason, message } }
  }
}

/** The work of {@link weigh} in a thread of its own. */
export function weighInThread({ served, offered, before, options }: WeighTask): Weighed {
  return weigh(served, offered, before, options)
}

/** The same bytes in memory that all threads can read: they travel, there and back, without being copied again. */
function shared(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(new SharedArrayBuffer(bytes.byteLength))
  copy.set(bytes)
  return copy
}
