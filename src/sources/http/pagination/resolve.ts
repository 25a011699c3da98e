import { isObject, type Json } from '../../../model/record.ts'
import { decode } from '../../../pipeline/decode.ts'
import { compileQuery } from '../../../pipeline/jmespath.ts'
import { totalsIn } from '../../../pipeline/page-signs.ts'
import { createSelect, type Query } from '../../../pipeline/select.ts'
import { longestListIn } from '../../../pipeline/surroundings.ts'
import { attempt, type Context, complain, type Path, within } from '../../resolving.ts'
import type { FoundConfig, PaginationConfig, PlaceConfig } from './config.ts'
import { DEFAULT_MAX_PAGES, type Look, type PageStyle, type Pagination, type Place } from './options.ts'
import { withField } from './place.ts'

const STYLES = ['link_header', 'next_url', 'cursor', 'page', 'offset'] as const

/** The advice in messages about the list of items of a page. */
const ITEMS = {
  key: 'pagination.items',
  hint: (place = 'results') =>
    `Say which in pagination, with a line such as: items: ${JSON.stringify(place)}`,
}

/**
 * Resolves the keys of `pagination:`.
 * @param asked the body of the request, when it is JSON, and whether the list is known to be complete
 * @param context at these keys
 */
export function resolvePagination(
  config: PaginationConfig,
  { body, isComplete }: { readonly body: Json | undefined; readonly isComplete: boolean },
  context: Context,
): Pagination | undefined {
  const style = resolveStyle(config, isComplete, { body, context })
  if (style === undefined) return undefined
  findUseless(config, style, context)
  return {
    style,
    decode,
    isComplete,
    list: longestListIn,
    totals: totalsIn,
    items: createSelect(compile(config.items, ['items'], context), { ...ITEMS, expression: config.items }),
    total: find(config.total, ['total'], context, totalIn),
    hasMore: find(config.has_more, ['has_more'], context, moreIn),
    maxPages: config.max_pages ?? DEFAULT_MAX_PAGES,
  }
}

interface Within {
  readonly body: Json | undefined
  readonly context: Context
}

function resolveStyle(
  config: PaginationConfig,
  isComplete: boolean,
  { body, context }: Within,
): PageStyle | undefined {
  const { link_header, next_url, cursor, page, offset } = config
  assertOne(config, context)
  const placed = (kind: string, keys: PlaceConfig) =>
    resolvePlace(keys, { body, context: within(context, kind) })
  if (link_header !== undefined) return { kind: 'link_header' }
  if (next_url !== undefined) return { kind: 'next_url', value: find(next_url, ['next_url'], context) }
  if (cursor !== undefined) {
    const value = find(cursor.value, ['cursor', 'value'], context)
    return { kind: 'cursor', value, place: placed('cursor', cursor) }
  }
  if (page !== undefined) return { kind: 'page', first: page.first ?? 1, place: placed('page', page) }
  if (offset === undefined) return undefined
  const isOverlapping = !isComplete && (offset.overlap ?? true)
  return { kind: 'offset', place: placed('offset', offset), isOverlapping, range: offset.range }
}

function assertOne(config: PaginationConfig, context: Context): void {
  const [kind, second] = STYLES.filter((style) => config[style] !== undefined)
  if (kind === undefined) {
    complain(context, [], `does not set how the next page is found; add one of ${STYLES.join(', ')}`)
  } else if (second !== undefined) {
    const message = `${kind} already sets how the next page is found; leave one of them out`
    complain(context, [second], message, { atKey: true })
  }
}

/** Reports keys that have no effect. */
function findUseless(config: PaginationConfig, { kind }: PageStyle, context: Context): void {
  if (config.has_more !== undefined && (kind === 'link_header' || kind === 'next_url')) {
    const message = `has no effect with ${kind}, because the last page is the one without a link to another; leave it out`
    complain(context, ['has_more'], message, { atKey: true })
  }
  const counts = kind === 'page' || kind === 'offset' || config.total !== undefined
  if (config.items !== undefined && !counts) {
    const message = `has no effect with ${kind} without total; to select the records for targets, use records`
    complain(context, ['items'], message, { atKey: true })
  }
}

function compile(text: string, steps: Path, context: Context): Query
function compile(text: string | undefined, steps: Path, context: Context): Query | undefined
function compile(text: string | undefined, steps: Path, context: Context): Query | undefined {
  if (text === undefined) return undefined
  const key = ['pagination', ...steps].join('.')
  return attempt(context, steps, () => compileQuery(text, key, 'pagination'))
}

function find(found: FoundConfig, steps: Path, context: Context, read?: ReadHeader): Look
function find(
  found: FoundConfig | undefined,
  steps: Path,
  context: Context,
  read?: ReadHeader,
): Look | undefined
/** @param read reads the value of a header that is present; by default the value is its text */
function find(
  found: FoundConfig | undefined,
  steps: Path,
  context: Context,
  read: ReadHeader = (text) => text,
): Look | undefined {
  if (found === undefined || typeof found === 'string') return compile(found, steps, context)
  const name = found.header.toLowerCase()
  return (_page, _name, headers) => {
    const text = headers[name]
    return text === undefined ? null : read(text, name)
  }
}

/** Reads the value of a header; `name` is in lower case. */
type ReadHeader = (text: string, name: string) => Json

/** A range and the total: `items 0-49/200`. */
const RANGE = /(?:-(\d+))?\/(\d+)\s*$/

function totalIn(text: string, name: string): Json {
  const total = name === 'content-range' ? (RANGE.exec(text)?.[2] ?? text) : text.trim()
  return /^\d+$/.test(total) ? Number(total) : text
}

function moreIn(text: string, name: string): Json {
  const range = name === 'content-range' ? RANGE.exec(text) : null
  if (range !== null) return range[1] !== undefined && Number(range[1]) + 1 < Number(range[2])
  const said = text.trim().toLowerCase()
  return said === 'true' || said === '1' ? true : said === 'false' || said === '0' ? false : text
}

function resolvePlace({ parameter, body_field: field }: PlaceConfig, { body, context }: Within): Place {
  if (field === undefined) {
    if (parameter === undefined) {
      complain(context, [], 'does not set where the value is sent; add parameter, for the URL, or body_field')
    }
    return { in: 'query', parameter: String(parameter) }
  }
  const path = field.split('.')
  if (parameter !== undefined) {
    const message = 'parameter already sets where the value is sent; leave one of them out'
    complain(context, ['body_field'], message, { atKey: true })
  } else if (body === undefined || !isObject(body)) {
    const message = 'needs a body that is a set of keys, sent with method: POST'
    complain(context, ['body_field'], message, { atKey: true })
  } else {
    attempt(context, ['body_field'], () => withField(body, path, null))
  }
  return { in: 'body', path, body: body ?? null }
}
