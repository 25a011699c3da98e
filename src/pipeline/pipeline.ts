import { RefreshError } from '../base/errors.ts'
import type { Mapped, MappedTarget, Mapping } from '../mapping/mapping.ts'
import type { LabelDropReason } from '../mapping/rejection.ts'
import type { Document, Format } from '../model/document.ts'
import { type InventoryRecord, isObject, type Json, plain } from '../model/record.ts'
import { hashKey, NO_KEY, usualKey } from '../model/record-key.ts'
import { placeOf, type Target } from '../model/target-group.ts'
import type { RelabelRule } from '../relabel/relabel.ts'
import { type Relabelled, relabelChecked } from './apply-rules.ts'
import { createJoin, type Joins, ownDocuments } from './join.ts'
import {
  createPartReader,
  findLongList,
  HEAD_BYTES,
  JsonSyntaxError,
  LongItemError,
  type LongList,
  NotInPartsError,
  PartsError,
} from './json-parts.ts'
import { createPacker, type Packed } from './pack.ts'
import { LINKS } from './page-signs.ts'
import { type ListPlan, readList } from './read-list.ts'
import { createTally, type NumberedRecord, type Report } from './report.ts'

/** The configuration of a source that applies to its records, compiled once. */
export interface Plan extends ListPlan {
  /** The lists that records are joined with; undefined: there are none. */
  readonly joins?: Joins
  readonly map: Mapping
  /** The mapping without the filter, if there is a filter. */
  readonly unfiltered?: Mapping
  /** Identifies a record; undefined: the usual fields do. */
  readonly keyOf?: (record: InventoryRecord) => string | undefined
  readonly rules: readonly RelabelRule[]
}

/** The groups of one list, and the report on its records. */
export interface Result extends Packed {
  readonly report: Report
  /** Key hashes of records, or of their targets, that are present but cannot be mapped. */
  readonly unreadable: ReadonlySet<number>
  /** The number of these without a key. */
  readonly keyless: number
}

/**
 * The pipeline: documents → records → targets → groups. A pure function: the same bytes and plan give the
 * same result, wherever it runs.
 * @param onRead is called when all records have been read, and the documents are not needed any more
 * @throws RefreshError when the documents hold no list of records, or all records are quarantined
 */
export function runPipeline(documents: readonly Document[], plan: Plan, onRead = () => {}): Result {
  const join = plan.joins && createJoin(documents, plan.joins)
  const own = join === undefined ? documents : ownDocuments(documents)
  const [document] = own
  const read = own.length === 1 ? readInParts(document as Document, plan, join) : undefined
  const collector = read ?? readWhole(own, plan, join)
  onRead()
  return collector.result()
}

type Join = ReturnType<typeof createJoin> | undefined

function readWhole(documents: readonly Document[], plan: Plan, join: Join): Collector {
  const collector = createCollector(plan, join)
  const lists = readList(documents, plan, (document, selected) => {
    if (plan.selectsAll !== true) collector.leaveOut(Math.max(0, objectsIn(document, 0) - selected))
  })
  for (const records of lists) collector.add(records)
  return collector
}

/** The depth to which lists are searched. */
const MAX_LIST_DEPTH = 6

/**
 * Counts the objects in the lists of a document: an expression could have selected at most so many records.
 */
function objectsIn(value: Json, depth: number): number {
  if (typeof value !== 'object' || value === null || depth > MAX_LIST_DEPTH) return 0
  const items: readonly Json[] = Array.isArray(value) ? value : Object.values(value)
  let count = 0
  for (const item of items) {
    if (Array.isArray(value) && isObject(item)) count++
    count += objectsIn(item, depth + 1)
  }
  return count
}

/** Shorter documents are read as a whole. */
const MIN_BYTES_FOR_PARTS = 262_144

/** Reads a long list of records in parts; undefined when it has to be read as a whole. */
function readInParts(document: Document, plan: Plan, join: Join): Collector | undefined {
  const { bytes } = document
  if (bytes.byteLength < MIN_BYTES_FOR_PARTS) return undefined
  const parts = openParts(document, bytes.subarray(0, HEAD_BYTES), plan, join)
  if (parts === undefined) return undefined
  try {
    parts.add(bytes)
    return parts.end()
  } catch (error) {
    // Reading it as a whole reports the error.
    if (error instanceof PartsError || error instanceof RefreshError) return undefined
    throw error
  }
}

/** Whether documents of this format with such a plan may be read in parts. */
function mayBeInParts({ kind, encoding = 'utf-8' }: Format, { selectsAll }: Plan): boolean {
  return kind === 'json' && encoding === 'utf-8' && selectsAll === true
}

/** The long list of a document; undefined when its items may say that there are others, or there is none. */
function listIn(head: Uint8Array): LongList | undefined {
  const list = findLongList(head)
  return LINKS.test(plain(list?.key ?? '')) ? undefined : list
}

/** A document that is read in parts. */
interface Parts {
  /** @throws PartsError */
  add(piece: Uint8Array): void
  /**
   * @returns undefined when its long list is not that of the records
   * @throws PartsError; RefreshError
   */
  end(): Collector | undefined
}

/**
 * Opens a document that is to be read in parts.
 * @param head its first bytes, {@link HEAD_BYTES} or all of them
 * @returns undefined when it cannot be read in parts
 */
function openParts(
  { format, name, answer }: Omit<Document, 'bytes'>,
  head: Uint8Array,
  plan: Plan,
  join: Join,
): Parts | undefined {
  const list = mayBeInParts(format, plan) ? listIn(head) : undefined
  if (list === undefined) return undefined
  const collector = createCollector(plan, join)
  const reader = createPartReader(list, collector.add)
  return {
    add: reader.add,
    end() {
      const frame = reader.end()
      const selected = plan.select(frame.document, name)
      plan.assertWhole?.([{ document: frame.document, records: selected, name, answer }])
      return selected === frame.list ? collector : undefined
    },
  }
}

/** Maps the records of a document while it arrives, so that it need not be in memory as a whole. */
export interface Stream {
  /**
   * Takes the next piece; its memory can be reused afterwards.
   * @throws RefreshError `parse`, `too_large`; NotInPartsError
   */
  add(piece: Uint8Array): void
  /**
   * Ends the document.
   * @throws RefreshError as {@link runPipeline} does; NotInPartsError when its long list is not that of the records
   */
  end(): Result
}

/** Whether a document can be mapped while it arrives. @param head its first bytes */
export function canStream({ format }: Pick<Document, 'format'>, head: Uint8Array, plan: Plan): boolean {
  return plan.joins === undefined && mayBeInParts(format, plan) && listIn(head) !== undefined
}

/**
 * Starts to map a document that {@link canStream}.
 * @param head its first bytes, which are also part of the first pieces
 */
export function openStream(document: Omit<Document, 'bytes'>, head: Uint8Array, plan: Plan): Stream {
  const parts = openParts(document, head, plan, undefined)
  if (parts === undefined) throw new NotInPartsError()
  const told = <Value>(step: () => Value): Value => {
    try {
      return step()
    } catch (error) {
      const { name } = document
      if (error instanceof JsonSyntaxError)
        throw new RefreshError('parse', `${name} is not valid JSON, ${error.message}`)
      if (error instanceof LongItemError) throw new RefreshError('too_large', `${name}: ${error.message}`)
      throw error
    }
  }
  return {
    add: (piece) => told(() => parts.add(piece)),
    end() {
      const collector = told(parts.end)
      if (collector === undefined) throw new NotInPartsError()
      return collector.result()
    },
  }
}

/** Whether a label is left out although its field is present. */
function isFault(reason: LabelDropReason): boolean {
  return reason === 'not_text' || reason === 'invalid_value'
}

/**
 * Whether a target may differ from the one that its record would make if all of the record could be mapped.
 */
function mayStandElsewhere(result: Relabelled, before: Target, isIncomplete: boolean): boolean {
  if (!('target' in result)) return 'rejection' in result || isIncomplete
  const { target, isMisplaced } = result
  const isMoved = target.address !== before.address || placeOf(target.labels) !== placeOf(before.labels)
  return isMisplaced || (isIncomplete && isMoved)
}

/** Collects the results of records, one after the other. */
interface Collector {
  add(records: readonly InventoryRecord[]): void
  /** Counts objects that the records expression left out. */
  leaveOut(count: number): void
  /** @throws RefreshError when there were records, but all are quarantined */
  result(): Result
}

function createCollector(plan: Plan, join: Join): Collector {
  const packer = createPacker()
  const tally = createTally()
  const unreadable = new Set<number>()
  const keyOf = plan.keyOf ?? usualKey
  let count = 0
  let leftOut = 0
  let notSelected = 0
  let lacking = 0
  let keyless = 0

  function noteUnreadable(key: string | undefined, slot: number): void {
    if (key === undefined) keyless++
    else unreadable.add(hashKey(key, slot))
  }

  function take(record: InventoryRecord, index: number): void {
    if (join === undefined) {
      note(record, index, plan.map(record))
      return
    }
    const joined = join(record)
    note(joined.record, index, joined.refused ?? plan.map(joined.record))
  }

  function note(record: InventoryRecord, index: number, mapped: Mapped): void {
    if (mapped.isLeftOut === true) leftOut++
    lacking += mapped.lacking
    const key = keyOf(record)
    const numbered = { record, index, key }
    for (const rejection of mapped.rejections) tally.reject(numbered, rejection)
    for (const slot of mapped.unreadable) noteUnreadable(key, slot)
    for (const reason of mapped.droppedLabels) tally.dropLabel(reason)
    const isIncomplete = mapped.droppedLabels.some(isFault)
    for (const target of mapped.targets) finish(target, numbered, isIncomplete)
  }

  /**
   * Applies the rules to a target, and packs the result.
   * @param isIncomplete whether its record lacks labels that could not be made: the rules might have used
   * them
   */
  function finish(target: MappedTarget, numbered: NumberedRecord, isIncomplete: boolean): void {
    const { key } = numbered
    const hash = key === undefined ? NO_KEY : hashKey(key, target.slot)
    if (plan.rules.length === 0 && target.fault === undefined) {
      packer.add(target, hash)
      return
    }
    const result = relabelChecked(target, plan.rules, tally.dropLabel)
    if ('target' in result) packer.add(result.target, hash)
    else if ('rejection' in result) tally.reject(numbered, result.rejection)
    else tally.drop()
    if (mayStandElsewhere(result, target, isIncomplete)) noteUnreadable(key, target.slot)
  }

  return {
    add(records) {
      for (const record of records) take(record, count++)
    },
    leaveOut(more) {
      notSelected += more
    },
    result() {
      const selected = { records: count - leftOut, notSelected: notSelected + leftOut, lacking }
      const report = { ...selected, ...tally.counts() }
      // If all records are quarantined, the inventory is broken, not empty: an empty list would be accepted
      // as one.
      const isEmpty = packer.isEmpty() && report.dropped + leftOut + lacking === 0
      if (isEmpty && report.rejected.size > 0) {
        throw new RefreshError(
          'all_rejected',
          `none of ${report.records} records makes a target; the first: ${report.samples[0]?.detail}`,
        )
      }
      return { ...packer.pack(), report, unreadable, keyless }
    },
  }
}
