import { type Labels, sortedLabels } from '../../src/model/labels.ts'
import type { RelabelConfig } from '../../src/relabel/config.ts'
import { compileRelabel, isDropped, relabel } from '../../src/relabel/relabel.ts'

type LabelMap = Readonly<Record<string, string>>

/** One target as `promtool check service-discovery` reports it. */
export interface SdResult {
  readonly discoveredLabels: LabelMap
  /** Empty when the target was dropped. */
  readonly labels: LabelMap
  readonly error?: object
}

/** The part of a scrape configuration that relabelling sees. */
export interface ScrapeConfig {
  readonly job_name: string
  readonly scrape_interval?: string
  readonly scrape_timeout?: string
  readonly metrics_path?: string
  readonly scheme?: string
  readonly params?: Readonly<Record<string, readonly string[]>>
  readonly static_configs: readonly { readonly targets: readonly string[]; readonly labels?: LabelMap }[]
  readonly relabel_configs?: readonly RelabelConfig[]
}

/** Does to the targets of a job what Prometheus does around relabelling (`scrape/target.go`). */
export function populate(config: ScrapeConfig): SdResult[] {
  const rules = compileRelabel(config.relabel_configs ?? [])
  return config.static_configs.flatMap(({ targets, labels }) =>
    targets.map((address) => {
      const discovered = discoveredLabels(config, { ...labels, __address__: address })
      const result = relabel(discovered, rules)
      const before = Object.fromEntries(discovered)
      if (isDropped(result)) return { discoveredLabels: before, labels: {} }
      const final = new Map(result)
      const relabelled = final.get('__address__')
      if (relabelled === undefined) return { discoveredLabels: before, labels: {}, error: {} }
      for (const name of final.keys()) if (name.startsWith('__meta_')) final.delete(name)
      if (!final.has('instance')) final.set('instance', relabelled)
      return { discoveredLabels: before, labels: Object.fromEntries(final) }
    }),
  )
}

/** The labels of a target before relabelling: its own, then those of the job where it has none. */
export function discoveredLabels(config: ScrapeConfig, labels: LabelMap): Labels {
  const params = Object.entries(config.params ?? {}).flatMap(([name, [first]]) =>
    first === undefined ? [] : [[`__param_${name}`, first] as const],
  )
  const defaults = {
    ...Object.fromEntries(params),
    job: config.job_name,
    __scrape_interval__: config.scrape_interval ?? '1m',
    __scrape_timeout__: config.scrape_timeout ?? '10s',
    __metrics_path__: config.metrics_path ?? '/metrics',
    __scheme__: config.scheme ?? 'http',
  }
  const given = Object.entries(labels).filter(([, value]) => value !== '')
  return sortedLabels(new Map(Object.entries({ ...defaults, ...Object.fromEntries(given) })))
}
