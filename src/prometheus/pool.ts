import { type Asked, askedBy, type ServedTarget } from '../model/asked.ts'
import type { LabelMap } from '../model/explanation.ts'
import { compareText, type Labels } from '../model/labels.ts'
import { createMasker } from '../model/mask.ts'
import { isPlaceLabel } from '../model/target-group.ts'
import type { RelabelConfig } from '../relabel/config.ts'
import { resolveRelabel } from '../relabel/options.ts'
import { compileRelabel, isDropped, type RelabelRule, relabel, relabelSteps } from '../relabel/relabel.ts'
import { validateRelabel } from '../relabel/validate.ts'
import type { ScrapeConfigs, ScrapeJob } from './scrape-config.ts'

/** A scrape pool that discovers through this Rollcall. */
export interface Pool {
  readonly name: string
  readonly asks: readonly Asked[]
  /** Labels that a discovered target has in addition to the served ones. */
  readonly place: LabelMap
  /** Its relabel rules; undefined: unknown, or not supported. */
  readonly rules: readonly RelabelRule[] | undefined
  /** The source labels of each rule. */
  readonly sourceLabels: readonly (readonly string[])[]
  /** Whether labels of the metrics replace those of the target. */
  readonly honorsLabels: boolean
}

/** The defaults of a pool if the server does not show its configuration. */
export const UNKNOWN_PLACE: LabelMap = { __scheme__: 'http', __metrics_path__: '/metrics' }

/** The pools of a server that discover through this Rollcall. */
export function poolsOf({ jobs }: ScrapeConfigs, externalUrl: URL | undefined): readonly Pool[] {
  const ours = jobs.flatMap((job) => {
    const urls = job.urls.filter((url) => askedBy(url, externalUrl) !== undefined)
    return urls.length === 0 ? [] : [{ job, urls }]
  })
  const named = ours.filter(({ urls }) => urls.some((url) => new URL(url).host === externalUrl?.host))
  // If no job uses the external URL, any host name of Rollcall counts.
  const chosen = named.length > 0 ? named : ours
  return chosen.map(({ job, urls }) => poolOf(job, urls, externalUrl))
}

function poolOf(job: ScrapeJob, urls: readonly string[], externalUrl: URL | undefined): Pool {
  const { name, place, relabelConfigs, honorsLabels } = job
  return {
    name,
    asks: urls.flatMap((url) => askedBy(url, externalUrl) ?? []),
    place,
    honorsLabels,
    ...compileRules(relabelConfigs),
  }
}

function compileRules(configs: ScrapeJob['relabelConfigs']): Pick<Pool, 'rules' | 'sourceLabels'> {
  try {
    if (configs.some((config) => validateRelabel(config, 'utf8').length > 0 || !hasOnlyKnown(config)))
      throw new TypeError('not ours')
    const sourceLabels = configs.map((config) => resolveRelabel(config).sourceLabels)
    return { rules: compileRelabel(configs, 'utf8'), sourceLabels }
  } catch {
    // Rules of another syntax, such as those of vmagent.
    return { rules: undefined, sourceLabels: [] }
  }
}

/** vmagent has additional keys, such as `if`; ignoring one would change the meaning of a rule. */
function hasOnlyKnown(config: object): boolean {
  return Object.keys(config).every((key) => Object.hasOwn(KEYS, key))
}

const KEYS = {
  source_labels: true,
  separator: true,
  target_label: true,
  regex: true,
  modulus: true,
  replacement: true,
  action: true,
} satisfies Record<keyof RelabelConfig, true>

const UNDERSCORE = 0x5f

/**
 * Distinguishes targets of one source with the same address: the labels that decide where they are scraped,
 * without those that the pool gives every target.
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

/** Names the rule of a pool that drops a discovered target. */
export function droppedWhy(pool: Pool, discovered: LabelMap): string {
  const rule = droppingRule(pool, discovered)
  if (rule !== undefined) return `dropped by ${rule}`
  return `dropped by a relabel rule of pool ${pool.name}; which one is unknown`
}

/** Names the rule of a pool that would drop a served target; undefined: no known rule. */
export function wouldDrop(pool: Pool, target: ServedTarget): string | undefined {
  return droppingRule(pool, discoveredAs(pool, target))
}

function droppingRule({ name, rules = [], sourceLabels }: Pool, discovered: LabelMap): string | undefined {
  const after = relabel(sortedLabels(discovered), rules)
  if (!isDropped(after)) return undefined
  const rule = rules[after.droppedBy] as RelabelRule
  const on = sourceLabels[after.droppedBy]?.join(', ')
  return `rule ${after.droppedBy + 1} (${rule.action}${on === '' ? '' : ` on ${on}`}) of pool ${name}`
}

/** The labels that a served target has in a pool before its rules. */
function discoveredAs({ name, place }: Pool, { address, labels }: ServedTarget): LabelMap {
  return { job: name, ...place, ...labels, __address__: address }
}

/** Converts labels for rules: sorted by name, none of them empty. */
function sortedLabels(labels: LabelMap): Labels {
  const kept = Object.entries(labels).filter(([, value]) => value !== '')
  return kept.sort(([a], [b]) => compareText(a, b))
}

/** The number of changed labels that are named. */
const MAX_CHANGES = 3

/**
 * Describes how a pool changes the labels of a served target that its series would have, one sentence each.
 */
export function changesBy(pool: Pool, target: ServedTarget): string[] {
  const { name, rules = [], honorsLabels } = pool
  const discovered = sortedLabels(discoveredAs(pool, target))
  const changes = [...relabelSteps(discovered, rules)].flatMap(({ rule, before, after }) =>
    isDropped(after)
      ? []
      : changesTo(target.labels, before, after).map((what) => `rule ${rule + 1} of pool ${name} ${what}`),
  )
  const honor = `pool ${name} has honor_labels: labels of its metrics replace those of the target`
  return [...changes.slice(0, MAX_CHANGES), ...(honorsLabels ? [honor] : [])]
}

/** Describes the changes to served labels. */
function changesTo(served: LabelMap, before: Labels, after: Labels): string[] {
  const now = new Map(after)
  // Created only when needed: few rules change a served label.
  const shown = (label: string, value: string) =>
    JSON.stringify(createMasker(null, [before, after]).label(label, value))
  return before.flatMap(([label, value]) => {
    const next = now.get(label)
    if (next === value || label.startsWith('__') || !Object.hasOwn(served, label)) return []
    if (next === undefined) return `removes ${label}`
    return `overwrites ${label}: ${shown(label, value)} becomes ${shown(label, next)}`
  })
}
