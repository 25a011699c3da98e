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
  /** Labels that a discovered target has although they were not served. */
  readonly place: LabelMap
  /** Its relabel rules; undefined: they are not known, or not understood. */
  readonly rules: readonly RelabelRule[] | undefined
  /** The source labels of each rule. */
  readonly sourceLabels: readonly (readonly string[])[]
  /** Whether labels of the metrics replace those of the target. */
  readonly honorsLabels: boolean
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
    // Rules of another grammar, such as those that only vmagent knows.
    return { rules: undefined, sourceLabels: [] }
  }
}

/** vmagent has keys of its own, such as `if`, without which a rule says something else. */
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
export function droppedWhy(pool: Pool, discovered: LabelMap): string {
  const rule = droppingRule(pool, discovered)
  if (rule !== undefined) return `dropped by ${rule}`
  return `dropped by a relabel rule of pool ${pool.name}; which one cannot be told`
}

/** The rule of a pool that would drop a served target, in words; undefined: none that is known. */
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

/** As rules take them: sorted by name, none of them empty. */
function sortedLabels(labels: LabelMap): Labels {
  const kept = Object.entries(labels).filter(([, value]) => value !== '')
  return kept.sort(([a], [b]) => compareText(a, b))
}

/** So many labels that a job changes are named. */
const MAX_CHANGES = 3

/** What a pool does to labels of a served target that its series would have, a sentence each. */
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

/** What became of labels that were served, in words. */
function changesTo(served: LabelMap, before: Labels, after: Labels): string[] {
  const now = new Map(after)
  // Hardly any rule changes a label that was served.
  const shown = (label: string, value: string) =>
    JSON.stringify(createMasker(null, [before, after]).label(label, value))
  return before.flatMap(([label, value]) => {
    const next = now.get(label)
    if (next === value || label.startsWith('__') || !Object.hasOwn(served, label)) return []
    if (next === undefined) return `removes ${label}`
    return `overwrites ${label}: ${shown(label, value)} becomes ${shown(label, next)}`
  })
}
