import { RefreshError } from '../base/errors.ts'
import { findNextLink } from '../base/link-header.ts'
import { replaceUserInfo } from '../base/urls.ts'
import { shown } from '../mapping/rejection.ts'
import type { Answer, Headers } from '../model/document.ts'
import { fieldOf, isObject, type Json, plain } from '../model/record.ts'
import { isNothing, scalarText } from './fields.ts'
import { keysOf } from './select.ts'
import { type Surroundings, surroundingsOf } from './surroundings.ts'

/** One response, and the records that were found in it. */
export interface Part {
  readonly document: Json
  readonly records: readonly Json[]
  /** Its name in messages. */
  readonly name: string
  readonly answer: Answer | undefined
  /** Whether it begins with the last record of the previous part. */
  readonly isJoined?: boolean
}

/** The configured pagination of a list. */
export interface Paging {
  /** Whether an expression says that there is another page; then no other sign counts. */
  readonly hasMore: boolean
  /** Whether an expression gives the number of records. */
  readonly total: boolean
  /** The key and expression that lead to the next page; undefined: no expression does. */
  readonly next?: { readonly key: string; readonly expression: string } | undefined
}

/** A header, or a field outside of the records. */
interface Field {
  /** The keys that lead to it, or the name of a header. */
  readonly path: readonly string[]
  /** Its name in lower case without separators. */
  readonly name: string
  readonly value: Json
  /** Whether it is so near to the list that a number in it counts the records. */
  readonly isNear: boolean
  readonly isHeader: boolean
  /** The JMESPath expression that finds it, unless its path is one. */
  readonly expression?: string
}

/** A sign of further pages, and the keys of `http` that read them. */
interface Sign {
  readonly what: string
  readonly value: Json
  readonly yaml: string
}

const names = (text: string): ReadonlySet<string> => new Set(text.split(' '))

/** Fields that lead to another page unless they are empty. */
const NEXT = names(
  'next nextpage nextpageno nextpagenumber nexturl nexturi nextlink nexthref nextpageurl nextpageuri nextpagelink nextrecordsurl nextcursor nextpagecursor nextpageid nexttoken nextpagetoken nextmarker nextkey nextid nextoffset nextstart nextpagestart nextbatch continue continuation continuationtoken nextcontinuationtoken nextpartitionkey nextrowkey lastevaluatedkey skiptoken paginationtoken',
)
/**
 * Fields that lead to another page, but that many complete responses have too: they count unless another
 * field says that this is all.
 */
const CURSOR = names('scrollid endcursor aftercursor cursorsafter searchafter nextcursormark nextidx')
const YES_IS_A_PART = names(
  'more hasmore hasnext hasnextpage hasmoreitems hasmorepages hasmoreresults hasmorerecords hasmorerows hasmoredata morerecords moreresults morepages moreitems moredata moreavailable exceededtransferlimit truncated istruncated partial ispartial partialresults incomplete isincomplete incompleteresults timedout',
)
/** These words count only near the list: elsewhere they may be about something else. */
const PLAIN_WORDS = names('next continue continuation more partial incomplete truncated')
const NO_IS_A_PART = names('last islast lastpage islastpage done finished complete iscomplete endofrecords')
const TOTAL = names(
  'count total totalcount totalitems totalresults totalsize totalrecords totalelements totalrows totalhits totalentries totalobjects totalmatches totalfeatures numfound nummatched numbermatched nbhits found recordstotal recordsfiltered resultcount recordcount totalmatching matchedcount treesize subtotal totalentities grandtotalentities',
)
/**
 * Counts after a filter, and the counts before it beside them: in responses of DataTables, Foreman, Nutanix.
 */
const BEFORE_A_FILTER: ReadonlyMap<string, string> = new Map([
  ['recordsfiltered', 'recordstotal'],
  ['subtotal', 'total'],
  ['totalentities', 'grandtotalentities'],
])
const LEFT = names('remaining remainingcount remainingitems remainingitemcount remainingrecords')
const PAGES = names('totalpages pagestotal pagecount pages lastpage nbpages numpages numberofpages')
/**
 * Fields that count pages only beside a page number; otherwise perhaps the pages of a book, or the items of a
 * page.
 */
const UNCLEAR_PAGES = names('pages pagecount')
const PAGE = names('page currentpage pagenumber pageno pagenum pageindex')

/** Fields about rate limits say nothing about the list. */
const NOT_OF_THE_LIST = /quota|limit|throttl/

/** The names of objects with fields about the list beside them. */
const TELLS_OF_THE_LIST =
  /pag(?:e|ing|ination)|meta|links?$|cursor|info$|^results?$|^response|^hits$|^summary$|^totals?$|^counts?$|header/

/** How far from the list signs are searched, and how many keys an object with signs may have. */
const MAX_AWAY = 2
const MAX_KEYS = 64

/**
 * Checks the fields around the records and the headers, whatever selects the records: one page of several
 * must not count as the whole inventory.
 * @param paging undefined: each part has to be complete by itself; otherwise the parts are the pages of one
 * list
 * @throws RefreshError `pagination` that names the sign and what to write
 */
export function assertWhole(parts: readonly Part[], paging: Paging | undefined): void {
  if (paging !== undefined) assertLast(parts, paging)
  for (const part of paging === undefined ? parts : []) {
    const sign = signIn(part, surroundingsOf(part.document, part.records))
    if (sign === undefined) continue
    const rest =
      part.answer === undefined
        ? 'Put all records into it'
        : `Say in a configuration file how the next page is found, with a line in http such as: ${sign.yaml}`
    throw new RefreshError(
      'pagination',
      `${part.name} seems to be one page of several: it has ${part.records.length} records, and ${sign.what} is ${shownValue(sign.value)}. ${rest}; or, if these are all, write for this source: ${WAY_OUT}`,
    )
  }
}

/** The key with which a user confirms that the list is complete, whatever the response says. */
const WAY_OUT = 'complete: true'

/** Checks that the last page does not lead to another one, and that all pages together have all records. */
function assertLast(parts: readonly Part[], paging: Paging): void {
  const read = parts.map((part) => ({ part, around: surroundingsOf(part.document, part.records) }))
  const count = read.reduce(
    (sum, { part, around }) => sum + around.count - (part.isJoined === true ? 1 : 0),
    0,
  )
  const pages = read.map(({ part, around }) => ({ part, fields: fieldsOf(part, around) })).reverse()
  // Uses the last page with a total: a field that counts the remaining records falls from page to page.
  const totals = paging.total ? [] : (pages.map(({ fields }) => fields.filter(isTotal)).find(isFilled) ?? [])
  const [last] = pages
  const sign =
    totals.find((field) => totalIn(field) > count) ??
    last?.fields.find((field) => isSignAtTheEnd(field, last.part, { paging, pages: parts.length }))
  if (last === undefined || sign === undefined) return
  throw new RefreshError(
    'pagination',
    `the pages that were read seem not to be all: they have ${count} records, and after ${last.part.name} ${shownPlace(sign)} is ${shownValue(sign.value)}. ${howToGoOn(last.part, paging)}, or, if these are all, write for this source: ${WAY_OUT}`,
  )
}

/** What to check when the last page leads to another one. */
function howToGoOn({ name, document }: Part, { next }: Paging): string {
  if (next === undefined) return 'Check how pagination finds the next page'
  const { key, expression } = next
  return `pagination.${key} ${shown(expression)} found nothing in ${name} (its keys: ${keysOf(document, String)}). Correct it`
}

const isFilled = (list: readonly unknown[]) => list.length > 0

function isTotal(field: Field): boolean {
  return field.isNear && !Number.isNaN(totalIn(field))
}

/** The number of records according to a field; NaN if it gives none. */
function totalIn({ name, value }: Field): number {
  if (name === 'contentrange') return rangeIn(value)?.total ?? Number.NaN
  return TOTAL.has(name) ? numberIn(value) : Number.NaN
}

/** The numbers of records that a response gives, by the places of their fields. */
export function totalsIn(
  document: Json,
  records: readonly Json[],
  headers: Headers,
): ReadonlyMap<string, number> {
  const { link, ...others } = headers
  const part = { document, records, name: '', answer: { status: 200, headers: others } }
  const fields = fieldsOf(part, surroundingsOf(document, records)).filter(isTotal)
  return new Map(fields.map((field) => [shownPlace(field), totalIn(field)]))
}

interface Read {
  readonly paging: Paging
  readonly pages: number
}

/** Whether a field leads to another page. */
function isLead({ name, value, isNear }: Field): boolean {
  return NEXT.has(name) && (isNear || !PLAIN_WORDS.has(name)) && leads(value)
}

function isSignAtTheEnd(field: Field, part: Part, { paging, pages }: Read): boolean {
  const { name, value, isNear } = field
  if (paging.hasMore) return false
  // Some servers link each page to the next one, even if that is empty.
  if (NEXT.has(name)) return part.records.length > 0 && isLead(field)
  if (PAGES.has(name)) return isNear && !UNCLEAR_PAGES.has(name) && numberIn(value) > pages
  return saysPart(field)
}

function signIn(part: Part, around: Surroundings): Sign | undefined {
  const fields = fieldsOf(part, around)
  const field = fields.find((one) => isSign(one, fields, around.count))
  if (field !== undefined) return { what: shownPlace(field), value: field.value, yaml: yamlFor(field) }
  const isWholeRange = fields.some((one) => one.name === 'contentrange' && rangeIn(one.value) !== undefined)
  if (part.answer?.status !== 206 || isWholeRange) return undefined
  return { what: 'its status', value: 206, yaml: yamlOf('offset: { parameter: offset }') }
}

/** The headers of a response, then the fields of the objects around its list; lists are not searched. */
function fieldsOf({ document, answer, name: part }: Part, around: Surroundings): Field[] {
  const all = answer?.headers ?? {}
  const headers = Object.entries(all).flatMap(([name, value]) => [
    ...(name === 'link' ? linkFields(value, part) : headerFields(name, value, all)),
  ])
  const hasBody = isObject(document) && !around.lists.has(document)
  const body = hasBody ? fieldsIn(document, { path: [], away: 0, isNear: true }, around) : []
  const fields = [...headers, ...body]
  const before = fields.flatMap((field) => beforeFilter(field))
  return fields.filter((field) => !before.includes(placeOf(field, field.name)))
}

/** The place of the field that has the same count before a filter. */
function beforeFilter(field: Field): string[] {
  const name = BEFORE_A_FILTER.get(field.name)
  return name === undefined || Number.isNaN(numberIn(field.value)) ? [] : [placeOf(field, name)]
}

function placeOf({ path, isHeader }: Field, name: string): string {
  return JSON.stringify([isHeader, ...path.slice(0, -1), name])
}

/** Parses the Link header; a malformed one is an error only if it may lead to another page. */
function* linkFields(text: string, part: string): Generator<Field> {
  const value = /next/i.test(text) ? findNextLink(text, part) : undefined
  if (value !== undefined) yield { path: ['link'], name: 'next', value, isNear: true, isHeader: true }
}

/** Prefixes of header names that do not matter. */
const OWNER =
  /^(?:wp|ms|amz|goog|opc|nomad|sensu|api|list|result|resource|collection|pagination|paging)-(?=.)/

/** The fields in a header: the header itself, and those of the JSON in X-Pagination. */
function* headerFields(header: string, text: string, headers: Headers): Generator<Field> {
  const name = plain(header.replace(/^x-/, '').replace(OWNER, ''))
  const own = { isNear: true, isHeader: true }
  // Many servers use such a header for the requests that remain.
  if (LEFT.has(name) || NOT_OF_THE_LIST.test(name)) return
  yield { ...own, path: [header], name: knownAs(name, headers), value: text }
  if (!/^pag(?:ination|ing|einfo)$/.test(name)) return
  const inside = parsed(text)
  if (!isObject(inside)) return
  for (const [key, value] of Object.entries(inside))
    yield { ...own, path: [header, key], name: plain(key), value }
}

/** The names of headers about the list. */
const TELLING: ReadonlySet<string> = new Set([
  ...NEXT,
  ...CURSOR,
  ...YES_IS_A_PART,
  ...NO_IS_A_PART,
  ...TOTAL,
  ...PAGES,
  ...PAGE,
  'contentrange',
])

/**
 * The headers that may say whether a response is the whole list, sorted by name; others may differ in each
 * response.
 */
export function tellingHeaders(headers: Headers): [name: string, text: string][] {
  const tells = ([name, text]: [string, string]) =>
    name === 'link' || [...headerFields(name, text, headers)].some((field) => TELLING.has(field.name))
  return Object.entries(headers).filter(tells).sort()
}

/** The name of a header as a field of a body. */
function knownAs(name: string, headers: Headers): string {
  // Beside a list, such a header counts only pages.
  if (UNCLEAR_PAGES.has(name)) return 'totalpages'
  const isTotal = name === 'records' || (name === 'pagetotal' && headers['x-page-limit'] !== undefined)
  if (isTotal) return 'total'
  return name.startsWith('continuation') ? 'continuation' : name
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

interface Place {
  readonly path: readonly string[]
  /** The number of steps from the object that holds the list. */
  readonly away: number
  readonly isNear: boolean
}

function* fieldsIn(
  object: { readonly [key: string]: Json },
  { path: above, away, isNear }: Place,
  around: Surroundings,
): Generator<Field> {
  for (const [key, value] of Object.entries(object)) {
    const path = [...above, key]
    const name = nameOf(path, value)
    yield { path, name, value, isNear, isHeader: false }
    yield* nextIn(path, name, value)
    if (!isObject(value) || NOT_OF_THE_LIST.test(name) || around.lists.has(value)) continue
    const isOnTheWay = around.objects.has(value)
    const place = {
      path,
      away: isOnTheWay ? 0 : away + 1,
      isNear: isOnTheWay || (isNear && TELLS_OF_THE_LIST.test(plain(key))),
    }
    const isWide = !isOnTheWay && Object.keys(value).length > MAX_KEYS
    if (place.away <= MAX_AWAY && !isWide) yield* fieldsIn(value, place, around)
  }
}

/** The name of a field in its context. */
function nameOf(path: readonly string[], value: Json): string {
  const [key = '', above = ''] = path.toReversed()
  // The part before a dot is a namespace: @odata.nextLink.
  const name = plain(key.slice(key.lastIndexOf('.') + 1))
  if (name === 'after' && /^cursors?$/.test(plain(above))) return 'cursorsafter'
  // A token, as in Airtable.
  const isToken = name === 'offset' && typeof value === 'string' && Number.isNaN(numberIn(value))
  return isToken ? 'nextoffset' : name
}

/** The plain name of a list whose items may lead to the next page. */
export const LINKS = /links?$/

/** The next link in a list of links with their relations, as in FHIR. */
function* nextIn(path: readonly string[], name: string, value: Json): Generator<Field> {
  if (!LINKS.test(name) || !Array.isArray(value)) return
  for (const relation of ['rel', 'relation']) {
    const next = value.find((link) => fieldOf(link, relation) === 'next')
    const key = ['href', 'url', 'uri'].find((one) => typeof fieldOf(next, one) === 'string')
    if (key === undefined) continue
    const expression = `${pathText(path)}[?${relation}=='next'].${key} | [0]`
    yield { path, name: 'next', value: fieldOf(next, key) as Json, isNear: true, isHeader: false, expression }
  }
}

function isSign(field: Field, fields: readonly Field[], count: number): boolean {
  const { name, value, isNear } = field
  if (name === 'contentrange') return isPartOf(rangeIn(value))
  if (NEXT.has(name)) return isLead(field)
  if (CURSOR.has(name)) return leads(value) && !fields.some((one) => saysAll(one, count))
  if (PAGES.has(name)) return isNear && isOneOfSeveral(field, fields, count)
  return saysPart(field) || (isNear && TOTAL.has(name) && numberIn(value) > count)
}

/** Whether a field says by itself that there are further records. */
function saysPart({ name, value, isNear }: Field): boolean {
  if (name === 'status') return isNear && isText(value, 'partial')
  if (YES_IS_A_PART.has(name)) return (isNear || !PLAIN_WORDS.has(name)) && isText(value, 'true')
  if (NO_IS_A_PART.has(name)) return isNear && isText(value, 'false')
  return LEFT.has(name) && isNear && numberIn(value) > 0
}

/** Whether a field says that this is all. */
function saysAll({ name, value }: Field, count: number): boolean {
  if (YES_IS_A_PART.has(name)) return isText(value, 'false')
  if (NO_IS_A_PART.has(name)) return isText(value, 'true')
  if (NEXT.has(name)) return !leads(value)
  return TOTAL.has(name) && numberIn(value) === count
}

/**
 * Whether there are several pages, so that this is one of them. A total that equals the length of the list
 * says otherwise, unless the page has a number.
 */
function isOneOfSeveral({ name, value }: Field, fields: readonly Field[], count: number): boolean {
  if (!(numberIn(value) > 1)) return false
  if (fields.some((field) => PAGE.has(field.name) && numberIn(field.value) >= 0)) return true
  return (
    !UNCLEAR_PAGES.has(name) &&
    !fields.some((field) => TOTAL.has(field.name) && numberIn(field.value) === count)
  )
}

/** The number of records in a response, and the total, with or without a unit: `items 0-11/20`. */
interface Range {
  readonly has: number
  readonly total: number
}

const CONTENT_RANGE = /^\s*(?:([^\s\d*]\S*)\s+)?(?:(\d+)-(\d+)|\*)\/(\d+)\s*$/

function rangeIn(value: Json): Range | undefined {
  const range = CONTENT_RANGE.exec(scalarText(value) ?? '')
  if (range === null) return undefined
  const [, , first, last, total] = range
  return { has: first === undefined ? 0 : Number(last) - Number(first) + 1, total: Number(total) }
}

function isPartOf(range: Range | undefined): boolean {
  return range !== undefined && range.has < range.total
}

/** Whether a value may lead to another page: not a number below 1, and not an empty link. */
function leads(value: Json): boolean {
  if (isObject(value)) return !Object.values(value).every(isNothing)
  return !isNothing(value) && !(numberIn(value) <= 0) && !isText(value, 'false') && !isText(value, 'null')
}

function isText(value: Json, text: string): boolean {
  return scalarText(value) === text
}

/** The number in a field: a number, a text, or an object as in Elasticsearch; NaN if there is none. */
function numberIn(value: Json): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string') return /^\s*-?\d+\s*$/.test(value) ? Number(value) : Number.NaN
  const inner = fieldOf(value, 'value')
  return typeof inner === 'number' ? inner : Number.NaN
}

// The texts of messages about a sign.

/** A query string, with or without the URL before it, may hold the API key of the inventory. */
const QUERY = /(?:\?|&|^[\w.-]+=(?!=*$)).*/s

/** The parts of a value that are searched for secrets: a message shows less. */
const MAX_SHOWN = { length: 10_000, fields: 10, depth: 2 }

function shownValue(value: Json): string {
  return shown(withoutQueries(value, 0))
}

/** Removes the user, password and query of any URL in a value. */
function withoutQueries(value: Json, depth: number): Json {
  if (typeof value === 'string') {
    const text = replaceUserInfo(value.slice(0, MAX_SHOWN.length), () => '…')
    return text.replace(QUERY, (query) => (query.startsWith('?') ? '?…' : '…'))
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_SHOWN.depth) return '…'
  const fields = Object.entries(value).slice(0, MAX_SHOWN.fields)
  const safe = fields.map(([key, one]) => [key, withoutQueries(one, depth + 1)] as const)
  return Array.isArray(value) ? safe.map(([, one]) => one) : Object.fromEntries(safe)
}

function shownPlace({ path, isHeader }: Field): string {
  const [header = '', ...rest] = path
  return isHeader ? ['its header', [shownHeader(header), ...rest].join('.')].join(' ') : path.join('.')
}

/** The name of a header in its usual case. */
function shownHeader(name: string): string {
  return name.startsWith('x-ms-')
    ? name
    : name.replace(/(?:^|-)(?:wp(?=-)|[a-z])/g, (start) => start.toUpperCase())
}

/** The line of YAML that reads the other pages, as far as the sign shows it. */
function yamlFor(field: Field): string {
  const { name, path, value, isHeader } = field
  if (isHeader && path[0] === 'link') return yamlOf('link_header: true')
  const isNext = (NEXT.has(name) || CURSOR.has(name)) && !(isHeader && path.length > 1)
  if (!isNext) {
    return yamlOf(PAGES.has(name) ? 'page: { parameter: page }' : 'offset: { parameter: offset }')
  }
  const place = isHeader ? `{ header: ${shownHeader(String(path[0]))} }` : expressionOf(field)
  if (isUrl(value)) return yamlOf(`next_url: ${place}`)
  const parameter = /^nextpage(?:no|number)?$/.test(name) ? 'page' : 'cursor'
  return yamlOf(`cursor: { value: ${place}, parameter: ${parameter} }`)
}

const yamlOf = (keys: string) => `pagination: { ${keys} }`

function isUrl(value: Json): boolean {
  if (isObject(value)) return Object.values(value).some(isUrl)
  return typeof value === 'string' && /^(?:https?:\/\/|\/|\?)/.test(value)
}

/** The JMESPath expression of a field, as YAML. */
function expressionOf({ path, value, expression }: Field): string {
  const inner = isObject(value) ? Object.keys(value).find((key) => !isNothing(value[key] as Json)) : undefined
  const text = expression ?? pathText(inner === undefined ? path : [...path, inner])
  return /^[A-Za-z_][\w.]*$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`
}

function pathText(path: readonly string[]): string {
  return path.map((key) => (/^[A-Za-z_]\w*$/.test(key) ? key : JSON.stringify(key))).join('.')
}
