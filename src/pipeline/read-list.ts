import { isDeepStrictEqual } from 'node:util'
import type { Document } from '../model/document.ts'
import type { InventoryRecord, Json } from '../model/record.ts'
import { isSameRecord } from '../model/record-key.ts'
import { decode } from './decode.ts'
import type { Part } from './page-signs.ts'
import type { Select } from './select.ts'

/** The configuration of one list of records, compiled once. */
export interface ListPlan {
  readonly select: Select
  /** Whether `select` returns a list of the document unchanged, whatever is in the list. */
  readonly selectsAll?: boolean
  /** Throws a RefreshError when the documents show that there are further records. */
  readonly assertWhole?: (parts: readonly Part[]) => void
}

/**
 * Reads the records of a list from documents, which are its pages or the whole list.
 * @param onDocument called with each document, and the number of records selected in it
 * @returns the records by document, without those that overlapping pages repeat
 * @throws RefreshError when the documents hold no list of records, or a part of one
 */
export function readList(
  documents: readonly Document[],
  plan: ListPlan,
  onDocument: (document: Json, selected: number) => void = () => {},
): (readonly InventoryRecord[])[] {
  const parts = documents.map((document) => {
    const { name, answer, isJoined = false } = document
    const decoded = decode(document)
    const records = plan.select(decoded, name, answer?.headers)
    onDocument(decoded, records.length)
    return { document: decoded, records, name, answer, isJoined }
  })
  plan.assertWhole?.(parts)
  let last: InventoryRecord | undefined
  return parts.map(({ records, isJoined }) => {
    const [first] = records
    // Behind a filter, other records may be there, even with the same id.
    const isSame = plan.selectsAll === true ? isSameRecord : isDeepStrictEqual
    const isAgain = isJoined && first !== undefined && last !== undefined && isSame(first, last)
    last = records.at(-1) ?? last
    return isAgain ? records.slice(1) : records
  })
}
