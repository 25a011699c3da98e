import { dirname, resolve } from 'node:path'
import { messageOf, UsageError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { type ClusterOptions, resolveCluster } from '../cluster/resolve.ts'
import { type PrometheusOptions, resolvePrometheus } from '../prometheus/resolve.ts'
import type { GuardOptions } from '../roll/rules.ts'
import { type Context, type Need, type PlacedNeed, type Problem, within } from '../sources/resolving.ts'
import { parseConfigDocument } from './document.ts'
import fileSchema from './file-schema.json' with { type: 'json' }
import { resolveGlobalGuard, resolveSources } from './resolve/sources.ts'
import type { FileConfig } from './schema.ts'
import type { SourceSettings } from './settings.ts'
import { validate } from './validate.ts'
import { viewYaml } from './yaml-view.ts'

/** The settings of a configuration file. */
export interface LoadedFile {
  readonly sources: SourceSettings[]
  /** The guard of all sources together. */
  readonly guard: GuardOptions
  /** The connection to other replicas. */
  readonly cluster: ClusterOptions | undefined
  /** The file for display: secrets are masked. */
  readonly yaml: string
  /** The Prometheus servers that are queried for the state of the targets. */
  readonly prometheus: PrometheusOptions | undefined
  /** The files that it names; they have not been opened. */
  readonly needs: Need[]
}

/**
 * Loads the sources of a configuration file.
 * @param allowed what its sources are allowed to do
 * @throws UsageError with one line `file:line:column: key: …` for each problem
 */
export async function loadFile(
  path: string,
  env: Context['env'],
  files: Files,
  allowed: Pick<Context, 'allowsCommands'>,
): Promise<LoadedFile> {
  const document = parseConfigDocument(await read(path, files), path)
  if ('syntax' in document) throw new UsageError(document.syntax)
  const fail = (problems: readonly Problem[]) =>
    new UsageError(problems.map((problem) => document.describe(problem)).join('\n'))
  const faults = validate(fileSchema, document.value)
  const config = withoutFaults(document.value, faults)
  if (config === undefined) throw fail(faults)
  const problems: Problem[] = []
  const folder = dirname(resolve(path))
  const needs: PlacedNeed[] = []
  const textAt = document.text
  const context = { config, folder, env, files, ...allowed, textAt, problems, needs, path: [] }
  const sources = resolveSources(context)
  const guard = resolveGlobalGuard(context)
  const cluster = config.cluster && resolveCluster(config.cluster, within(context, 'cluster'))
  const prometheus = resolvePrometheus(config.prometheus ?? [], within(context, 'prometheus'))
  const all = [...faults, ...problems.filter((problem) => isProven(problem, faults))]
  if (all.length > 0) throw fail(all)
  // Now, so that the parsed file need not be kept.
  const yaml = viewYaml(config, fileSchema)
  const placed = needs.map((need) => ({ ...need, where: document.place(need) }))
  return { sources, guard, cluster, prometheus, yaml, needs: placed }
}

/**
 * A copy of a configuration without the keys that have a fault, so that the others can be checked too.
 * @returns undefined when nothing can be checked without them
 */
function withoutFaults(value: unknown, faults: readonly Problem[]): FileConfig | undefined {
  const config = structuredClone(value) as FileConfig
  const parts = config as unknown as Record<string, Record<number, Record<string, unknown>>>
  for (const { path } of faults) {
    const [part, index, key] = path
    if (part === undefined || part === 'global') return undefined
    if (part !== 'sources') delete parts[part]
    else if (index === undefined || key === undefined) return undefined
    else delete parts.sources?.[index as number]?.[key]
  }
  return config
}

/** The keys of a source whose problems do not depend on other keys. */
const INDEPENDENT: readonly unknown[] = [
  'records',
  'filter',
  'fail_if',
  'key',
  'targets',
  'labels',
  'relabel_configs',
]

/** Whether a problem is one although keys with faults were left out. */
function isProven({ path }: Problem, faults: readonly Problem[]): boolean {
  const [part, index, key] = path
  const isWhole = !faults.some((fault) => fault.path[0] === part && fault.path[1] === index)
  return isWhole || INDEPENDENT.includes(key)
}

async function read(path: string, files: Files): Promise<string> {
  const bytes = await files.read(path).catch((error) => {
    throw new UsageError(`--config.file: ${path} cannot be read: ${messageOf(error)}`)
  })
  if (bytes === undefined)
    throw new UsageError(`--config.file: ${path} cannot be read: ENOENT: no such file or directory`)
  return bytes.toString()
}
