import type { Labels } from '../model/labels.ts'

/** What decides where a target is scraped, beside its address; other labels may change without a new target. */
const PLACE_LABEL = /^__(?:scheme__|metrics_path__|param_)/

/** How one list of targets differs from the one before. */
export interface Diff {
  readonly added: number
  readonly removed: ReadonlySet<string>
}

/** One group of an encoded list. */
interface EncodedGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** The groups of an encoded list. */
export function groupsIn(body: Buffer): readonly EncodedGroup[] {
  return JSON.parse(body.toString())
}

/**
 * The targets of an encoded list, each as what Prometheus would scrape: address, scheme, path and parameters.
 * A hundred devices behind one exporter's address are a hundred targets, and one that moves to another site
 * is still the same.
 */
export function targetsIn(body: Buffer): Set<string> {
  const targets = new Set<string>()
  for (const group of groupsIn(body)) {
    const suffix = placeOf(Object.entries(group.labels))
    for (const target of group.targets) targets.add(target + suffix)
  }
  return targets
}

/** What must follow the address of a target for two that Prometheus scrapes alike to be the same text. */
export function placeOf(labels: Labels): string {
  const place = labels.filter(([name]) => PLACE_LABEL.test(name))
  return place.length === 0 ? '' : ` ${JSON.stringify(place)}`
}

/** What joined and what left. */
export function diffTargets(before: ReadonlySet<string>, after: ReadonlySet<string>): Diff {
  const removed = new Set([...before].filter((target) => !after.has(target)))
  return { added: after.size - (before.size - removed.size), removed }
}
