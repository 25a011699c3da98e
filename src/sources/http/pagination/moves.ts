import { isDeepStrictEqual } from 'node:util'
import { RefreshError } from '../../../base/errors.ts'
import type { InventoryRecord } from '../../../model/record.ts'
import { identityOf } from '../../../model/record-key.ts'
import type { Page, Pagination } from './options.ts'

/** The list changed while its pages were read: a record that was there all along may be on none of them. */
export class MovedError extends RefreshError {
  /** What shows it, when that may be how the list always is: the sizes of its pages, or a total that only grew. */
  readonly doubt: string | undefined

  constructor(message: string, doubt?: string) {
    super('pagination', message)
    this.name = 'MovedError'
    this.doubt = doubt
  }
}

/** What is known of the pages of an inventory from the readings before. */
export interface PageHabits {
  /** The doubt of the reading before, when only this showed that the list moved. */
  doubt?: string | undefined
  /** Pages in the middle are short although nothing moves: of some, records are left out that one may not see. */
  hasShortPages: boolean
}

/** What a page holds, as far as it shows whether the list moved. */
export interface PageItems {
  /** Its items, without the one that it was asked to begin with. */
  readonly list: readonly InventoryRecord[]
  /** Whether it was asked to begin with the last item of the pages before, and does. */
  readonly isJoined: boolean
  /** How many records it says that there are, by where it says so. */
  readonly totals: ReadonlyMap<string, number>
}

/** The doubt that a total raises which only grew. */
const GROWTH = 'growth'

/** Whether a number counts what is left of a list, rather than all of it. */
export function isRest({ now, before, received }: Record<'now' | 'before' | 'received', number>): boolean {
  return Math.abs(now + received - before) < Math.abs(now - before)
}

/** Looks whether a list moves while its pages are read. */
export interface Moves {
  /** @throws MovedError when a page proves that it did */
  add(items: PageItems, page: Page): void
  /** @throws MovedError when all pages together prove it */
  assertStill(): void
  /** Whether each page began with the last record of the one before: then nothing can have been missed. */
  isProven(): boolean
  /** Whether no page so far has two records of one id. */
  isUnique(): boolean
}

/**
 * Starts with the first page. What proves that a list moved: a record that was on an earlier page, a total that
 * changed, a short page that is not the last. When each page begins with the last record of the one before, none of
 * these matters: what follows that record is what followed it then.
 */
export function createMoves({ style }: Pagination, habits: PageHabits): Moves {
  const isNumbered = style.kind === 'page' || style.kind === 'offset'
  const seen = new Set<number>()
  const sizes: number[] = []
  let first: ReadonlyMap<string, number> = new Map()
  /** The totals that are others than on the first page, and the page that says so. */
  const latest = new Map<string, { readonly total: number; readonly on: string }>()
  /** What tells of the first total that grew. Records that are added hide none, unless others were removed. */
  let growth: string | undefined
  let last: InventoryRecord | undefined
  let received = 0
  /** Of the pages after the first, how many begin with the last record before them, and how many do not. */
  let joined = 0
  let apart = 0
  let doubt: string | undefined
  /** Whether no page has a record twice, so that a record that comes again comes from a list that moved. */
  let isUnique = true

  /** Throws, or where pages are joined, keeps in mind, what proves that the list moved. */
  function moved(message: string): void {
    if (apart > 0 || joined === 0) throw new MovedError(message)
    doubt ??= message
  }

  /** Whether a record is the last of the pages before. */
  function isAgain(head: InventoryRecord | undefined): boolean {
    if (head === undefined || last === undefined) return false
    return isUnique ? identityOf(head) === identityOf(last) : isDeepStrictEqual(head, last)
  }

  /** Notes how a page follows the one before it. */
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
    // What is not more than the first page counts its items.
    if (sizes.length === 0) first = new Map([...totals].filter(([, total]) => total > length))
    for (const [place, before] of first) {
      const now = totals.get(place)
      if (now === undefined) continue
      // Of a list that is read by key; what is before the key is not looked at any more.
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
