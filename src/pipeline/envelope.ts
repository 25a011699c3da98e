import { RefreshError } from '../base/errors.ts'
import { fieldOf, isObject, type Json } from '../model/record.ts'

type Fields = readonly (readonly [name: string, value: Json])[]

/** What leads to another page when there is something in it; upper case and separators do not matter. */
const NEXT: ReadonlySet<string> = new Set(
  'next nextpage nexturl nextlink nexthref nextcursor nexttoken nextpagetoken odatanextlink continue'.split(
    ' ',
  ),
)
const MORE: ReadonlySet<string> = new Set(['hasmore', 'hasnext', 'hasnextpage'])
const TOTAL: ReadonlySet<string> = new Set(
  'count total totalcount totalitems totalresults totalsize totalrecords'.split(' '),
)

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
  const sign = fieldsOf(document).find((field) => isSign(field, list.length))
  if (sign === undefined) return
  throw new RefreshError(
    'pagination',
    `${name} seems to be one page of several: it has ${list.length} records, and ${sign[0]} says that there are more. Say in a configuration file how the next page is found (pagination), or, if these are all, where the records are (records)`,
  )
}

/** Lists of these names hold no records. */
const NO_RECORDS: ReadonlySet<string> = new Set(['error', 'errors', 'warnings', 'messages'])

/** The lists in an object that may hold its records. */
export function listsIn(document: { readonly [key: string]: Json }): (readonly Json[])[] {
  return Object.entries(document).flatMap(([key, value]) =>
    Array.isArray(value) && !NO_RECORDS.has(key.toLowerCase()) ? [value as readonly Json[]] : [],
  )
}

/** Throws RefreshError `refused` when an answer has something to say of errors. */
export function assertNoError(document: { readonly [key: string]: Json }, name: string, hint: string): void {
  const fault = ['error', 'errors'].find((key) => !isNothing(fieldOf(document, key) ?? null))
  if (fault === undefined) return
  throw new RefreshError(
    'refused',
    `${name} says that it failed: there is something in ${fault}. If that is no fault: ${hint}`,
  )
}

/** Whether a value says nothing: null, false, 0, and what is empty. */
export function isNothing(value: Json): boolean {
  if (value === null || value === false || value === 0 || value === '') return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

/** The fields of an object and of the objects in it, such as `meta` or `links`. */
function fieldsOf(document: { readonly [key: string]: Json }): Fields {
  const fields = Object.entries(document)
  const inner = fields.flatMap(([key, value]) =>
    isObject(value) ? Object.entries(value).map(([name, one]) => [`${key}.${name}`, one] as const) : [],
  )
  return [...fields, ...inner]
}

function isSign([path, value]: Fields[number], length: number): boolean {
  const name = (path.split('.').at(-1) as string).toLowerCase().replace(/[^a-z]/g, '')
  if (NEXT.has(name)) return !isNothing(value)
  if (MORE.has(name)) return value === true
  return TOTAL.has(name) && typeof value === 'number' && value > length
}
