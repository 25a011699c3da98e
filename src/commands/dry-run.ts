import type { Clock } from '../base/clock.ts'
import { asRefreshError, type RefreshError, UsageError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { suggest } from '../base/suggest.ts'
import { USER_AGENT } from '../base/version.ts'
import type { Settings, SourceSettings } from '../config/settings.ts'
import { type LabelTemplate, type Mapping, scopesOf } from '../mapping/mapping.ts'
import { neededIn, type Path, pathsIn, shownPath, type Template, valueAt } from '../mapping/template.ts'
import type { Document } from '../model/document.ts'
import { encodeLines } from '../model/list.ts'
import type { InventoryRecord } from '../model/record.ts'
import { type Plan, runPipeline } from '../pipeline/pipeline.ts'
import { compilePlan, type PlanOptions } from '../pipeline/plan.ts'
import type { Report } from '../pipeline/report.ts'
import type { Counts } from '../snapshot/freeze.ts'
import { createSource } from '../sources/kinds.ts'
import { documentsOf, type Reading, readUsable, withoutSecrets } from '../sources/source.ts'
import type { Progress } from './progress.ts'

/** A list that no guard has checked. */
export interface Built {
  readonly body: Buffer
  readonly counts: Counts
  readonly report: Report
}

/** The result of reading one source once. */
export interface DryRun {
  readonly settings: SourceSettings
  readonly plan: Plan
  /** From the request to the list or the failure. */
  readonly durationMs: number
  /** The fields that the configuration names without a default, and that have a value in no selected record. */
  readonly missing: readonly MissingField[]
  /** The fields that the first selected records have, as a template names them. */
  readonly fields: readonly string[]
  /** The documents that were read, even if they made no list. */
  readonly documents: readonly Document[] | undefined
  /** Neither a list nor a failure: a command cannot read this source. */
  readonly result:
    | { readonly built: Built; readonly error?: undefined }
    | { readonly built?: undefined; readonly error: RefreshError }
    | { readonly built?: undefined; readonly error?: undefined }
}

/** The dependencies of commands that read inventories. */
export interface CommandDeps {
  readonly files: Files
  /** Shows the sources that are being read. */
  readonly progress: Progress
}

interface Deps extends CommandDeps {
  readonly clock: Clock
}

/**
 * The sources that a command reads.
 * @param name the requested source; undefined: all
 * @throws UsageError when no source is configured, or none of this name
 */
export function chooseSources(
  { demo, sources }: Settings,
  name: string | undefined,
): readonly SourceSettings[] {
  if (demo !== undefined) {
    throw new UsageError(
      'there is no inventory to read: set --config.file or INVENTORY_URL; the demo, which is served without them, answers at /targets and /api/v1/explain while it runs',
    )
  }
  if (name === undefined) return sources
  const chosen = sources.filter((source) => source.name === name)
  if (chosen.length > 0) return chosen
  const known = sources.map((source) => source.name)
  const near = suggest(name, known)
  const hint = near === undefined ? `the sources are ${known.join(', ')}` : `did you mean ${near}?`
  throw new UsageError(`--source: there is no source ${JSON.stringify(name)}; ${hint}`)
}

/**
 * Reads sources once, all at the same time, and makes their lists. Nothing is served, stored or written, and no guard
 * applies. A failure of one source does not stop the others.
 */
export function dryRun(sources: readonly SourceSettings[], deps: Deps): Promise<DryRun[]> {
  return Promise.all(sources.map((source) => runSource(source, deps)))
}

async function runSource(settings: SourceSettings, { clock, files, progress }: Deps): Promise<DryRun> {
  progress.begin(settings.name)
  const startMs = clock.monotonic()
  const plan = compilePlan(settings.plan)
  const source = createSource(settings.source, { clock, files, userAgent: USER_AGENT })
  const watch = watchFields(settings.plan)
  let documents: readonly Document[] | undefined
  const stop = new AbortController().signal
  const use = async (reading: Reading) => {
    // A push source has no registrations in a command, so its list means nothing; but its token files were read.
    if (source.instances !== undefined) return {}
    documents = documentsOf(reading).documents
    return { built: build(documents, { ...plan, map: seenBy(watch, plan.map) }) }
  }
  const result = await readUsable({ ...settings, source }, { clock, stop }, use).catch((error) => ({
    error: withoutSecrets(asRefreshError(error), source),
  }))
  const durationMs = clock.monotonic() - startMs
  await source.close()
  progress.end(settings.name)
  const [missing, fields] = [watch.missing(), watch.fields()]
  return { settings, plan, durationMs, missing, fields, documents, result }
}

/** @throws RefreshError when the documents are not an inventory */
function build(documents: readonly Document[], plan: Plan): Built {
  const { lines, keys, report } = runPipeline(documents, plan)
  return { body: encodeLines(lines), counts: { groups: lines.length, targets: keys.length }, report }
}

/** A field that the configuration names, such as `{site}` at `labels.site`. */
export interface MissingField {
  /** The steps from the source to the value that names it. */
  readonly at: Path
  readonly field: string
  /** Whether records have the field, but null or empty. */
  readonly isEmpty: boolean
}

/** Watches records for the fields that the configuration names, and finds those that have a value in none of them. */
interface FieldWatch {
  see(record: InventoryRecord): void
  missing(): readonly MissingField[]
  /** The fields of the records, as a template names them. */
  fields(): readonly string[]
}

/** The number of records whose fields are listed. */
const MAX_LISTED = 100

/** A field that has had a value in no record yet. */
interface Watched extends MissingField {
  readonly path: Path
  isEmpty: boolean
}

function watchFields({ mapping, key }: PlanOptions): FieldWatch {
  const { forEach } = mapping
  const watch = (at: Path, template: Template = []) =>
    neededIn(template).map(({ path, shown }): Watched => ({ at, field: `{${shown}}`, path, isEmpty: false }))
  const watchLabels = (at: Path, labels: readonly LabelTemplate[]) =>
    labels.flatMap(([name, template]) => watch([...at, 'labels', name], template))
  let ofRecords = watch(['key'], key)
  if (forEach !== undefined) {
    ofRecords.push({ at: ['for_each'], field: shownPath(forEach), path: forEach, isEmpty: false })
  }
  let ofScopes = [
    ...mapping.targets.flatMap(({ address, labels }, index) => [
      ...watch(['targets', index], address),
      ...watchLabels(['targets', index], labels),
    ]),
    ...watchLabels([], mapping.labels),
  ]
  const fields = new Set<string>()
  let [records, scopes] = [0, 0]
  return {
    see(record) {
      const items = forEach === undefined ? [record] : scopesOf(record, forEach)
      const known = 'reason' in items ? [] : items
      ofRecords = without(ofRecords, record)
      for (const item of known) ofScopes = without(ofScopes, item)
      if (records < MAX_LISTED)
        for (const path of [record, ...known].flatMap(pathsIn)) fields.add(shownPath(path))
      records++
      scopes += known.length
    },
    // Without a record, or an item, its fields are unknown.
    missing: () => [...(records > 0 ? ofRecords : []), ...(scopes > 0 ? ofScopes : [])],
    fields: () => [...fields],
  }
}

/** The fields that have no value in a record. */
function without(fields: Watched[], record: InventoryRecord): Watched[] {
  if (fields.length === 0) return fields
  return fields.filter((one) => {
    const value = valueAt(record, one.path)
    one.isEmpty ||= value !== undefined
    return value === undefined || value === null || value === ''
  })
}

/** The same mapping, whose records are watched. */
function seenBy({ see }: FieldWatch, map: Mapping): Mapping {
  return (record) => {
    const mapped = map(record)
    if (mapped.isLeftOut !== true) see(record)
    return mapped
  }
}
