import type { Labels } from './labels.ts'

/** One scrape target before packing: its address, and its labels for Prometheus. */
export interface Target {
  readonly address: string
  readonly labels: Labels
}

/** Targets with equal labels, as `http_sd_configs` and `file_sd_configs` read them. */
export interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Labels
}

/** The label on every group that names the source it came from. */
export const SOURCE_LABEL = '__meta_rollcall_source'

/**
 * Labels that, beside the address, decide where a target is scraped; other labels may change without a new
 * target.
 */
const PLACE_LABEL = /^__(?:scheme__|metrics_path__|param_)/

/** Whether a label decides where a target is scraped. */
export function isPlaceLabel(name: string): boolean {
  return PLACE_LABEL.test(name)
}

/**
 * Separates the address and the place of a target; an address may contain spaces, but no control character.
 */
const PLACE_MARK = '\t'

/**
 * The rest of a target's identity after its address: two targets that Prometheus scrapes alike have equal
 * identities.
 */
export function placeOf(labels: Labels): string {
  const place = labels.filter(([name]) => PLACE_LABEL.test(name))
  return place.length === 0 ? '' : PLACE_MARK + JSON.stringify(place)
}

/** Splits the identity of a target into its address and its place labels. */
export function splitIdentity(identity: string): { readonly address: string; readonly place: Labels } {
  const end = identity.indexOf(PLACE_MARK)
  if (end === -1) return { address: identity, place: [] }
  return { address: identity.slice(0, end), place: JSON.parse(identity.slice(end)) as Labels }
}
