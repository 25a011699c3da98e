import { RefreshError } from '../base/errors.ts'
import { reasonIn } from '../model/reason.ts'
import { fieldOf, isObject, type Json, plain } from '../model/record.ts'
import { isNothing, scalarText } from './fields.ts'

/**
 * Refuses a document with an error beside its list.
 * @param hint ends the message
 * @throws RefreshError `refused`
 */
export function assertNoError(
  document: { readonly [key: string]: Json },
  name: string,
  hint: () => string,
): void {
  const fault = ['error', 'errors'].find((key) => !isNothing(fieldOf(document, key) ?? null))
  if (fault === undefined) return
  throw new RefreshError(
    'refused',
    `${name} says that it failed: there is something in ${fault}${quoted(document)}. If that is not a failure: ${hint()}`,
  )
}

/** The names of fields about the whole response; case and separators are ignored. */
const FAULTS: ReadonlySet<string> = new Set(['error', 'errors'])
const SUCCESS: ReadonlySet<string> = new Set(['success', 'ok'])
const STATUS: ReadonlySet<string> = new Set(['status', 'result'])
const CODE: ReadonlySet<string> = new Set(['status', 'statuscode', 'httpstatus', 'code'])

/** Numbers with these names mean that `ok` and `success` are counts too. */
const OUTCOMES: ReadonlySet<string> = new Set(
  'fail fails failed failure failures warning warnings critical unknown pending skipped'.split(' '),
)

const FAILED = /^(?:error|fail|failed|failure)$/i

/**
 * Finds a sign in a response that it failed, as many APIs respond with the status 200: a non-empty `error`,
 * `"success": false` or 0, `"status": "error"`, `"code": 500`. Only its top level counts.
 * @returns undefined when there is none
 */
export function failureIn(document: Json): string | undefined {
  if (!isObject(document)) return undefined
  const counts = Object.entries(document).some(
    ([key, value]) => typeof value === 'number' && OUTCOMES.has(plain(key)),
  )
  const sign = Object.entries(document).find(
    ([key, value]) => isFailure(plain(key), value) && !(counts && value === 0),
  )
  if (sign === undefined) return undefined
  const [key, value] = sign
  const shown = FAULTS.has(plain(key)) ? 'not empty' : JSON.stringify(value)
  return `${key} is ${shown}${quoted(document)}`
}

/** The error message of a document, for the end of a clause. */
function quoted(document: Json): string {
  const reason = reasonIn(document)
  return reason === undefined ? '' : ` (${reason})`
}

function isFailure(name: string, value: Json): boolean {
  if (FAULTS.has(name)) return !isNothing(value)
  if (SUCCESS.has(name)) return scalarText(value) === 'false' || scalarText(value) === '0'
  if (typeof value === 'number') return CODE.has(name) && value >= 400 && value < 600
  return STATUS.has(name) && typeof value === 'string' && FAILED.test(value)
}
