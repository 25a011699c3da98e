/** What decides where a target is scraped, beside its address; other labels may change without a new target. */
const PLACE_LABEL = /^__(?:scheme__|metrics_path__|param_)/

/** How one list of targets differs from the one before. */
export interface Diff {
  readonly added: number
  readonly removed: ReadonlySet<string>
}

/**
 * The targets of an encoded list, each as what Prometheus would scrape: address, scheme, path and parameters.
 * A hundred devices behind one exporter's address are a hundred targets, and one that moves to another site
 * is still the same.
 */
export function targetsIn(body: Buffer): Set<string> {
  const groups = JSON.parse(body.toString()) as { targets: string[]; labels: Record<string, string> }[]
  const targets = new Set<string>()
  for (const group of groups) {
    const place = Object.entries(group.labels).filter(([name]) => PLACE_LABEL.test(name))
    const suffix = place.length === 0 ? '' : ` ${JSON.stringify(place)}`
    for (const target of group.targets) targets.add(target + suffix)
  }
  return targets
}

/** What joined and what left. */
export function diffTargets(before: ReadonlySet<string>, after: ReadonlySet<string>): Diff {
  const removed = new Set([...before].filter((target) => !after.has(target)))
  return { added: after.size - (before.size - removed.size), removed }
}
