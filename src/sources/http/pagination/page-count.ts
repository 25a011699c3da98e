import { isDeepStrictEqual } from 'node:util'
import { RefreshError } from '../../../base/errors.ts'
import { isObject, type Json, kindOf } from '../../../model/record.ts'
import { isSameRecord } from '../../../model/record-key.ts'
import { createMoves, isRest, MovedError, type PageHabits } from './moves.ts'
import type { Page, Pagination } from './options.ts'

/** What the pages of one reading hold so far. */
export interface PageCount {
  /**
   * Takes a page into account.
   * @param isJoined whether it was asked for with the last item of the pages before
   * @throws RefreshError when it cannot be right
   */
  add(content: Json, page: Page, isJoined: boolean): void
  /** How many pages there were. */
  pages(): number
  /** How many items there were on all pages. */
  received(): number
  /** Whether the next page can be asked to begin with the last item: one that has nothing else would tell no end. */
  canJoin(): boolean
  /** An expression that is false on the last page, as far as its length tells. */
  endsWith(): string | undefined
  /** Whether there is nothing left to ask for: the last page was empty, or only repeats what is here already. */
  isComplete(): boolean
  /** Throws RefreshError when the inventory declared more items than it gave, or changed while it was read. */
  assertComplete(): void
}

/** Starts counting at nothing. */
export function createPageCount(pagination: Pagination, habits: PageHabits): PageCount {
  const { style, items, total } = pagination
  const isNumbered = style.kind === 'page' || style.kind === 'offset'
  const counts = isNumbered || total !== undefined
  const moves = pagination.isComplete ? undefined : createMoves(pagination, habits)
  let pages = 0
  let received = 0
  let [least, most] = [Number.POSITIVE_INFINITY, 0]
  /** Whether what follows a key is counted: then each page tells how many there are now. */
  let countsRest = false
  /** The last page, and how many items of it were new. */
  let last: readonly Json[] = []
  let added = 0
  /** How many items the first page has, and where: the expression that finds them. */
  let first = 0
  let place: string | undefined

  /** The list of a page without the item that it was asked to begin with. */
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
      // Some answer beyond the end with the last page again.
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
      // What came and went after its place was read is no matter where nothing can have been missed.
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
 * Whether a list begins with the last item of the page before, although something in it may have changed since.
 * @param isUnique whether no page before has two items of one id
 */
function isLastOf(
  before: readonly Json[],
  { head, list }: { head: Json; list: readonly Json[] },
  isUnique: boolean,
): boolean {
  // There is one: nothing is asked for again after a page without any.
  const item = before.at(-1) as Json
  if (isDeepStrictEqual(head, item)) return true
  if (!isUnique || !isSameRecord(head, item)) return false
  // What is called alike is the same only where nothing else is called so.
  const isAlone = (page: readonly Json[]) => page.filter((one) => isSameRecord(one, item)).length === 1
  return isAlone(before) && isAlone(list)
}

/** The JMESPath expression of a list that is right in a page; undefined when it is not. */
function placeOf(list: readonly Json[], page: Json): string | undefined {
  if (page === list) return '@'
  const key = isObject(page) ? Object.keys(page).find((one) => page[one] === list) : undefined
  return key === undefined || !/^[A-Za-z_]\w*$/.test(key) ? undefined : key
}

const NONE: ReadonlyMap<string, number> = new Map()

/** What to write when the last item of a page cannot be asked for again. */
const WAY_OUT =
  'offset: { overlap: false } is for an inventory that takes only multiples of the size of a page'

function sameItems(name: string, isJoined: boolean): RefreshError {
  const told = `${name} holds the same items as the page before it: the inventory seems to ignore what is asked for; check the name in parameter or body_field`
  return new RefreshError('pagination', isJoined ? `${told} (${WAY_OUT})` : told)
}

function readTotal(value: Json, name: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  const given = typeof value === 'number' ? value : kindOf(value)
  throw new RefreshError(
    'pagination',
    `${name}: pagination.total gave ${given}, not a whole number; to_number(…) makes one of a text`,
  )
}
