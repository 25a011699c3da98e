import type { Clock } from '../base/clock.ts'
import { asRefreshError, type RefreshError, UsageError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { suggest } from '../base/suggest.ts'
import { USER_AGENT } from '../base/version.ts'
import type { Settings, SourceSettings } from '../config/settings.ts'
import type { Mapping } from '../mapping/mapping.ts'
import type { Document } from '../model/document.ts'
import { encodeGroups } from '../model/list.ts'
import { type Plan, runPipeline } from '../pipeline/pipeline.ts'
import { compilePlan } from '../pipeline/plan.ts'
import type { Report } from '../pipeline/report.ts'
import type { Counts } from '../snapshot/freeze.ts'
import { createSource } from '../sources/kinds.ts'
import { documentsOf, readBefore, withoutSecrets } from '../sources/source.ts'

/** A list before anything was proven. */
export interface Built {
  readonly body: Buffer
  readonly counts: Counts
  readonly report: Report
}

/** What one source gave when it was read once. */
export interface DryRun {
  readonly settings: SourceSettings
  readonly plan: Plan
  /** From asking the inventory to the list, or to the failure. */
  readonly durationMs: number
  /** The labels that a target of a record had, before the rules. */
  readonly labelNames: ReadonlySet<string>
  /** What was read, even if no list could be made of it. */
  readonly documents: readonly Document[] | undefined
  /** Neither a list nor a failure: the source has nothing that could be read from here. */
  readonly result:
    | { readonly built: Built; readonly error?: undefined }
    | { readonly built?: undefined; readonly error: RefreshError }
    | { readonly built?: undefined; readonly error?: undefined }
}

interface Deps {
  readonly clock: Clock
  readonly files: Files
}

/**
 * The sources that a command is about.
 * @param name the one that was asked for; undefined: all of them
 * @throws UsageError when nothing is configured, or nothing of this name
 */
export function chooseSources(
  { demo, sources }: Settings,
  name: string | undefined,
): readonly SourceSettings[] {
  if (demo !== undefined) {
    throw new UsageError(
      'there is no inventory to ask: give --config.file or INVENTORY_URL; the demo, which is served without them, answers at /targets and /api/v1/explain while it runs',
    )
  }
  if (name === undefined) return sources
  const chosen = sources.filter((source) => source.name === name)
  if (chosen.length > 0) return chosen
  const known = sources.map((source) => source.name)
  const near = suggest(name, known)
  const hint = near === undefined ? `there is ${known.join(', ')}` : `did you mean ${near}?`
  throw new UsageError(`--source: there is no source ${JSON.stringify(name)}; ${hint}`)
}

/**
 * Reads sources once, all at the same time, and makes their lists. Nothing is served, kept or written, and no
 * guard judges; one that fails does not stop the others.
 */
export function dryRun(sources: readonly SourceSettings[], deps: Deps): Promise<DryRun[]> {
  return Promise.all(sources.map((source) => runSource(source, deps)))
}

async function runSource(settings: SourceSettings, { clock, files }: Deps): Promise<DryRun> {
  const startMs = clock.monotonic()
  const plan = compilePlan(settings.plan)
  const source = createSource(settings.source, { clock, files, userAgent: USER_AGENT })
  const labelNames = new Set<string>()
  let documents: readonly Document[] | undefined
  const readAndBuild = async () => {
    const never = new AbortController().signal
    const read = documentsOf(await readBefore({ ...settings, source }, clock, never)).documents
    // Nobody registers with a command, so its empty list says nothing; the secret was tried, though.
    if (source.instances !== undefined) return {}
    documents = read
    return { built: build(documents, { ...plan, map: noting(plan.map, labelNames) }) }
  }
  const result = await readAndBuild().catch((error) => ({
    error: withoutSecrets(asRefreshError(error), source),
  }))
  const durationMs = clock.monotonic() - startMs
  await source.close()
  return { settings, plan, durationMs, labelNames, documents, result }
}

/** @throws RefreshError when the documents are no inventory */
function build(documents: readonly Document[], plan: Plan): Built {
  const { groups, keys, report } = runPipeline(documents, plan)
  return { body: encodeGroups(groups), counts: { groups: groups.length, targets: keys.length }, report }
}

/** The same mapping, which notes the names of all labels that it gives. */
function noting(map: Mapping, names: Set<string>): Mapping {
  return (record) => {
    const mapped = map(record)
    for (const { labels } of mapped.targets) {
      for (const [name] of labels) names.add(name)
    }
    return mapped
  }
}
