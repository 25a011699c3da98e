import { fieldOf, isObject, type Json, kindOf } from '../../../model/record.ts'
import type { RequestBody } from '../requester.ts'
import type { Place } from './options.ts'

/** The two parts of a request that differ from page to page. */
export interface PageRequest {
  readonly url: URL
  readonly body: RequestBody | undefined
}

/** The content type of a body that is JSON. */
export const JSON_TYPE = 'application/json'

/** A copy of the request with a cursor, a page number or an offset set. */
export function withValue(request: PageRequest, place: Place, value: string | number): PageRequest {
  if (place.in === 'query') return { ...request, url: withParameter(request.url, place.parameter, value) }
  const text = JSON.stringify(withField(place.body, place.path, value))
  return { ...request, body: { text, contentType: JSON_TYPE } }
}

/** Leaves the rest of the query unchanged. URLSearchParams would encode it anew, which some servers do not accept. */
function withParameter(url: URL, name: string, value: string | number): URL {
  const pairs = url.search.slice(1).split('&')
  const others = pairs.filter((pair) => pair !== '' && !new URLSearchParams(pair).has(name))
  const changed = new URL(url)
  changed.search = [...others, `${encodeURIComponent(name)}=${encodeURIComponent(value)}`].join('&')
  return changed
}

/**
 * A copy of an object with one field set, at any depth; missing objects on its path are created.
 * @throws Error when a value on the path is not an object
 */
export function withField(value: Json, [key, ...rest]: readonly string[], field: Json): Json {
  if (key === undefined) return field
  if (value !== null && !isObject(value)) {
    throw new Error(`body has ${kindOf(value)} where the key ${JSON.stringify(key)} would be`)
  }
  return { ...value, [key]: withField(fieldOf(value, key) ?? null, rest, field) }
}
