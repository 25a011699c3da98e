import { isDeepStrictEqual } from 'node:util'
import { RefreshError } from '../../../base/errors.ts'
import type { InventoryRecord } from '../../../model/record.ts'
import { identityOf } from '../../../model/record-key.ts'
import type { Page, Pagination } from './options.ts'

/** The list changed while its pages were read: a record that it contains may be missing from all pages. */
export class MovedError extends RefreshError {
  /** The evidence, when it is uncertain because the list may always be like this: page sizes, or a total that grew. */
  readonly doubt: string | undefined

  constructor(message: string, doubt?: string) {
    super('pagination', message)
    this.name = 'MovedError'
    this.doubt = doubt
  }
}

/** What earlier readings showed about the pages of an inventory. */
export interface PageHabits {
  /** The doubt of the previous reading, when it was the only evidence that the list moved. */
  doubt?: string | undefined
  /** Pages in the middle are short although the list does not move: the inventory hides some records. */
  hasShortPages: boolean
}

/** The parts of a page that show whether the list moved. */
export interface PageItems {
  /** Its items, without the overlapping one. */
  readonly list: readonly InventoryRecord[]
  /** Whether it was requested to begin with the last item of the previous pages, and does. */
  readonly isJoined: boolean
  /** The totals that it declares, by the place where each is found. */
  readonly totals: ReadonlyMap<string, number>
}

/** The doubt when a total only grew. */
const GROWTH = 'growth'

/** Whether a total counts the rest of a list instead of all of it. */
export function isRest({ now, before, received }: Record<'now' | 'before' | 'received', number>): boolean {
  return Math.abs(now + received - before) < Math.abs(now - before)
}

/** Detects that a list moves while its pages are read. */
export interface Moves {
  /** @throws MovedError when a page proves that the list moved */
  add(items: PageItems, page: Page): void
  /** @throws MovedError when all pages together prove that the list moved */
  assertStill(): void
  /** Whether each page began with the last record of the previous one: then no record was missed. */
  isProven(): boolean
  /** Whether no page so far has two records with the same id. */
  isUnique(): boolean
}

/**
 * Starts with the first page. A list moved when a record was on an earlier page, a total changed, or a page other than
 * the last one is short. None of these matters when each page begins with the last record of the previous one: then
 * the records after it are the same as before.
 */
export function createMoves({ style }: Pagination, habits: PageHabits): Moves {
  const isNumbered = style.kind === 'page' || style.kind === 'offset'
  const seen = new Set<number>()
  const sizes: number[] = []
  let first: ReadonlyMap<string, number> = new Map()
  /** The totals that differ from those on the first page, and the page that declares them. */
  const latest = new Map<string, { readonly total: number; readonly on: string }>()
  /** The message about the first total that grew. Added records hide no others, unless records were removed too. */
  let growth: string | undefined
  let last: InventoryRecord | undefined
  let received = 0
  /** Of the pages after the first: how many begin with the last record of the previous page, and how many do not. */
  let joined = 0
  let apart = 0
  let doubt: string | undefined
  /** Whether no page has a record twice: only then does a repeated record prove that the list moved. */
  let isUnique = true

  /** Throws evidence that the list moved, or, while all pages are joined, remembers it. */
  function moved(message: string): void {
    if (apart > 0 || joined === 0) throw new MovedError(message)
    doubt ??= message
  }

  /** Whether a record is the last one of the previous pages. */
  function isAgain(head: InventoryRecord | undefined): boolean {
    if (head === undefined || last === undefined) return false
    return isUnique ? identityOf(head) === identityOf(last) : isDeepStrictEqual(head, last)
  }

  /** Counts whether a page is joined to the previous one. */
  function noteStep(isStep: boolean): void {
    if (last === undefined) return
    if (isStep) joined += 1
    else apart += 1
    if (apart > 0 && doubt !== undefined) throw new MovedError(doubt)
  }

  function noteTotal(
    { total, on }: { total: number; on: string },
    { place, now, name }: { place: string; now: number; name: string },
  ): void {
    if (now === total) return
    const told = `${place} was ${total} on ${on} and is ${now} on ${name}`
    if (now < total) moved(told)
    else growth ??= told
    latest.set(place, { total: now, on: name })
  }

  function noteTotals(totals: ReadonlyMap<string, number>, length: number, name: string): void {
    // A total that is no larger than the first page counts the items of that page.
    if (sizes.length === 0) first = new Map([...totals].filter(([, total]) => total > length))
    for (const [place, before] of first) {
      const now = totals.get(place)
      if (now === undefined) continue
      // A list that is read by key: its total no longer counts the records before the key.
      if (style.kind === 'cursor' && isRest({ now, before, received })) continue
      noteTotal(latest.get(place) ?? { total: before, on: 'page 1' }, { place, now, name })
    }
  }

  function noteRecords(marks: readonly number[], name: string): void {
    const again = isUnique ? marks.findIndex((mark) => seen.has(mark)) : -1
    if (again !== -1) moved(`record ${again + 1} of ${name} was on an earlier page already`)
    if (isUnique) for (const mark of marks) seen.add(mark)
  }

  return {
    add({ list, isJoined, totals }, { document: { name } }) {
      const marks = list.map(identityOf)
      if (new Set(marks).size < marks.length) isUnique = false
      const begins = !isJoined && isAgain(list[0])
      if (list.length > 0) noteStep(isJoined || begins)
      noteTotals(totals, list.length, name)
      noteRecords(begins ? marks.slice(1) : marks, name)
      if (begins) moved(`${name} begins with the last record of the page before it`)
      received += list.length
      last = list.at(-1) ?? last
      sizes.push(list.length)
    },
    assertStill() {
      const isProven = joined > 0 && apart === 0
      if (growth !== undefined && !isProven && habits.doubt !== GROWTH) throw new MovedError(growth, GROWTH)
      const filled = sizes.slice(
        0,
        sizes.findLastIndex((size) => size > 0),
      )
      const largest = sizes.reduce((most, size) => Math.max(most, size), 0)
      const short = filled.findIndex((size) => size < largest)
      if (!isNumbered || joined > 0 || habits.hasShortPages || short === -1) return
      const now = sizes.join(' ')
      if (habits.doubt !== now) {
        throw new MovedError(
          `page ${short + 1} has ${filled[short]} records, fewer than others, and is not the last`,
          now,
        )
      }
      habits.hasShortPages = true
    },
    isProven: () => joined > 0 && apart === 0,
    isUnique: () => isUnique,
  }
}
