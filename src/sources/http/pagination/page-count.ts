import { isDeepStrictEqual } from 'node:util'
import { RefreshError } from '../../../base/errors.ts'
import { isObject, type Json, kindOf } from '../../../model/record.ts'
import { isSameRecord } from '../../../model/record-key.ts'
import { createMoves, isRest, MovedError, type PageHabits } from './moves.ts'
import type { Page, Pagination } from './options.ts'

/** Counts the pages and items of one reading. */
export interface PageCount {
  /**
   * Counts a page.
   * @param isJoined whether it was requested to begin with the last item of the previous pages
   * @throws RefreshError when the page cannot be correct
   */
  add(content: Json, page: Page, isJoined: boolean): void
  /** The number of pages so far. */
  pages(): number
  /** The number of items on all pages so far. */
  received(): number
  /** Whether the next page can begin with the last item. Not if pages have one item: then no page would be the last. */
  canJoin(): boolean
  /** A suggestion for has_more: an expression that is false on the last page, by its length. */
  endsWith(): string | undefined
  /** Whether the reading is complete: the last page was empty, or only repeats items that were received already. */
  isComplete(): boolean
  /** Throws RefreshError when the inventory declared more items than were received, or changed during the reading. */
  assertComplete(): void
}

/** Creates a count of zero. */
export function createPageCount(pagination: Pagination, habits: PageHabits): PageCount {
  const { style, items, total } = pagination
  const isNumbered = style.kind === 'page' || style.kind === 'offset'
  const counts = isNumbered || total !== undefined
  const moves = pagination.isComplete ? undefined : createMoves(pagination, habits)
  let pages = 0
  let received = 0
  let [least, most] = [Number.POSITIVE_INFINITY, 0]
  /** Whether the total counts the items after a key: then each page gives a current total. */
  let countsRest = false
  /** The last page, and how many items of it were new. */
  let last: readonly Json[] = []
  let added = 0
  /** The number of items of the first page, and the expression that selects them. */
  let first = 0
  let place: string | undefined

  /** The list of a page without the overlapping item. */
  function without(list: readonly Json[], name: string): readonly Json[] {
    const [head] = list
    if (head !== undefined && isLastOf(last, { head, list }, moves?.isUnique() === true)) return list.slice(1)
    throw new MovedError(`${name} does not begin with the last record of the page before it (${WAY_OUT})`)
  }

  function totalsOf(content: Json, list: readonly Json[], { document: { name }, headers }: Page) {
    if (total === undefined) return moves === undefined ? NONE : pagination.totals(content, list, headers)
    const declared = readTotal(total(content, name, headers), name)
    const rest = style.kind === 'cursor' && pages > 1 && isRest({ now: declared, before: most, received })
    countsRest ||= rest
    least = Math.min(least, rest ? declared + received : declared)
    most = Math.max(most, declared)
    return new Map([['pagination.total', declared]])
  }

  return {
    add(content, page, isJoined) {
      const { name } = page.document
      let list = counts ? items(content, name, page.headers) : pagination.list(content)
      const isRepeated = isNumbered && list.length > 0 && isDeepStrictEqual(list, last)
      // Some inventories answer a request beyond the end with the last page.
      if (isRepeated && (total === undefined || received < most)) {
        throw sameItems(name, isJoined)
      }
      if (pages === 0) [first, place] = [list.length, placeOf(list, content)]
      if (isRepeated) list = []
      const fresh = isJoined && !isRepeated ? without(list, name) : list
      last = list
      pages += 1
      const totals = totalsOf(content, list, page)
      moves?.add({ list: fresh, isJoined, totals }, page)
      received += fresh.length
      added = fresh.length
    },
    pages: () => pages,
    received: () => received,
    canJoin: () => added > 0 && last.length > 1,
    endsWith: () =>
      last.length < first && place !== undefined ? `length(${place}) == \`${first}\`` : undefined,
    // Never because all declared items are here: some servers declare fewer than there are.
    isComplete: () => last.length === 0,
    assertComplete() {
      // Where no item can have been missed, items that were added and removed behind the reading do not matter.
      const declared = countsRest || moves?.isProven() === true ? least : most
      if (total !== undefined && received < declared) {
        throw new RefreshError(
          'pagination',
          `received ${received} of ${declared} items; the inventory changed while it was read, or pagination.total or pagination.items count something else`,
        )
      }
      moves?.assertStill()
    },
  }
}

/**
 * Whether a list begins with the last item of the previous page, even if a field of that item has changed.
 * @param isUnique whether no previous page has two items with the same id
 */
function isLastOf(
  before: readonly Json[],
  { head, list }: { head: Json; list: readonly Json[] },
  isUnique: boolean,
): boolean {
  // There is one: after an empty page no overlap is requested.
  const item = before.at(-1) as Json
  if (isDeepStrictEqual(head, item)) return true
  if (!isUnique || !isSameRecord(head, item)) return false
  // An id identifies the item only where no other item has it.
  const isAlone = (page: readonly Json[]) => page.filter((one) => isSameRecord(one, item)).length === 1
  return isAlone(before) && isAlone(list)
}

/** The JMESPath expression for a list at the top level of a page; undefined when it is deeper. */
function placeOf(list: readonly Json[], page: Json): string | undefined {
  if (page === list) return '@'
  const key = isObject(page) ? Object.keys(page).find((one) => page[one] === list) : undefined
  return key === undefined || !/^[A-Za-z_]\w*$/.test(key) ? undefined : key
}

const NONE: ReadonlyMap<string, number> = new Map()

/** The advice when a page cannot begin with the last item of the previous one. */
const WAY_OUT = 'set offset: { overlap: false } if the inventory accepts only multiples of the page size'

function sameItems(name: string, isJoined: boolean): RefreshError {
  const told = `${name} holds the same items as the page before it: the inventory seems to ignore the requested page; check the name in parameter or body_field`
  return new RefreshError('pagination', isJoined ? `${told} (${WAY_OUT})` : told)
}

function readTotal(value: Json, name: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  const given = typeof value === 'number' ? value : kindOf(value)
  throw new RefreshError(
    'pagination',
    `${name}: pagination.total gave ${given}, not a whole number; use to_number(…) to convert a text`,
  )
}
