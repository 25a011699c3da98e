import { resolve as resolvePath } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { DEFAULT_METRICS_PORT, type MappingOptions } from '../mapping/mapping.ts'
import { compileTemplate } from '../mapping/template.ts'
import { isLabelName } from '../model/labels.ts'
import type { Relabel } from '../pipeline/relabel.ts'
import type { RelabelConfig } from '../relabel/options.ts'
import { compileRelabel } from '../relabel/relabel.ts'
import { relabelTarget } from '../relabel/relabel-target.ts'
import { validateRelabel } from '../relabel/validate.ts'
import { DEFAULT_GUARD, type GuardOptions } from '../snapshot/guard.ts'
import { DEFAULT_MAX_RESPONSE_BYTES } from '../sources/http/source.ts'
import type { Path, Problem } from './document.ts'
import { DEFAULT_REFRESH_INTERVAL, DEFAULT_TIMEOUT, isReservedLabel } from './options.ts'
import { compileQuery, readInterval, readSize, readTimeout, readUrl } from './readers.ts'
import type { FileConfig, FileSource } from './schema.ts'
import type { SourceSettings } from './settings.ts'
import { shownValue } from './shown.ts'

/**
 * Resolves what the schema cannot check: URLs, templates, expressions, durations, names that must differ.
 * @param textAt a scalar as it is written, since Prometheus reads every label and rule value as text
 * @param folder what relative paths are relative to
 */
export function resolveSources(
  config: FileConfig,
  folder: string,
  textAt: (path: Path) => string | undefined,
): { sources: SourceSettings[]; problems: Problem[] } {
  const problems: Problem[] = []
  const sources = config.sources.map((source, index) =>
    resolveSource(source, { config, folder, textAt, problems, path: ['sources', index] }),
  )
  findDuplicates(
    sources.map(({ name }) => name),
    'name',
    problems,
  )
  findDuplicates(
    sources.map(({ fileSd }) => fileSd),
    'file_sd',
    problems,
  )
  return { sources, problems }
}

interface Context {
  readonly config: FileConfig
  readonly folder: string
  /** A scalar as it is written in the file. */
  readonly textAt: (path: Path) => string | undefined
  readonly problems: Problem[]
  readonly path: Path
}

function resolveSource(source: FileSource, context: Context): SourceSettings {
  const { path, problems } = context
  const { http, records } = source
  const size = http.max_response_size
  return {
    name: source.name,
    http: {
      url: attempt(problems, [...path, 'http', 'url'], () => readUrl(http.url)),
      maxResponseBytes:
        size === undefined
          ? DEFAULT_MAX_RESPONSE_BYTES
          : attempt(problems, [...path, 'http', 'max_response_size'], () => readSize(size)),
    },
    records:
      records === undefined
        ? undefined
        : attempt(problems, [...path, 'records'], () => compileQuery(records)),
    mapping: resolveMapping(source, context),
    relabel: resolveRelabel(source.relabel_configs ?? [], context),
    guard: resolveGuard(source.guard),
    refreshIntervalMs: resolveDuration(source, 'refresh_interval', context),
    timeoutMs: resolveDuration(source, 'timeout', context),
    required: source.required ?? true,
    fileSd: source.file_sd === undefined ? undefined : resolvePath(context.folder, source.file_sd),
  }
}

function resolveMapping(source: FileSource, { path, problems, textAt }: Context): MappingOptions {
  const targets = (source.targets ?? []).map((text, index) =>
    attempt(problems, [...path, 'targets', index], () => compileTemplate(text)),
  )
  const labels = Object.entries(source.labels ?? {}).map(([name, value]) => {
    const at = [...path, 'labels', name]
    attempt(problems, at, () => assertLabelName(name), { atKey: true })
    const template = attempt(problems, at, () => compileTemplate(textAt(at) ?? String(value)))
    return [name, template] as const
  })
  return {
    source: source.name,
    targets,
    labels,
    metaLabels: source.meta_labels ?? false,
    defaultPort: DEFAULT_METRICS_PORT,
  }
}

function assertLabelName(name: string): void {
  if (!isLabelName(name)) {
    throw new Error(`${shownValue(name)} is not a label name; use letters, digits and "_", not first a digit`)
  }
  if (isReservedLabel(name)) throw new Error('is set by Rollcall itself; choose another name')
}

function resolveRelabel(
  written: readonly RelabelConfig[],
  { path, problems, textAt }: Context,
): Relabel | undefined {
  const configs = written.map((config, index) =>
    asWritten(config, [...path, 'relabel_configs', index], textAt),
  )
  const found = configs.flatMap((config, index) =>
    validateRelabel(config).map((one) => ({
      ...one,
      path: [...path, 'relabel_configs', index, ...one.path] as Path,
    })),
  )
  problems.push(...found)
  if (configs.length === 0 || found.length > 0) return undefined
  const rules = compileRelabel(configs)
  return (target, misnamed) => relabelTarget(target, rules, misnamed)
}

/** A rule with the texts that YAML would have read as numbers or booleans. */
function asWritten(config: RelabelConfig, path: Path, textAt: Context['textAt']): RelabelConfig {
  const texts = (['separator', 'regex', 'replacement', 'target_label', 'action'] as const).flatMap((key) => {
    const text = config[key] === undefined || config[key] === null ? undefined : textAt([...path, key])
    return text === undefined ? [] : [[key, text] as const]
  })
  return { ...config, ...Object.fromEntries(texts) }
}

function resolveGuard(guard: FileSource['guard']): GuardOptions {
  return {
    maxDrop: guard?.max_drop === undefined ? DEFAULT_GUARD.maxDrop : Number.parseFloat(guard.max_drop) / 100,
    confirmations: guard?.confirmations ?? DEFAULT_GUARD.confirmations,
    minTargets: guard?.min_targets ?? DEFAULT_GUARD.minTargets,
  }
}

function resolveDuration(
  source: FileSource,
  key: 'refresh_interval' | 'timeout',
  { config, path, problems }: Context,
): number {
  const fallback = key === 'timeout' ? DEFAULT_TIMEOUT : DEFAULT_REFRESH_INTERVAL
  const [text, at] =
    source[key] === undefined
      ? [config.global?.[key] ?? fallback, ['global', key] as Path]
      : [source[key], [...path, key]]
  const read = key === 'timeout' ? readTimeout : readInterval
  return attempt(problems, at, () => read(text))
}

/**
 * Runs a reader; what it throws becomes a problem at the path. With a problem nothing that was resolved
 * is used, so the result may then stand as undefined.
 */
function attempt<Value>(
  problems: Problem[],
  path: Path,
  read: () => Value,
  place: { atKey?: true } = {},
): Value {
  try {
    return read()
  } catch (error) {
    const known = problems.some((problem) => problem.path.join('\0') === path.join('\0'))
    if (!known) problems.push({ path, message: messageOf(error), ...place })
    return undefined as Value
  }
}

function findDuplicates(values: readonly (string | undefined)[], key: string, problems: Problem[]): void {
  for (const [index, value] of values.entries()) {
    const first = values.indexOf(value)
    if (value === undefined || first === index) continue
    const message = `${shownValue(value)} is taken by sources[${first}]; each source needs its own`
    problems.push({ path: ['sources', index, key], message })
  }
}
