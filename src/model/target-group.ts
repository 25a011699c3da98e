import type { Labels } from './labels.ts'

/** One scrape target before packing: where it is, and the labels that Prometheus shall see. */
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
