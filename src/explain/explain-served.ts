import type { Moment } from '../base/clock.ts'
import type { ExplainAnswer, Explanation } from '../model/explanation.ts'
import { groupsIn } from '../model/list.ts'
import { createMasker } from '../model/mask.ts'
import { maskText } from '../model/mask-text.ts'
import { formatSize } from '../model/size.ts'
import { placeOf, type Target } from '../model/target-group.ts'
import { type LastRead, MAX_ALL_KEPT_BYTES, MAX_KEPT_BYTES } from '../refresh/compute.ts'
import type { SourceState } from '../snapshot/store.ts'
import { createFieldLister } from './fields.ts'
import { findOutside } from './find-outside.ts'
import { type Explainable, findRecords, type Inventory } from './find-records.ts'
import { composeAnswer, type Findings } from './findings.ts'
import { nearNames } from './near.ts'
import { createMatcher, parseQuery, type Query } from './query.ts'

/** What of a source is searched. */
interface Searched {
  readonly lastRead: LastRead | undefined
  readonly state: SourceState
}

/** One source that serves, as far as it can be explained. */
export interface ServedSource extends Explainable, Searched {}

/**
 * Tells what became of whatever answers a question, from what the sources last gave and what is served.
 * It costs about what a refresh of the same list costs.
 * @param left the names of sources that were left out, since all together are too large (see {@link withinBudget})
 */
export function explainServed(
  text: string,
  sources: readonly ServedSource[],
  left: readonly string[],
): ExplainAnswer {
  const query = parseQuery(text)
  const searched = sources.map((source) => search(source, query))
  return composeAnswer(
    text,
    searched.map(({ findings }) => findings),
    () => searched.map(({ inventory }) => findOutside(inventory, query)),
    {
      gaps: [...sources.flatMap(gapsOf), ...left.map(leftGap)],
      ages: sources.flatMap(ageOf),
      near: () => nearServed(query, sources),
    },
  )
}

/** Names of what is served that may be meant. */
function nearServed(query: Query, sources: readonly ServedSource[]): string[] {
  const labelsOf = new Map<string, Target['labels']>()
  for (const source of sources)
    for (const { address, labels } of [...readServed(source).values()].flat()) labelsOf.set(address, labels)
  return nearNames(query, labelsOf.keys()).map(({ host, address }) =>
    createMasker(null, [labelsOf.get(address) as Target['labels']]).text(host),
  )
}

/** The sources, in their order, whose documents and lists are together small enough to be searched in one go. */
export function withinBudget<Source extends Searched>(sources: readonly Source[]) {
  const quick: Source[] = []
  const left: Source[] = []
  let bytes = 0
  for (const source of sources) {
    bytes += sizeOf(source)
    // The first one always: it is bounded by itself.
    if (quick.length === 0 || bytes <= MAX_KEPT_BYTES) quick.push(source)
    else left.push(source)
  }
  return { quick, left }
}

function sizeOf({ lastRead, state }: Searched): number {
  const documents = lastRead?.documents ?? []
  return documents.reduce((sum, { bytes }) => sum + bytes.byteLength, state.snapshot?.body.byteLength ?? 0)
}

function leftGap(source: string): string {
  return `${source} was not searched, so that other requests are not held up; ask with source=${source}`
}

function search(source: ServedSource, query: Query): { findings: Findings; inventory: Inventory } {
  const served = readServed(source)
  const unknown = new Map(served)
  const inventory: Inventory = {
    ...source,
    documents: source.lastRead?.documents ?? [],
    verdictOf: (target, address) => verdictOf(target, address, source, served),
    note: ageOf(source)
      .map((age) => ` (${age})`)
      .join(''),
  }
  const findings = findRecords(inventory, query, (target) => unknown.delete(keyOf(target)))
  addUnknown([...unknown.values()].flat(), findings, query, source)
  return { findings, inventory }
}

/** The served targets of a source by what makes them the same; none when the list is too large. */
type Served = ReadonlyMap<string, readonly Target[]>

function readServed({ state }: ServedSource): Served {
  const served = new Map<string, Target[]>()
  if (state.snapshot === undefined || isTooLarge(state)) return served
  for (const { targets, labels: object } of groupsIn(state.snapshot.body)) {
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

/** What makes two targets the same to Prometheus, as the guard compares them. */
function keyOf({ address, labels }: Target): string {
  return address + placeOf(labels)
}

/** Adds the served targets of which no record is known, if they answer a question by address or by any label. */
function addUnknown(
  targets: readonly Target[],
  findings: Findings,
  query: Query,
  source: ServedSource,
): void {
  const lister = createFieldLister()
  for (const target of targets) {
    const mask = (text: string) => createMasker(null, [target.labels]).text(text)
    const matcher = createMatcher(query, findings.bound(), mask)
    lister.visitTarget(target, { ...matcher, label: (name, text) => matcher.field([name], text) })
    findings.add(matcher.level(), () => explainTarget(target, source))
  }
}

/** What is said of a target that the last documents make. */
function verdictOf(target: Target, address: string, { state }: ServedSource, served: Served): string {
  if (isTooLarge(state)) return 'in the inventory; the served list is too large to be searched for it'
  const same = served.get(keyOf(target)) ?? []
  const labels = JSON.stringify(target.labels)
  if (same.some((one) => JSON.stringify(one.labels) === labels)) return `served as ${address}`
  const now = same.length === 0 ? 'in the inventory, but' : `served as ${address} with older labels:`
  return `${now} not served yet`
}

/** Why targets that the inventory lacks are served. */
function heldWhy({ status: { held, absent } }: SourceState): string {
  if (absent === 0) return 'the next reading is about to be served'
  if (held.length === 0) return 'the next reading has to lack it too'
  return held
    .map(({ why, until, digest }) => {
      const end =
        until === undefined ? `until it is accepted (digest ${digest})` : `until ${timeOf(until.wallMs)}`
      return `held ${end}: ${why}`
    })
    .join('; or ')
}

/** Explains a target that is served although no record makes it, as far as is known. */
function explainTarget({ address, labels }: Target, { source, lastRead, state }: ServedSource): Explanation {
  const masker = createMasker(null, [labels])
  const shown = { address: masker.text(address), labels: masker.labels(labels) }
  const verdict =
    lastRead?.documents === undefined
      ? `served as ${shown.address}${lastRead === undefined ? restoredNote(state) : ''}`
      : `no longer in the inventory, but still served: ${heldWhy(state)}`
  return {
    source,
    position: null,
    record: null,
    targets: [{ ...shown, steps: [], final: shown, rejection: null, verdict }],
    dropped_labels: [],
    verdict,
  }
}

function restoredNote({ status: { lastSuccess } }: SourceState): string {
  // A list that was restored says when it was last right.
  const at = timeOf((lastSuccess as Moment).wallMs)
  return ` (as of ${at}: the inventory has not been read since the start)`
}

/** What of a source could not be searched, and why. */
function gapsOf({ source, lastRead, state }: ServedSource): string[] {
  const { failure } = state.status
  const [limit, all] = [MAX_KEPT_BYTES, MAX_ALL_KEPT_BYTES].map(formatSize)
  const gaps: string[] = []
  if (lastRead === undefined) {
    const why = failure === undefined ? '' : `: ${failure.reason}: ${maskText(failure.message, () => {})}`
    gaps.push(`${source} has not been read ${state.snapshot === undefined ? 'yet' : 'since the start'}${why}`)
  } else if (lastRead.documents === undefined) {
    gaps.push(
      `the inventory of ${source} is too large to be kept: larger than ${limit}, or all are together than ${all}; ask with: rollcall explain`,
    )
  }
  if (isTooLarge(state)) {
    gaps.push(`the served list of ${source} is larger than ${limit} and was not searched`)
  }
  return gaps
}

/** How old what is explained is, while the source fails. */
function ageOf({ lastRead, state: { status }, source }: ServedSource): string[] {
  if (lastRead === undefined || status.failure === undefined) return []
  return [`as of ${timeOf(lastRead.atMs)}: ${source} has been failing since, ${status.failure.reason}`]
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString()
}
