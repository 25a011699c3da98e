import { isUtf8 } from 'node:buffer'
import { RefreshError } from '../base/errors.ts'
import type { MappedTarget, Mapping } from '../mapping/mapping.ts'
import type { Document } from '../model/document.ts'
import type { InventoryRecord } from '../model/record.ts'
import type { Target, TargetGroup } from '../model/target-group.ts'
import type { RelabelRule } from '../relabel/relabel.ts'
import { relabelChecked } from './apply-rules.ts'
import { decode } from './decode.ts'
import { splitJson } from './json-parts.ts'
import { createPacker } from './pack.ts'
import { createTally, type Report, type Tally } from './report.ts'
import type { Select } from './select.ts'

/** Everything that a source's configuration decides about its records, compiled once. */
export interface Plan {
  readonly select: Select
  /** Whether it selects a list as it stands in the document, whatever is in the list. */
  readonly selectsAll?: boolean
  readonly map: Mapping
  readonly rules: readonly RelabelRule[]
}

/** The groups of one list, and what became of its records. */
export interface Result {
  readonly groups: readonly TargetGroup[]
  readonly report: Report
}

/**
 * The pipeline: documents → records → targets → groups. A pure function: the same bytes and plan give
 * the same result, wherever it runs.
 * @throws RefreshError when the documents hold no list of records, or records of which none is a target
 */
export function runPipeline(documents: readonly Document[], plan: Plan): Result {
  const [document] = documents
  const read = documents.length === 1 ? readInParts(document as Document, plan) : undefined
  return (read ?? readWhole(documents, plan)).result()
}

function readWhole(documents: readonly Document[], plan: Plan): Collector {
  const collector = createCollector(plan)
  const lists = documents.map((document) => plan.select(decode(document), document.name))
  for (const records of lists) collector.add(records)
  return collector
}

/** Shorter documents are read at once. */
const MIN_BYTES_FOR_PARTS = 262_144

/** Reads a long list of records a part at a time; undefined when it has to be read as a whole. */
function readInParts({ bytes, format, name }: Document, plan: Plan): Collector | undefined {
  if (plan.selectsAll !== true || format.kind !== 'json' || bytes.byteLength < MIN_BYTES_FOR_PARTS)
    return undefined
  const parts = isUtf8(bytes) ? splitJson(bytes) : undefined
  if (parts === undefined) return undefined
  const collector = createCollector(plan)
  let count = 0
  try {
    for (const records of parts.items()) {
      collector.add(records)
      count += records.length
    }
    const selected = plan.select(parts.frame(count), name)
    return selected.length === count && selected[0] === parts.marker ? collector : undefined
  } catch (error) {
    // Whatever is wrong with it, it is told of the whole.
    if (error instanceof SyntaxError || error instanceof RefreshError) return undefined
    throw error
  }
}

/** What becomes of records, one after the other. */
interface Collector {
  add(records: readonly InventoryRecord[]): void
  /** @throws RefreshError when there were records, but no target */
  result(): Result
}

function createCollector(plan: Plan): Collector {
  const packer = createPacker()
  const tally = createTally()
  let count = 0

  function take(record: InventoryRecord, index: number): void {
    const mapped = plan.map(record)
    for (const rejection of mapped.rejections) tally.reject(index, rejection)
    for (const reason of mapped.droppedLabels) tally.dropLabel(reason)
    for (const target of mapped.targets) {
      const kept = applyRules(target, plan, tally, index)
      if (kept !== undefined) packer.add(kept)
    }
  }

  return {
    add(records) {
      for (const record of records) take(record, count++)
    },
    result() {
      const report = { records: count, ...tally.counts() }
      // A list full of rubbish is a broken inventory, not an empty one: an empty list would be believed.
      if (packer.isEmpty() && report.dropped === 0 && report.rejected.size > 0) {
        throw new RefreshError(
          'all_rejected',
          `not one of ${count} records makes a target; the first: ${report.samples[0]?.detail}`,
        )
      }
      return { groups: packer.groups(), report }
    },
  }
}

/** The target as the rules leave it; undefined when they drop it or leave no target. */
function applyRules(target: MappedTarget, plan: Plan, tally: Tally, index: number): Target | undefined {
  if (plan.rules.length === 0 && target.asWritten === undefined) return target
  const result = relabelChecked(target, plan.rules, tally.dropLabel)
  if ('target' in result) return result.target
  if ('rejection' in result) tally.reject(index, result.rejection)
  else tally.drop()
  return undefined
}
