import { withoutEndSlashes } from '../base/urls.ts'
import type { LabelMap } from './explanation.ts'
import { hashmod } from './hashmod.ts'

/** The part of the served targets that a URL selects. */
export interface Asked {
  /** The path and parameters, which identify the poller. */
  readonly url: string
  /** Undefined: all sources. */
  readonly source: string | undefined
  readonly shard: { readonly index: number; readonly count: number } | undefined
  readonly labels: readonly (readonly [name: string, value: string])[]
}

const LIST_PATH = /^\/targets(?:\/([^/]+))?\/?$/
const SHARD = /^(\d+)\/([1-9]\d*)$/
const LABEL = 'label.'

/** Parses the URL of a list of this Rollcall; undefined when it is not one. */
export function askedBy(text: string, externalUrl: URL | undefined): Asked | undefined {
  if (!URL.canParse(text)) return undefined
  const { pathname, search, searchParams } = new URL(text)
  const prefix = withoutEndSlashes(externalUrl?.pathname ?? '')
  const path = prefix !== '' && pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname
  return askedIn(path, search, searchParams)
}

/** Parses the path and parameters of a list of this Rollcall, which identify a poller. */
export function askedByPoller(url: string): Asked | undefined {
  const [path = '', query = ''] = url.split('?', 2)
  return askedIn(path, query === '' ? '' : `?${query}`, new URLSearchParams(query))
}

function askedIn(path: string, search: string, searchParams: URLSearchParams): Asked | undefined {
  const match = LIST_PATH.exec(path)
  if (match === null) return undefined
  const [, index, count] = (SHARD.exec(searchParams.get('shard') ?? '') ?? []).map(Number)
  return {
    url: path + search,
    source: match[1],
    shard: index === undefined || count === undefined ? undefined : { index, count },
    labels: [...searchParams]
      .filter(([name]) => name.startsWith(LABEL))
      .map(([name, value]) => [name.slice(LABEL.length), value] as const),
  }
}

/** A target as it is served. */
export interface ServedTarget {
  readonly source: string
  readonly address: string
  readonly labels: LabelMap
}

/** Why a URL does not select a served target; undefined when it does. */
export function notAskedFor({ url, source, shard, labels }: Asked, target: ServedTarget): string | undefined {
  if (source !== undefined && source !== target.source) return `asks only for ${url}`
  if (shard !== undefined) {
    const index = hashmod(target.address, shard.count)
    if (index !== shard.index)
      return `asks for another shard (${url}); the target is in ${index}/${shard.count}`
  }
  const other = labels.find(([name, value]) => target.labels[name] !== value)
  if (other === undefined) return undefined
  const [name] = other
  const own = target.labels[name]
  const what = own === undefined ? `no ${name}` : `${name}=${JSON.stringify(own)}`
  return `asks for another view (${url}); the target has ${what}`
}
