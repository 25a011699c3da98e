import { isDeepStrictEqual } from 'node:util'
import { asRefreshError, RefreshError } from '../base/errors.ts'
import type { Mapped } from '../mapping/mapping.ts'
import { type Rejection, shown } from '../mapping/rejection.ts'
import { isBlocked, type Path, shownPath, valueAt } from '../mapping/template.ts'
import type { Document } from '../model/document.ts'
import { type InventoryRecord, isObject, type Json, kindOf } from '../model/record.ts'
import { type ListPlan, readList } from './read-list.ts'

/** A join: how records find their partners in another list. Compiled once. */
export interface JoinPlan extends ListPlan {
  /** The field of a record that is replaced by its partner. */
  readonly name: string
  /** The path of the key in a partner. */
  readonly by: Path
  /** The path of the partner's key in a record. */
  readonly from: Path
  /** Whether a record may lack its partner. */
  readonly isOptional: boolean
}

/** The lists that records are joined with. */
export interface Joins {
  readonly lists: readonly JoinPlan[]
  /** Makes the result for a record that cannot be joined. */
  readonly refuse: (fault: Rejection) => Mapped
}

/** A record with its partners. */
export interface Joined {
  readonly record: InventoryRecord
  /** The fault of a record whose partner is missing. It replaces every other result. */
  readonly refused?: Mapped
}

/** The documents of the main list. */
export function ownDocuments(documents: readonly Document[]): readonly Document[] {
  return documents.filter(({ join }) => join === undefined)
}

/**
 * Joins records with those of other lists, in the order of the joins: a later join may use the partner of an earlier one.
 * A record without a key gets null. A record whose partner is missing is quarantined.
 * @param documents of all lists
 * @throws RefreshError when the documents of a join have no list
 */
export function createJoin(
  documents: readonly Document[],
  { lists, refuse }: Joins,
): (record: InventoryRecord) => Joined {
  const lookups = lists.map((join) => {
    const own = documents.filter((document) => document.join === join.name)
    return { name: join.name, look: createLookup(own, join) }
  })
  return (whole) => {
    let record = whole
    if (!isObject(record)) return { record }
    for (const { name, look } of lookups) {
      const found = look(record)
      const isFault = typeof found === 'object' && found !== null && FAULT in found
      record = { ...record, [name]: isFault ? null : found }
      if (isFault) return { record, refused: refuse(found[FAULT]) }
    }
    return { record }
  }
}

/** Marks a fault in place of a partner. */
const FAULT = Symbol('fault')

interface Fault {
  readonly [FAULT]: Rejection
}

/** Stands for several different records with the same key. */
const SEVERAL = Symbol('several')

function createLookup(
  documents: readonly Document[],
  join: JoinPlan,
): (record: InventoryRecord) => Json | Fault {
  const { by, from, isOptional } = join
  const index = indexOf(documents, join)
  const label = `with.${join.name}`
  const fault = (detail: string): Fault => ({
    [FAULT]: { reason: 'not_joined', detail: `${label}: ${detail}` },
  })
  return (record) => {
    const value = valueAt(record, from)
    if (value === undefined && isBlocked(record, from)) {
      return fault(`${shownPath(from)} leads through something that has no such field`)
    }
    if (value === undefined || value === null || value === '') return null
    const key = keyText(value)
    if (key === undefined) return fault(`${shownPath(from)} is ${kindOf(value)}, which cannot be a key`)
    const found = index.get(key)
    if (found === SEVERAL) return fault(`several records have ${shown(value)} as ${shownPath(by)}`)
    if (found !== undefined) return found
    return isOptional ? null : fault(`no record has ${shown(value)} as ${shownPath(by)}`)
  }
}

/** The records of a list by key. */
function indexOf(documents: readonly Document[], join: JoinPlan): Map<string, Json | typeof SEVERAL> {
  const index = new Map<string, Json | typeof SEVERAL>()
  for (const record of readOf(documents, join).flat()) {
    const key = keyText(valueAt(record, join.by))
    if (key === undefined) continue
    const before = index.get(key)
    const isOther = before !== undefined && !isDeepStrictEqual(before, record)
    index.set(key, isOther ? SEVERAL : record)
  }
  return index
}

/** Adds the name of the list to an error. */
function readOf(documents: readonly Document[], join: JoinPlan): ReturnType<typeof readList> {
  try {
    return readList(documents, join)
  } catch (error) {
    const { reason, message } = asRefreshError(error)
    throw new RefreshError(reason, message, { cause: error, join: join.name })
  }
}

/** The key as a text, because a table has texts where another list has numbers. */
function keyText(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' ? String(value) : undefined
}
