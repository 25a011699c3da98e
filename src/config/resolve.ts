import { resolve as resolvePath } from 'node:path'
import { compile, type JSONValue, TreeInterpreter } from '@jmespath-community/jmespath'
import { messageOf } from '../base/errors.ts'
import { parseHttpUrl } from '../base/urls.ts'
import { DEFAULT_METRICS_PORT, type MappingOptions } from '../mapping/mapping.ts'
import { compileTemplate } from '../mapping/template.ts'
import { MAX_TIMER_MS, parseDuration } from '../model/duration.ts'
import { isLabelName } from '../model/labels.ts'
import type { Json } from '../model/record.ts'
import { parseSize } from '../model/size.ts'
import type { Query } from '../pipeline/select.ts'
import { DEFAULT_GUARD, type GuardOptions } from '../snapshot/guard.ts'
import { DEFAULT_MAX_RESPONSE_BYTES } from '../sources/http/source.ts'
import type { Path, Problem } from './document.ts'
import {
  DEFAULT_REFRESH_INTERVAL,
  DEFAULT_TIMEOUT,
  isReservedLabel,
  MAX_INTERVAL_MS,
  MIN_INTERVAL_MS,
} from './options.ts'
import type { FileConfig, FileSource } from './schema.ts'
import type { SourceSettings } from './settings.ts'
import { shownValue } from './shown.ts'

/**
 * Resolves what the schema cannot check: URLs, templates, expressions, durations, names that must differ.
 * @param folder what relative paths are relative to
 */
export function resolveSources(
  config: FileConfig,
  folder: string,
): { sources: SourceSettings[]; problems: Problem[] } {
  const problems: Problem[] = []
  const sources = config.sources.map((source, index) =>
    resolveSource(source, { config, folder, problems, path: ['sources', index] }),
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
    guard: resolveGuard(source.guard),
    refreshIntervalMs: resolveDuration(source, 'refresh_interval', context),
    timeoutMs: resolveDuration(source, 'timeout', context),
    required: source.required ?? true,
    fileSd: source.file_sd === undefined ? undefined : resolvePath(context.folder, source.file_sd),
  }
}

function resolveMapping(source: FileSource, { path, problems }: Context): MappingOptions {
  const targets = (source.targets ?? []).map((text, index) =>
    attempt(problems, [...path, 'targets', index], () => compileTemplate(text)),
  )
  const labels = Object.entries(source.labels ?? {}).map(([name, value]) => {
    const at = [...path, 'labels', name]
    attempt(problems, at, () => assertLabelName(name), { atKey: true })
    const template = attempt(problems, at, () => compileTemplate(String(value)))
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

function readInterval(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 100ms to 20d`)
}

function readTimeout(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= MAX_TIMER_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 1ms to 24d`)
}

function readSize(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0) return bytes
  throw new Error(`${shownValue(text)} is not a size; write one such as 512KB, 64MB or 1GB`)
}

function readUrl(text: string): URL {
  const url = parseHttpUrl(text)
  if (url !== undefined) return url
  throw new Error(
    `${shownValue(text)} is not an http or https URL; write one such as http://inventory:1337/inventory`,
  )
}

function compileQuery(text: string): Query {
  const expression = parseExpression(text)
  return (document) => TreeInterpreter.search(expression, document as JSONValue) as Json
}

function parseExpression(text: string): ReturnType<typeof compile> {
  try {
    return compile(text)
  } catch (error) {
    throw new Error(`${shownValue(text)} is not a JMESPath expression: ${messageOf(error)}`)
  }
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
