import { createHash } from 'node:crypto'
import { dirname, resolve as resolvePath } from 'node:path'
import { assertWritable } from '../../base/writable.ts'
import { compileTemplate, type Template } from '../../mapping/template.ts'
import { compileQuery } from '../../pipeline/jmespath.ts'
import { DEFAULT_GUARD, type GuardOptions, PUSH_CONFIRMATIONS } from '../../roll/rules.ts'
import type { SourceOptions } from '../../sources/registry.ts'
import type { Problem } from '../document.ts'
import { DEFAULT_REFRESH_INTERVAL, DEFAULT_TIMEOUT } from '../options.ts'
import type { FileSource } from '../schema.ts'
import type { SourceSettings } from '../settings.ts'
import { shownValue } from '../shown.ts'
import { attempt, type Context, complain, need, within } from './context.ts'
import { resolveFile } from './file.ts'
import { resolveHttp } from './http.ts'
import { resolveHttpSd } from './http-sd.ts'
import { resolveMapping } from './mapping.ts'
import { resolvePush } from './push.ts'
import { readHold, readInterval, readMaxStaleness, readTimeout, type Times } from './readers.ts'
import { resolveRelabel } from './relabel.ts'

/**
 * Resolves what the schema cannot check: URLs, templates, expressions, durations, names that must differ.
 * @param context at the top of the file; problems are added to it
 */
export function resolveSources(context: Context): SourceSettings[] {
  const sources = context.config.sources.map((source, index) =>
    resolveSource(source, within(context, 'sources', index)),
  )
  findDuplicates(
    sources.map(({ name }) => name),
    'name',
    context.problems,
  )
  findDuplicates(
    sources.map(({ fileSd }) => fileSd),
    'file_sd',
    context.problems,
  )
  return sources
}

function resolveSource(source: FileSource, context: Context): SourceSettings {
  const settings = resolveKeys(source, context)
  // Both, since the expressions of pagination are functions there, and numbers have lost their text here.
  const said = JSON.stringify([source, context.config.global, settings])
  return { ...settings, fingerprint: createHash('sha256').update(said).digest('hex') }
}

function resolveKeys(source: FileSource, context: Context): Omit<SourceSettings, 'fingerprint'> {
  const times = {
    refreshIntervalMs: resolveDuration(source, 'refresh_interval', context),
    timeoutMs: resolveDuration(source, 'timeout', context),
  }
  return {
    name: source.name,
    source: resolveKind(source, context),
    plan: {
      records: resolveExpression(source, 'records', context),
      isPaged: source.http?.pagination !== undefined,
      failIf: resolveExpression(source, 'fail_if', context),
      mapping: resolveMapping(source, context),
      key: resolveKey(source, context),
      relabelConfigs: resolveRelabel(source.relabel_configs ?? [], within(context, 'relabel_configs')),
    },
    guard: resolveGuard(source.guard, within(context, 'guard'), {
      ...resolveGlobalGuard(context),
      ...(source.push !== undefined && { confirmations: PUSH_CONFIRMATIONS }),
    }),
    ...times,
    required: source.required ?? true,
    maxStalenessMs: resolveMaxStaleness(source, times, context),
    fileSd: resolveFileSd(source, context),
  }
}

function resolveFileSd({ file_sd: text }: FileSource, context: Context): string | undefined {
  if (text === undefined) return undefined
  const path = resolvePath(context.folder, text)
  need(context, ['file_sd'], () => assertWritable(dirname(path)), 'warning')
  return path
}

/** A template, or the name of a field. */
function resolveKey({ key }: FileSource, context: Context): Template | undefined {
  if (key === undefined) return undefined
  return attempt(context, ['key'], () => compileTemplate(/[{}]/.test(key) ? key : `{${key}}`))
}

/** An expression as it is written, checked by compiling it. */
function resolveExpression(
  source: FileSource,
  key: 'records' | 'fail_if',
  context: Context,
): string | undefined {
  const text = source[key]
  if (text !== undefined) attempt(context, [key], () => compileQuery(text, key, 'shape'))
  return text
}

/** How each kind of source is resolved; a source has exactly one of these keys. */
const KINDS = {
  http: (source: FileSource, context: Context) =>
    source.http && resolveHttp(source.http, within(context, 'http')),
  file: (source: FileSource, context: Context) => source.file && resolveFile(source.file, source, context),
  http_sd: (source: FileSource, context: Context) =>
    source.http_sd && resolveHttpSd(source.http_sd, source, context),
  push: (source: FileSource, context: Context) => source.push && resolvePush(source.push, source, context),
} satisfies Record<string, (source: FileSource, context: Context) => SourceOptions | undefined>

/** The keys of which a source has exactly one. */
export const SOURCE_KINDS = Object.keys(KINDS) as readonly (keyof typeof KINDS)[]

function resolveKind(source: FileSource, context: Context): SourceOptions {
  const [kind, second] = SOURCE_KINDS.filter((one) => source[one] !== undefined)
  if (second !== undefined) {
    const message = `${kind} says already where the records come from; leave one of them out`
    complain(context, [second], message, { atKey: true })
  } else if (kind === undefined) {
    complain(context, [], `says nowhere where its records come from; add one of ${SOURCE_KINDS.join(', ')}`)
  }
  return KINDS[kind ?? 'http'](source, context) as SourceOptions
}

/** What a source asks for, where it says nothing what all do, and where these say nothing the defaults. */
export function resolveGuard(
  own: FileSource['guard'],
  context: Context,
  fallback: GuardOptions = DEFAULT_GUARD,
): GuardOptions {
  const duration = (key: 'grace' | 'hold' | 'hold_empty', otherwise: number) => {
    const text = own?.[key]
    return text === undefined ? otherwise : attempt(context, [key], () => readHold(text))
  }
  return {
    confirmations: own?.confirmations ?? fallback.confirmations,
    graceMs: duration('grace', fallback.graceMs),
    maxDrop: own?.max_drop === undefined ? fallback.maxDrop : Number.parseFloat(own.max_drop) / 100,
    minTargets: own?.min_targets ?? fallback.minTargets,
    holdMs: duration('hold', fallback.holdMs),
    holdEmptyMs: duration('hold_empty', fallback.holdEmptyMs),
    minExpected: own?.min_expected ?? fallback.minExpected,
    accept: own?.accept ?? fallback.accept,
  }
}

/** What is asked for of all sources together. */
export function resolveGlobalGuard(context: Context): GuardOptions {
  return resolveGuard(context.config.global?.guard, within({ ...context, path: ['global'] }, 'guard'))
}

function resolveMaxStaleness({ max_staleness: text }: FileSource, times: Times, context: Context): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  return attempt(context, ['max_staleness'], () => readMaxStaleness(text, times))
}

function resolveDuration(source: FileSource, key: 'refresh_interval' | 'timeout', context: Context): number {
  const fallback = key === 'timeout' ? DEFAULT_TIMEOUT : DEFAULT_REFRESH_INTERVAL
  const read = key === 'timeout' ? readTimeout : readInterval
  const own = source[key]
  if (own !== undefined) return attempt(context, [key], () => read(own))
  const global = { ...context, path: ['global'] }
  return attempt(global, [key], () => read(context.config.global?.[key] ?? fallback))
}

function findDuplicates(values: readonly (string | undefined)[], key: string, problems: Problem[]): void {
  for (const [index, value] of values.entries()) {
    const first = values.indexOf(value)
    if (value === undefined || first === index) continue
    const message = `${shownValue(value)} is taken by sources[${first}]; each source needs its own`
    problems.push({ path: ['sources', index, key], message })
  }
}
