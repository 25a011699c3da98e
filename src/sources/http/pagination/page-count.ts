import { isDeepStrictEqual } from 'node:util'
import { RefreshError } from '../../../base/errors.ts'
import { type Json, kindOf } from '../../../model/record.ts'
import type { Page, Pagination } from './options.ts'

/** What the pages of one reading hold so far. */
export interface PageCount {
  /** Takes a page into account. Throws RefreshError when it cannot be right. */
  add(content: Json, page: Page): void
  /** How many pages there were. */
  pages(): number
  /** How many items there were on all pages. */
  received(): number
  /** Whether there is nothing left to ask for: the last page was empty, or only repeats what is here already. */
  isComplete(): boolean
  /** Throws RefreshError when the inventory declared more items than it gave. */
  assertComplete(): void
}

/** Starts counting at nothing. */
export function createPageCount({ style, items, total }: Pagination): PageCount {
  const isNumbered = style.kind === 'page' || style.kind === 'offset'
  const counts = isNumbered || total !== undefined
  let pages = 0
  let received = 0
  let declared: number | undefined
  let last: readonly Json[] = []

  return {
    add(content, { document: { name }, headers }) {
      let list = counts ? items(content, name, headers) : []
      if (isNumbered && list.length > 0 && isDeepStrictEqual(list, last)) {
        // Some answer beyond the end with the last page again.
        if (declared === undefined || received < declared) {
          throw new RefreshError('pagination', `${name} ${SAME_ITEMS}`)
        }
        list = []
      }
      last = list
      pages += 1
      received += list.length
      // The largest that any page declares: when an item goes while the pages are read, those behind it move
      // up, and the one that moves over the edge of a page is on none.
      if (total !== undefined)
        declared = Math.max(declared ?? 0, readTotal(total(content, name, headers), name))
    },
    pages: () => pages,
    received: () => received,
    // Never because all declared items are here: some servers declare fewer than there are.
    isComplete: () => last.length === 0,
    assertComplete() {
      if (declared === undefined || received >= declared) return
      throw new RefreshError(
        'pagination',
        `received ${received} of ${declared} items; the inventory changed while it was read, or pagination.total or pagination.items count something else`,
      )
    },
  }
}

const SAME_ITEMS =
  'holds the same items as the page before it: the inventory seems to ignore what is asked for; check the name in parameter or body_field'

function readTotal(value: Json, name: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  const given = typeof value === 'number' ? value : kindOf(value)
  throw new RefreshError(
    'pagination',
    `${name}: pagination.total gave ${given}, not a whole number; to_number(…) makes one of a text`,
  )
}
