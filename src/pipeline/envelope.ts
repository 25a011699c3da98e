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

/** Fields that tell of an answer, not of a record; upper case and separators do not matter. */
const FAULTS: ReadonlySet<string> = new Set(['error', 'errors'])
const SUCCESS: ReadonlySet<string> = new Set(['success', 'ok'])
const STATUS: ReadonlySet<string> = new Set(['status', 'result'])
const CODE: ReadonlySet<string> = new Set(['status', 'statuscode', 'httpstatus', 'code'])

const FAILED = /^(?:error|fail|failed|failure)$/i

/**
 * What an answer without records says of itself that shows that it failed, as many APIs do with the status 200:
 * something in `error`, `"success": false`, `"status": "error"`, `"code": 500`.
 * @returns undefined when nothing says so
 */
export function failureIn(document: Json): string | undefined {
  if (!isObject(document)) return undefined
  const sign = Object.entries(document).find(([key, value]) => isFailure(plain(key), value))
  if (sign === undefined) return undefined
  const [key, value] = sign
  const shown = FAULTS.has(plain(key)) ? 'not empty' : JSON.stringify(value)
  return `${key} is ${shown}`
}

function isFailure(name: string, value: Json): boolean {
  if (FAULTS.has(name)) return !isNothing(value)
  if (SUCCESS.has(name)) return value === false
  if (typeof value === 'number') return CODE.has(name) && value >= 400 && value < 600
  return STATUS.has(name) && typeof value === 'string' && FAILED.test(value)
}

/** The name of a field without upper case and separators. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '')
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
  const name = plain(path.split('.').at(-1) as string)
  if (NEXT.has(name)) return !isNothing(value)
  if (MORE.has(name)) return value === true
  return TOTAL.has(name) && typeof value === 'number' && value > length
}
