import { HttpError } from '../base/errors.ts'
import { isLabelName, isLabelValue } from '../model/labels.ts'
import type { View } from '../snapshot/view-worker.ts'

/** The most shards that a list is cut into. */
const MAX_SHARDS = 1_024

/** The most labels that one request narrows by. */
const MAX_LABELS = 8

/** The longest value that is asked for, in UTF-16 units. */
export const MAX_VALUE_LENGTH = 1_024

export const SHARD = /^(0|[1-9]\d{0,3})\/([1-9]\d{0,3})$/
const LABEL = 'label.'

/**
 * What the parameters of `/targets` ask for: `shard=i/n` and any number of `label.NAME=VALUE`. What is not understood
 * must not silently mean "everything": twice the scrapes, say.
 * @returns undefined when all of the list is wanted
 * @throws HttpError `bad_request`
 */
export function parseView(query: Readonly<Record<string, unknown>>): View | undefined {
  const parameters = Object.entries(query)
  if (parameters.length === 0) return undefined
  const labels: (readonly [string, string])[] = []
  let shard: View['shard']
  for (const [name, value] of parameters) {
    if (typeof value !== 'string') throw bad(`the parameter ${shown(name)} is given more than once`)
    if (name === 'shard') shard = parseShard(value)
    else if (name.startsWith(LABEL)) labels.push(parseLabel(name.slice(LABEL.length), value))
    else throw bad(`the parameter ${shown(name)} is not known here; there are shard=0/2 and label.NAME=VALUE`)
  }
  if (labels.length > MAX_LABELS) throw bad(`${labels.length} labels are more than ${MAX_LABELS}`)
  return { labels, shard }
}

function parseShard(text: string): View['shard'] {
  const [, index, count] = (SHARD.exec(text) ?? []).map(Number)
  if (index === undefined || count === undefined || index >= count || count > MAX_SHARDS) {
    throw bad(
      `shard=${shown(text)} is not i/n with a whole number i from 0 to n - 1, and n from 1 to ${MAX_SHARDS}`,
    )
  }
  return { index, count }
}

function parseLabel(name: string, value: string): readonly [string, string] {
  if (!isLabelName(name, 'utf8')) throw bad(`${shown(name)} is not a label name; write label.NAME=VALUE`)
  if (value === '' || value.length > MAX_VALUE_LENGTH || !isLabelValue(value)) {
    throw bad(`label.${name.slice(0, 60)} needs a value of 1 to ${MAX_VALUE_LENGTH} characters`)
  }
  return [name, value]
}

function bad(message: string): HttpError {
  return new HttpError('bad_request', message)
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}
