import { isDeepStrictEqual } from 'node:util'
import type { Document } from '../model/document.ts'
import type { InventoryRecord, Json } from '../model/record.ts'
import { isSameRecord } from '../model/record-key.ts'
import { decode } from './decode.ts'
import type { Part } from './page-signs.ts'
import type { Select } from './select.ts'

/** What the configuration decides about one list of records, compiled once. */
export interface ListPlan {
  readonly select: Select
  /** Whether it selects a list as it stands in the document, whatever is in the list. */
  readonly selectsAll?: boolean
  /** Throws a RefreshError when the documents say that there is more than what is in them. */
  readonly assertWhole?: (parts: readonly Part[]) => void
}

/**
 * Reads the records of a list from documents, which are the whole of it or its pages.
 * @param onDocument is handed each document, and how many records were selected in it
 * @returns them document by document, without those that pages have in common
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
    // Behind a filter other records may stand there, with the same id too.
    const isSame = plan.selectsAll === true ? isSameRecord : isDeepStrictEqual
    const isAgain = isJoined && first !== undefined && last !== undefined && isSame(first, last)
    last = records.at(-1) ?? last
    return isAgain ? records.slice(1) : records
  })
}
