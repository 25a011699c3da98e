import type { LabelMap } from '../model/explanation.ts'
import { hashmod } from '../model/hashmod.ts'
import { compareText } from '../model/labels.ts'
import { isPlaceLabel } from '../model/target-group.ts'
import { resolveRelabel } from '../relabel/options.ts'
import { compileRelabel, isDropped, type RelabelRule, relabel } from '../relabel/relabel.ts'
import { validateRelabel } from '../relabel/validate.ts'
import type { ScrapeConfigs, ScrapeJob } from './scrape-config.ts'

/** What of the served targets a URL asks for. */
export interface Asked {
  /** The URL as pollers are known by: path and parameters. */
  readonly url: string
  /** Undefined: those of all sources. */
  readonly source: string | undefined
  readonly shard: { readonly index: number; readonly count: number } | undefined
  readonly labels: readonly (readonly [name: string, value: string])[]
}

/** A scrape pool that discovers through this Rollcall. */
export interface Pool {
  readonly name: string
  readonly asks: readonly Asked[]
  /** Labels that a discovered target has although they were not served. */
  readonly place: LabelMap
  /** Its relabel rules; undefined: they are not known, or not understood. */
  readonly rules: readonly RelabelRule[] | undefined
  /** The source labels of each rule. */
  readonly sourceLabels: readonly (readonly string[])[]
}

/** What a pool has, of a server that does not tell its configuration. */
export const UNKNOWN_PLACE: LabelMap = { __scheme__: 'http', __metrics_path__: '/metrics' }

/** The pools of a server that discover through this Rollcall. */
export function poolsOf({ jobs }: ScrapeConfigs, externalUrl: URL | undefined): readonly Pool[] {
  const ours = jobs.flatMap((job) => {
    const urls = job.urls.filter((url) => askedBy(url, externalUrl) !== undefined)
    return urls.length === 0 ? [] : [{ job, urls }]
  })
  const named = ours.filter(({ urls }) => urls.some((url) => new URL(url).host === externalUrl?.host))
  // By whichever name a server reaches Rollcall when none is that which people use.
  const chosen = named.length > 0 ? named : ours
  return chosen.map(({ job, urls }) => poolOf(job, urls, externalUrl))
}

function poolOf(job: ScrapeJob, urls: readonly string[], externalUrl: URL | undefined): Pool {
  const { name, place, relabelConfigs } = job
  return {
    name,
    asks: urls.flatMap((url) => askedBy(url, externalUrl) ?? []),
    place,
    ...compileRules(relabelConfigs),
  }
}

function compileRules(configs: ScrapeJob['relabelConfigs']): Pick<Pool, 'rules' | 'sourceLabels'> {
  try {
    if (configs.some((config) => validateRelabel(config, 'utf8').length > 0)) throw new TypeError('not ours')
    const sourceLabels = configs.map((config) => resolveRelabel(config).sourceLabels)
    return { rules: compileRelabel(configs, 'utf8'), sourceLabels }
  } catch {
    // Rules of another grammar, such as those that only vmagent knows.
    return { rules: undefined, sourceLabels: [] }
  }
}

const LIST_PATH = /^\/targets(?:\/([^/]+))?\/?$/
const SHARD = /^(\d+)\/([1-9]\d*)$/
const LABEL = 'label.'

/** What a URL asks of this Rollcall; undefined when it cannot be one of its lists. */
export function askedBy(text: string, externalUrl: URL | undefined): Asked | undefined {
  if (!URL.canParse(text)) return undefined
  const { pathname, search, searchParams } = new URL(text)
  const prefix = externalUrl?.pathname.replace(/\/+$/, '') ?? ''
  const path = prefix !== '' && pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname
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

/** Why a URL does not ask for a served target; undefined when it does. */
export function notAskedFor({ url, source, shard, labels }: Asked, target: ServedTarget): string | undefined {
  if (source !== undefined && source !== target.source) return `asks only for ${url}`
  if (shard !== undefined && hashmod(target.address, shard.count) !== shard.index)
    return `asks for another shard (${url})`
  const other = labels.some(([name, value]) => target.labels[name] !== value)
  return other ? `asks for another view (${url})` : undefined
}

const UNDERSCORE = 0x5f

/**
 * What tells the targets of one source and one address apart: the labels that decide where they are scraped, without
 * those that the pool gives every target.
 */
export function placeIn(labels: LabelMap, place: LabelMap): string {
  let text = ''
  for (const name in labels) {
    const value = labels[name]
    if (name.charCodeAt(0) === UNDERSCORE && isPlaceLabel(name) && value !== '' && value !== place[name])
      text += `\t${name}=${value}`
  }
  return text === '' || text.indexOf('\t', 1) === -1 ? text : sorted(text)
}

function sorted(text: string): string {
  return text.split('\t').sort(compareText).join('\t')
}

/** Which rule of its pool drops a discovered target, in words. */
export function droppedWhy({ name, rules, sourceLabels }: Pool, discovered: LabelMap): string {
  const unknown = `dropped by a relabel rule of pool ${name}`
  if (rules === undefined) return `${unknown}; which one cannot be told`
  const labels = Object.entries(discovered).filter(([, value]) => value !== '')
  const after = relabel(
    labels.sort(([a], [b]) => compareText(a, b)),
    rules,
  )
  if (!isDropped(after)) return `${unknown}; which one cannot be told`
  const rule = rules[after.droppedBy] as RelabelRule
  const on = sourceLabels[after.droppedBy]?.join(', ')
  return `dropped by rule ${after.droppedBy + 1} (${rule.action}${on === '' ? '' : ` on ${on}`}) of pool ${name}`
}
