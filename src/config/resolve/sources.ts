import { createHash } from 'node:crypto'
import { dirname, resolve as resolvePath } from 'node:path'
import { shownValue } from '../../base/printable.ts'
import { assertWritable } from '../../base/writable.ts'
import { compilePath, compileTemplate, type Template } from '../../mapping/template.ts'
import { formatDuration, MAX_TIMER_MS, parseDuration } from '../../model/duration.ts'
import { KEY_FIELDS } from '../../model/record-key.ts'
import { compileQuery } from '../../pipeline/jmespath.ts'
import type { Paging } from '../../pipeline/page-signs.ts'
import type { JoinOptions } from '../../pipeline/plan.ts'
import { DEFAULT_GUARD, type GuardOptions, PUSH_CONFIRMATIONS } from '../../roll/rules.ts'
import type { PaginationConfig } from '../../sources/http/pagination/config.ts'
import { KINDS, type SourceOptions } from '../../sources/kinds.ts'
import { attempt, type Context, complain, need, type Problem, within } from '../../sources/resolving.ts'
import type { Kind } from '../../sources/source.ts'
import { DEFAULT_REFRESH_INTERVAL, DEFAULT_TIMEOUT, MAX_INTERVAL_MS, MIN_INTERVAL_MS } from '../options.ts'
import type { FileConfig, FileJoin, FileSource } from '../schema.ts'
import type { SourceSettings } from '../settings.ts'
import { leastStalenessMs, type Times } from '../staleness.ts'
import { resolveMapping } from './mapping.ts'
import { resolveRelabel } from './relabel.ts'

/** The context in which sources are resolved. */
export interface FileContext extends Context {
  readonly config: FileConfig
}

/**
 * Resolves the sources, and checks what the schema cannot: URLs, templates, expressions, durations, unique names.
 * @param context at the top of the file; problems are added to it
 */
export function resolveSources(context: FileContext): SourceSettings[] {
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

function resolveSource(source: FileSource, context: FileContext): SourceSettings {
  const settings = resolveKeys(source, context)
  // Both are needed: in the settings expressions of pagination are functions, in the file numbers have lost their text.
  const said = JSON.stringify([source, context.config.global, settings])
  return { ...settings, fingerprint: createHash('sha256').update(said).digest('hex') }
}

function resolveKeys(source: FileSource, context: FileContext): Omit<SourceSettings, 'fingerprint'> {
  const names = context.config.global?.label_names ?? 'legacy'
  const times = {
    refreshIntervalMs: resolveDuration(source, 'refresh_interval', context),
    timeoutMs: resolveDuration(source, 'timeout', context),
  }
  const joins = resolveJoins(source, context)
  return {
    name: source.name,
    source: { ...resolveKind(source, context), ...(joins && { joins: joins.sources }) },
    plan: {
      joins: joins?.options,
      records: resolveExpression(source, 'records', context),
      paging: resolvePaging(source.http?.pagination),
      isComplete: source.complete ?? false,
      filter: resolveExpression(source, 'filter', context),
      failIf: resolveExpression(source, 'fail_if', context),
      mapping: resolveMapping(source, names, context),
      key: resolveKey(source, context),
      relabelConfigs: resolveRelabel(source.relabel_configs ?? [], names, within(context, 'relabel_configs')),
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

/** The parts of pagination that expressions determine; signs in the pages are then ignored for these. */
function resolvePaging(pagination: PaginationConfig | undefined): Paging | undefined {
  if (pagination === undefined) return undefined
  const { next_url, cursor } = pagination
  const [key, expression] = next_url === undefined ? ['cursor.value', cursor?.value] : ['next_url', next_url]
  return {
    hasMore: pagination.has_more !== undefined,
    total: pagination.total !== undefined,
    next: typeof expression === 'string' ? { key, expression } : undefined,
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

/** The text of an expression, checked by compiling it. */
function resolveExpression(
  source: Pick<FileSource, 'records' | 'filter' | 'fail_if'>,
  key: 'records' | 'filter' | 'fail_if',
  context: Context,
): string | undefined {
  const text = source[key]
  if (text !== undefined) attempt(context, [key], () => compileQuery(text, key, 'shape'))
  return text
}

/** The keys of which a source has exactly one. */
const KIND_KEYS = Object.keys(KINDS) as readonly (keyof typeof KINDS)[]

function resolveKind(
  source: Pick<FileSource, 'name' | (typeof KIND_KEYS)[number]>,
  context: Context,
  keys: readonly (typeof KIND_KEYS)[number][] = KIND_KEYS,
): SourceOptions {
  const [kind, second] = keys.filter((one) => source[one] !== undefined)
  if (second !== undefined) {
    const message = `${kind} already sets where the records come from; leave one of them out`
    complain(context, [second], message, { atKey: true })
  }
  if (kind !== undefined)
    return (KINDS[kind] as Kind<unknown, SourceOptions>).resolve(source[kind], source, context)
  complain(context, [], `does not set where its records come from; add one of ${keys.join(', ')}`)
  return undefined as never
}

/** The kinds of sources that can be joined, on both sides. */
const JOIN_KEYS = ['http', 'file', 'command'] as const

/** The sources and the options of the lists that records are joined with. */
function resolveJoins(source: FileSource, context: FileContext) {
  const joins = Object.entries(source.with ?? {})
  if (joins.length === 0) return undefined
  if (JOIN_KEYS.every((key) => source[key] === undefined)) {
    complain(context, ['with'], `is for ${JOIN_KEYS.join(', ')} only; leave it out`, { atKey: true })
  }
  const inJoin = (name: string) => within(context, 'with', name)
  return {
    sources: joins.map(([name, join]) => ({
      name,
      source: resolveKind({ ...join, name: source.name }, inJoin(name), JOIN_KEYS),
    })),
    options: joins.map(([name, join]) => resolveJoin(name, join, inJoin(name))),
  }
}

function resolveJoin(name: string, join: FileJoin, context: Context): JoinOptions {
  if (([...KEY_FIELDS, 'item'] as readonly string[]).includes(name)) {
    const message =
      'would replace a field that identifies records, or the items of for_each; choose another name'
    complain(context, [], message, { atKey: true })
  }
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    complain(context, [], 'is not the name of a field; use letters, digits and "_", and no digit first', {
      atKey: true,
    })
  }
  const path = (key: 'by' | 'from') => attempt(context, [key], () => compilePath(unbraced(join[key])))
  return {
    name,
    records: resolveExpression(join, 'records', context),
    paging: resolvePaging(join.http?.pagination),
    isComplete: join.complete ?? false,
    failIf: resolveExpression(join, 'fail_if', context),
    by: path('by'),
    from: path('from'),
    isOptional: join.optional ?? false,
  }
}

/** A path without the braces that it has in a template. */
function unbraced(text: string): string {
  return /^\{(.*)\}$/.exec(text)?.[1] ?? text
}

/** Resolves a guard: the keys of the source, then the fallback (the global guard, or the defaults). */
export function resolveGuard(
  own: FileSource['guard'],
  context: Context,
  fallback: GuardOptions = DEFAULT_GUARD,
): GuardOptions {
  const duration = (key: 'grace' | 'hold' | 'hold_empty', otherwise: number) => {
    const text = own?.[key]
    return text === undefined ? otherwise : attempt(context, [key], () => readHold(text))
  }
  const [holdMs, holdEmptyMs] = [
    duration('hold', fallback.holdMs),
    duration('hold_empty', fallback.holdEmptyMs),
  ]
  if (holdEmptyMs < holdMs) {
    const key = own?.hold_empty === undefined ? 'hold' : 'hold_empty'
    const message = `hold_empty (${formatDuration(holdEmptyMs)}) is shorter than hold (${formatDuration(holdMs)}), so all targets would leave before a few of them; raise hold_empty to at least hold`
    complain(context, [key], message)
  }
  return {
    confirmations: own?.confirmations ?? fallback.confirmations,
    graceMs: duration('grace', fallback.graceMs),
    maxDrop: own?.max_drop === undefined ? fallback.maxDrop : Number.parseFloat(own.max_drop) / 100,
    minTargets: own?.min_targets ?? fallback.minTargets,
    holdMs,
    holdEmptyMs,
    minExpected: own?.min_expected ?? fallback.minExpected,
    accept: own?.accept ?? fallback.accept,
  }
}

/** The guard of all sources together. */
export function resolveGlobalGuard(context: FileContext): GuardOptions {
  return resolveGuard(context.config.global?.guard, within({ ...context, path: ['global'] }, 'guard'))
}

function resolveMaxStaleness({ max_staleness: text }: FileSource, times: Times, context: Context): number {
  if (text === undefined) return Number.POSITIVE_INFINITY
  return attempt(context, ['max_staleness'], () => readMaxStaleness(text, times))
}

function resolveDuration(
  source: FileSource,
  key: 'refresh_interval' | 'timeout',
  context: FileContext,
): number {
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
    const message = `${shownValue(value)} is already used by sources[${first}]; each source needs its own`
    problems.push({ path: ['sources', index, key], message })
  }
}

/** Reads a refresh_interval, in milliseconds. Throws an Error that says what is expected. */
export function readInterval(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 100ms to 20d`)
}

/** Reads a timeout, in milliseconds. Throws an Error that says what is expected. */
export function readTimeout(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= MAX_TIMER_MS) return ms
  throw new Error(`${shownValue(text)} is out of range; write a duration from 1ms to 24d`)
}

/** The longest hold, in milliseconds: 100 years. A later date could not be shown. */
const MAX_HOLD_MS = 100 * 365 * 86_400_000

/** Reads a duration of a guard, in milliseconds. Throws an Error that says what is expected. */
export function readHold(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms <= MAX_HOLD_MS) return ms
  throw new Error(
    `${shownValue(text)} is out of range; write a duration from 0s to ${formatDuration(MAX_HOLD_MS)}`,
  )
}

/**
 * Reads a max_staleness, in milliseconds. It must be long enough that no list reaches it unless a refresh fails.
 * @throws Error that says what is expected
 */
export function readMaxStaleness(text: string, times: Times): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) {
    throw new Error(`${shownValue(text)} is out of range; write a duration longer than 0, such as 1d`)
  }
  const { refreshIntervalMs, timeoutMs } = times
  const leastMs = leastStalenessMs(times)
  if (ms < leastMs) {
    throw new Error(
      `${shownValue(text)} is too short: a refresh can begin 1.1 × refresh_interval (${formatDuration(refreshIntervalMs)}) after the last one and take its timeout (${formatDuration(timeoutMs)}), so /targets would answer 503 even if nothing fails; write at least ${formatDuration(leastMs)}`,
    )
  }
  return ms
}
