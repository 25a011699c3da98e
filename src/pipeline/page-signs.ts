import { RefreshError } from '../base/errors.ts'
import { fieldOf, isObject, type Json } from '../model/record.ts'
import { isNothing, plain } from './fields.ts'

/** A field of what stands around a list, down to three levels deep. */
interface Field {
  /** Where it is, for messages: `meta.page.total`. */
  readonly path: string
  /** Its name without upper case and separators. */
  readonly name: string
  readonly value: Json
}

const names = (text: string): ReadonlySet<string> => new Set(text.split(' '))

/** What leads to another page when there is something in it. */
const NEXT = names(
  'next nextpage nexturl nexturi nextlink nexthref nextpageurl nextpagelink nextrecordsurl nextcursor nexttoken nextpagetoken nextmarker nextkey nextoffset nextstart nextpagestart continue continuationtoken nextcontinuationtoken lastevaluatedkey',
)
const YES_IS_A_PART = names(
  'more hasmore hasnext hasnextpage hasmoreitems hasmorepages hasmoreresults moreavailable truncated istruncated partial ispartial incomplete isincomplete incompleteresults timedout',
)
const NO_IS_A_PART = names('last islast lastpage islastpage done complete iscomplete')
const TOTAL = names(
  'count total totalcount totalitems totalresults totalsize totalrecords totalelements totalrows totalhits totalentries numfound recordstotal',
)
const LEFT = names('remaining remainingcount remainingitems remainingitemcount remainingrecords')
const PAGES = names('totalpages pagestotal pagecount pages lastpage numpages numberofpages')
/** What may count something else, unless a page number stands beside it: the pages of a book, the items of a page. */
const UNCLEAR_PAGES = names('pages pagecount')
const PAGE = names('page currentpage pagenumber pageno pagenum pageindex')

/** What is left, and what the limit is, of the requests that a client may send says nothing of the list. */
const NOT_OF_THE_LIST = /quota|limit|throttl/

const MAX_DEPTH = 3

/**
 * Looks at what stands around a list that was recognised, not configured: one page of several must not be taken for
 * the whole inventory.
 * @throws RefreshError `pagination`
 */
export function assertWhole(
  document: { readonly [key: string]: Json },
  list: readonly Json[],
  name: string,
): void {
  const fields = [...fieldsOf(document, [])]
  const sign = fields.find(
    (field) => isSign(field, list.length) || isOneOfSeveral(field, fields, list.length),
  )
  if (sign === undefined) return
  throw new RefreshError(
    'pagination',
    `${name} seems to be one page of several: it has ${list.length} records, and ${sign.path} says that there are more. Say in a configuration file how the next page is found (pagination), or, if these are all, where the records are (records)`,
  )
}

/** The fields of an object and of the objects in it, such as `meta` or `links`; lists are never looked into. */
function* fieldsOf(object: { readonly [key: string]: Json }, above: readonly string[]): Generator<Field> {
  for (const [key, value] of Object.entries(object)) {
    const path = [...above, key]
    // What stands before a dot is whose name it is: @odata.nextLink.
    yield { path: path.join('.'), name: plain(key.slice(key.lastIndexOf('.') + 1)), value }
    const isOfTheList = isObject(value) && !NOT_OF_THE_LIST.test(plain(key))
    if (isOfTheList && path.length < MAX_DEPTH) yield* fieldsOf(value, path)
  }
}

function isSign({ name, value }: Field, length: number): boolean {
  if (NEXT.has(name)) return leads(value)
  if (YES_IS_A_PART.has(name) && isText(value, 'true')) return true
  if (NO_IS_A_PART.has(name) && isText(value, 'false')) return true
  if (LEFT.has(name)) return numberIn(value) > 0
  return TOTAL.has(name) && numberIn(value) > length
}

/**
 * Whether there are several pages, so that this is one of them, whichever. A total that is the length of the list
 * says otherwise, unless the page has a number.
 */
function isOneOfSeveral({ name, value }: Field, fields: readonly Field[], length: number): boolean {
  if (!PAGES.has(name) || !(numberIn(value) > 1)) return false
  if (fields.some((field) => PAGE.has(field.name) && numberIn(field.value) >= 0)) return true
  return (
    !UNCLEAR_PAGES.has(name) &&
    !fields.some((field) => TOTAL.has(field.name) && numberIn(field.value) === length)
  )
}

/** Whether a value may lead to another page: no number below 1, and no link that leads nowhere. */
function leads(value: Json): boolean {
  if (isObject(value)) return !Object.values(value).every(isNothing)
  return !isNothing(value) && !(numberIn(value) <= 0)
}

function isText(value: Json, text: string): boolean {
  return String(value).toLowerCase() === text
}

/** The number in a field: as it is, as text, or as Elasticsearch has it; NaN when there is none. */
function numberIn(value: Json): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string') return /^-?\d+$/.test(value) ? Number(value) : Number.NaN
  const inner = fieldOf(value, 'value')
  return typeof inner === 'number' ? inner : Number.NaN
}
