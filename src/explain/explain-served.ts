import type { Moment } from '../base/clock.ts'
import type { ExplainAnswer, Explanation, Verdict } from '../model/explanation.ts'
import { groupsIn } from '../model/list.ts'
import { createMasker } from '../model/mask.ts'
import { maskText } from '../model/mask-text.ts'
import { formatSize } from '../model/size.ts'
import type { Target } from '../model/target-group.ts'
import { type LastRead, MAX_ALL_KEPT_BYTES, MAX_KEPT_BYTES } from '../refresh/compute.ts'
import type { HeldTargets, SourceState } from '../snapshot/store.ts'
import { createFieldLister } from './fields.ts'
import { findOutside } from './find-outside.ts'
import { type Explainable, fieldsOf, findRecords, type Inventory } from './find-records.ts'
import { type Age, composeAnswer, createFindings, type Findings } from './findings.ts'
import { createMakers, keyOf, type Makers } from './makers.ts'
import { nearNames } from './near.ts'
import { createMatcher, parseQuery, type Query } from './query.ts'

/** The parts of a source that are searched. */
interface Searched {
  readonly lastRead: LastRead | undefined
  readonly state: SourceState
  /** The replica that reads it; undefined: this replica. */
  readonly reader?: string | undefined
}

/** A configured source whose targets can be explained. */
export interface ServedSource extends Explainable, Searched {}

/** A source that is not configured any more, and whose targets are still served. */
export interface RemovedSource {
  readonly source: string
  /** Its targets that no other source has. */
  readonly body: Uint8Array
  /** Why they are served, together with those of other removed sources; undefined: not decided yet. */
  readonly held: HeldTargets | undefined
}

/** All sources that are searched. */
export interface Served<Source> {
  readonly sources: readonly Source[]
  readonly removed: readonly RemovedSource[]
}

/**
 * Explains everything that matches a query, from the last documents of the sources and the served lists. It
 * costs about as much as a refresh of the same list.
 * @param gaps the sources that were left out because all together are too large (see {@link withinBudget})
 */
export function explainServed(
  text: string,
  { sources, removed }: Served<ServedSource>,
  gaps: readonly string[],
): ExplainAnswer {
  const query = parseQuery(text)
  const makers = createMakers()
  const searched = sources.map((source) => search(source, query, makers))
  return composeAnswer(
    text,
    [...searched.map(({ findings }) => findings), ...removed.map((source) => searchRemoved(source, query))],
    () => searched.map(({ inventory }) => findOutside(inventory, query)),
    {
      gaps: [...sources.flatMap(gapsOf), ...gaps],
      ages: sources.flatMap(ageOf),
      sources: searched
        .filter(({ inventory }) => inventory.documents.length > 0)
        .map(({ inventory }) => inventory.source),
      fields: () => fieldsOf(searched.map(({ inventory }) => inventory)),
      near: () =>
        nearServed(query, [...sources.map(readServed), ...removed.map(({ body }) => readList(body))]),
    },
  )
}

/** Names of served targets that the query may mean. */
function nearServed(query: Query, lists: readonly TargetsByKey[]): string[] {
  const labelsOf = new Map<string, Target['labels']>()
  for (const list of lists)
    for (const { address, labels } of [...list.values()].flat()) labelsOf.set(address, labels)
  return nearNames(query, labelsOf.keys()).map(({ host, address }) =>
    createMasker(null, [labelsOf.get(address) as Target['labels']]).text(host),
  )
}

/**
 * Selects the sources, in their order, whose documents and lists are together small enough for one search.
 * @returns them, and a message about each source that is left out
 */
export function withinBudget<Source extends Searched>({ sources, removed }: Served<Source>) {
  const gaps: string[] = []
  let bytes = 0
  const choose = <One>(all: readonly One[], sizeOf: (one: One) => number, gapOf: (one: One) => string) =>
    all.filter((one) => {
      // Always include the first one: its size has a limit of its own.
      const isFirst = bytes === 0
      bytes += sizeOf(one)
      const isChosen = isFirst || bytes <= MAX_KEPT_BYTES
      if (!isChosen) gaps.push(gapOf(one))
      return isChosen
    })
  return {
    quick: { sources: choose(sources, sizeOf, leftGap), removed: choose(removed, listSize, removedGap) },
    gaps,
  }
}

function sizeOf({ lastRead, state }: Searched): number {
  const documents = lastRead?.documents ?? []
  return documents.reduce((sum, { bytes }) => sum + bytes.byteLength, state.snapshot?.body.byteLength ?? 0)
}

function listSize({ body }: RemovedSource): number {
  return body.byteLength
}

function leftGap({ state: { name } }: Searched): string {
  return `${name} was not searched, so that other requests are not held up; ask with source=${name}`
}

function removedGap({ source }: RemovedSource): string {
  return `the targets of ${source}, which is not configured any more, were not searched: all lists together are too large`
}

function search(
  source: ServedSource,
  query: Query,
  makers: Makers,
): { findings: Findings; inventory: Inventory } {
  const served = readServed(source)
  const { source: name } = source
  const unknown = new Map(served)
  const inventory: Inventory = {
    ...source,
    documents: source.lastRead?.documents ?? [],
    verdictOf(target, address, position) {
      const { text, isServed } = verdictOf(target, address, source, served)
      return { text: [text, ...makers.othersOf(target, { source: name, position })].join('; '), isServed }
    },
    note: ageOf(source)
      .map(({ asOf, failing }) => ` (as of ${asOf}; unknown since then: ${failing})`)
      .join(''),
  }
  const findings = findRecords(inventory, query, (target, position) => {
    unknown.delete(keyOf(target))
    makers.add(target, { source: name, position })
  })
  const recordless = [...unknown.values()].flat()
  for (const target of recordless) makers.add(target, { source: name, position: undefined })
  addUnknown(recordless, findings, query, {
    source: name,
    verdictOf: (address) => unknownVerdict(address, source),
  })
  return { findings, inventory }
}

function searchRemoved({ source, body, held }: RemovedSource, query: Query): Findings {
  const findings = createFindings()
  const verdictOf = (address: string) =>
    `served as ${address}, although its source is not configured any more: ${removedWhy(held)}`
  addUnknown([...readList(body).values()].flat(), findings, query, { source, verdictOf })
  return findings
}

/** The targets of a list by their identity (see {@link keyOf}). */
type TargetsByKey = ReadonlyMap<string, readonly Target[]>

/** The served targets of a source; none if the list is too large. */
function readServed({ state }: ServedSource): TargetsByKey {
  return state.snapshot === undefined || isTooLarge(state) ? new Map() : readList(state.snapshot.body)
}

function readList(body: Uint8Array): TargetsByKey {
  const served = new Map<string, Target[]>()
  for (const { targets, labels: object } of groupsIn(body)) {
    const labels = Object.entries(object)
    for (const address of targets) {
      const target = { address, labels }
      const key = keyOf(target)
      const same = served.get(key)
      if (same === undefined) served.set(key, [target])
      else same.push(target)
    }
  }
  return served
}

function isTooLarge({ snapshot }: SourceState): boolean {
  return (snapshot?.body.byteLength ?? 0) > MAX_KEPT_BYTES
}

/** A source of targets without known records, and its verdict on a target by its address. */
interface Recordless {
  readonly source: string
  readonly verdictOf: (address: string) => string
}

/** Adds the served targets without a known record that match the query by address or by any label. */
function addUnknown(targets: readonly Target[], findings: Findings, query: Query, source: Recordless): void {
  const lister = createFieldLister()
  for (const target of targets) {
    const mask = (text: string) => createMasker(null, [target.labels]).text(text)
    const matcher = createMatcher(query, findings.bound(), mask)
    lister.visitTarget(target, { ...matcher, label: (name, text) => matcher.field([name], text) })
    findings.add(matcher.level(), () => explainTarget(target, source))
  }
}

/** The verdict on a target that the last documents make. */
function verdictOf(target: Target, address: string, { state }: ServedSource, served: TargetsByKey): Verdict {
  if (isTooLarge(state)) {
    const text = 'in the inventory; the served list is too large to be searched for it'
    return { text, isServed: false }
  }
  const same = served.get(keyOf(target)) ?? []
  const labels = JSON.stringify(target.labels)
  if (same.some((one) => JSON.stringify(one.labels) === labels))
    return { text: `served as ${address}`, isServed: true }
  const now = same.length === 0 ? 'in the inventory, but' : `served as ${address} with older labels:`
  return { text: `${now} not served yet`, isServed: false }
}

/** Why targets that are missing from the inventory are served. */
function heldWhy({ status: { held, absent } }: SourceState): string {
  if (absent === 0) return 'the next reading is about to be served'
  if (held.length === 0) return 'it leaves only if the next reading lacks it too'
  return held.map(heldUntil).join('; or ')
}

function heldUntil({ why, until, digest }: HeldTargets): string {
  const end =
    until === undefined ? `until it is accepted (digest ${digest})` : `until ${timeOf(until.wallMs)}`
  return `held ${end}: ${why}`
}

/** Why targets of a removed source are served. */
function removedWhy(held: HeldTargets | undefined): string {
  if (held === undefined) return 'Rollcall is about to check whether another source has it'
  if (held.reason !== 'replaced') return heldUntil(held)
  const { digest, why } = held
  return `held until every source that was added or changed has been read, or it is accepted (digest ${digest}): ${why}`
}

/** Explains a target that is served although no known record makes it. */
function explainTarget({ address, labels }: Target, { source, verdictOf }: Recordless): Explanation {
  const masker = createMasker(null, [labels])
  const shown = { address: masker.text(address), labels: masker.labels(labels) }
  const verdict = verdictOf(shown.address)
  return {
    source,
    position: null,
    record: null,
    targets: [{ ...shown, steps: [], final: shown, rejection: null, served: true, verdict }],
    dropped_labels: [],
    verdict,
  }
}

/** The verdict on a target of a configured source that no known record makes. */
function unknownVerdict(address: string, source: ServedSource): string {
  const { lastRead, state } = source
  return lastRead?.documents === undefined
    ? `served as ${address}${lastRead === undefined ? restoredNote(source) : ''}`
    : `no longer in the inventory, but still served: ${heldWhy(state)}`
}

function restoredNote({ state, reader }: ServedSource): string {
  // The list was restored, or another replica read it, so the verdict says when it was last correct.
  const at = timeOf((state.status.lastSuccess as Moment).wallMs)
  const why =
    reader === undefined ? 'the inventory has not been read since the start' : `the replica ${reader} read it`
  return ` (as of ${at}: ${why})`
}

/** The parts of a source that could not be searched, and why. */
function gapsOf({ source, lastRead, state, reader }: ServedSource): string[] {
  const { failure } = state.status
  const [limit, all] = [MAX_KEPT_BYTES, MAX_ALL_KEPT_BYTES].map(formatSize)
  const gaps: string[] = []
  if (lastRead === undefined && reader !== undefined) {
    gaps.push(`${source} is read by the replica ${reader}: only it knows the records; ask it`)
  } else if (lastRead === undefined) {
    const why = failure === undefined ? '' : `: ${failure.reason}: ${maskText(failure.message, () => {})}`
    gaps.push(`${source} has not been read ${state.snapshot === undefined ? 'yet' : 'since the start'}${why}`)
  } else if (lastRead.documents === undefined) {
    gaps.push(
      `the inventory of ${source} is too large to keep: larger than ${limit}, or all inventories together are larger than ${all}; ask with: rollcall explain`,
    )
  }
  if (isTooLarge(state)) {
    gaps.push(`the served list of ${source} is larger than ${limit} and was not searched`)
  }
  return gaps
}

/** While a source fails: how old its last reading is, and why a verdict may be out of date. */
function ageOf({ lastRead, state: { status }, source }: ServedSource): Age[] {
  const { failure } = status
  if (lastRead === undefined || failure === undefined) return []
  const { wallMs } = status.failingSince ?? failure.at
  const message = maskText(failure.message, () => {})
  const failing = `${source} has been failing since ${timeOf(wallMs)}, ${failure.reason}: ${message}`
  return [{ failing, asOf: timeOf(lastRead.atMs) }]
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString()
}
