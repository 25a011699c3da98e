import { HttpError } from '../base/errors.ts'
import type { SourceState, Store } from '../snapshot/store.ts'

export const SOURCE_NAME = /^[a-zA-Z0-9_-]{1,63}$/

/**
 * The source that a request names.
 * @throws HttpError `bad_request` when it cannot be a name, `source_not_found` when there is none
 */
export function findSource(store: Pick<Store, 'get' | 'list'>, name: string): SourceState {
  if (!SOURCE_NAME.test(name)) {
    throw new HttpError('bad_request', 'a source name has letters, digits, "_" and "-", 63 at most')
  }
  const state = store.get(name)
  if (state !== undefined) return state
  const known = store.list().map((one) => one.name)
  throw new HttpError('source_not_found', `there is no source ${name}; there is ${known.join(', ')}`)
}

/**
 * The source that the parameter `source` names, of a route that has no other.
 * @param known the parameters of the route, for the message
 * @returns undefined when none is named
 * @throws HttpError `bad_request`, `source_not_found`
 */
export function sourceIn(
  query: unknown,
  store: Pick<Store, 'get' | 'list'>,
  known = 'source',
): string | undefined {
  const { source, ...others } = query as Record<string, unknown>
  if (Object.keys(others).length > 0 || Array.isArray(source)) {
    throw new HttpError('bad_request', `there is no other parameter than ${known}, each at most once`)
  }
  return source === undefined ? undefined : findSource(store, String(source)).name
}

/**
 * A whole number that a parameter gives.
 * @returns undefined when the parameter is not there
 * @throws HttpError `bad_request` that says which numbers it may have
 */
export function numberIn(
  name: string,
  text: unknown,
  { least = 1, most = Number.MAX_SAFE_INTEGER } = {},
): number | undefined {
  if (text === undefined) return undefined
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : -1
  if (value >= least && value <= most) return value
  const range = most < Number.MAX_SAFE_INTEGER ? `${least} to ${most}` : `${least} on`
  const shown = JSON.stringify(text).slice(0, 60)
  throw new HttpError('bad_request', `${name} is ${shown}; write a whole number from ${range}`)
}
