import { RefreshError } from '../../../base/errors.ts'
import { findNextLink } from '../../../base/link-header.ts'
import { type Json, kindOf } from '../../../model/record.ts'
import { followUrl } from './next-url.ts'
import type { Look, Page, PageStyle, Pagination, Place } from './options.ts'
import type { PageCount } from './page-count.ts'
import { type PageRequest, withValue } from './place.ts'

/** The request for a page; no two pages of a reading have the same key. */
export interface Lead {
  readonly request: PageRequest
  readonly key: string
  /** Whether the page must begin with the last item of the previous pages. */
  readonly isJoined?: boolean
}

/** A page that was read, and what is needed to request the next one. */
export interface Finding {
  readonly pagination: Pagination
  /** The configured request. */
  readonly start: PageRequest
  readonly page: Page
  /** The decoded page; null when it need not be decoded. */
  readonly content: Json
  readonly count: PageCount
}

/** The request for the first page. */
export function firstLead(style: PageStyle, start: PageRequest): Lead {
  if (style.kind === 'page') return leadBy(start, style.place, style.first)
  if (style.kind === 'offset') return leadFrom(style, start, 0)
  return { request: start, key: style.kind === 'cursor' ? '' : keyOf(start.url) }
}

/**
 * The request for the next page, by the style of pagination.
 * @returns undefined when there is none
 * @throws RefreshError `pagination` when the page has no valid value for it
 */
export function nextLead(finding: Finding): Lead | undefined {
  const { style } = finding.pagination
  const { start, page, count } = finding
  switch (style.kind) {
    case 'link_header':
      return leadTo(findNextLink(page.headers.link, page.document.name), finding)
    case 'next_url':
      return leadTo(urlIn(style.value, finding), finding)
    case 'cursor': {
      const cursor = cursorIn(style.value, finding)
      return cursor === undefined ? undefined : leadBy(start, style.place, cursor)
    }
    case 'page':
      return hasMore(finding) ? leadBy(start, style.place, style.first + count.pages()) : undefined
    case 'offset':
      return hasMore(finding) ? leadOn(style, start, count) : undefined
  }
}

function leadBy(start: PageRequest, place: Place, value: string | number): Lead {
  return { request: withValue(start, place, value), key: String(value) }
}

type Offset = Extract<PageStyle, { kind: 'offset' }>

/** Begins with the last item again, which must then be the same; with the next one where that would make no progress. */
function leadOn(style: Offset, start: PageRequest, count: PageCount): Lead {
  const isJoined = style.isOverlapping && count.canJoin()
  if (!isJoined) return leadFrom(style, start, count.received())
  const lead = leadFrom(style, start, count.received() - 1)
  return { ...lead, key: `${lead.key} again`, isJoined }
}

/** An offset, or a range that begins there. */
function leadFrom({ place, range }: Offset, start: PageRequest, offset: number): Lead {
  return leadBy(start, place, range === undefined ? offset : `${offset}-${offset + range - 1}`)
}

function leadTo(text: string | undefined, { start, page }: Finding): Lead | undefined {
  if (text === undefined) return undefined
  const url = followUrl({ text, base: page.url, start: start.url }, page.document.name)
  return { request: { ...start, url }, key: keyOf(url) }
}

function keyOf(url: URL): string {
  return url.href.replace(/#.*/s, '')
}

function urlIn(look: Look, { content, page }: Finding): string | undefined {
  const { name } = page.document
  const value = look(content, name, page.headers)
  if (isNone(value)) return undefined
  if (typeof value === 'string') return value
  throw new RefreshError('pagination', `${name}: pagination.next_url gave ${kindOf(value)}, not a URL`)
}

function cursorIn(look: Look, { pagination, content, page }: Finding): string | number | undefined {
  const { name } = page.document
  const value = look(content, name, page.headers)
  if (!(askMore(pagination, content, page) ?? !isNone(value))) return undefined
  if (typeof value === 'string' && value !== '') return value
  // JSON parsing has changed the digits of a larger number.
  if (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value
  const given = typeof value === 'number' || value === '' ? JSON.stringify(value) : kindOf(value)
  throw new RefreshError(
    'pagination',
    `${name}: pagination.cursor.value gave ${given}, not a text or a number of at most 2^53`,
  )
}

/** Whether a value means that there is no next page. */
function isNone(value: Json): boolean {
  return value === null || value === '' || value === false
}

function hasMore({ pagination, content, page, count }: Finding): boolean {
  return askMore(pagination, content, page) ?? !count.isComplete()
}

/** Whether the page says that there is another one; undefined: has_more is not configured. */
function askMore({ hasMore }: Pagination, content: Json, page: Page): boolean | undefined {
  const { name } = page.document
  const more = hasMore?.(content, name, page.headers)
  if (more === undefined || typeof more === 'boolean') return more
  throw new RefreshError('pagination', `${name}: pagination.has_more gave ${kindOf(more)}, not true or false`)
}
