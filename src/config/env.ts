import { resolve } from 'node:path'
import { concealed } from '../base/urls.ts'
import { literalTemplate } from '../mapping/template.ts'
import { JSON_FORMAT } from '../model/document.ts'
import { parseDuration } from '../model/duration.ts'
import { DEFAULT_GUARD } from '../roll/rules.ts'
import { DEFAULT_HTTP_CLIENT } from '../sources/http/requester.ts'
import { DEFAULT_MAX_RESPONSE_BYTES } from '../sources/http/source.ts'
import { type Given, readOption, readRequired } from './option.ts'
import { DEFAULT_TIMEOUT, inventoryOptions } from './options.ts'
import type { SourceSettings } from './settings.ts'

/** The name, and the path below `/targets`, of the source that the environment describes. */
export const ENV_SOURCE_NAME = 'inventory'

/** The inventory of a source whose other settings come from the environment. */
export interface Origin {
  readonly name: string
  readonly url: URL
  /** Milliseconds; used when UPDATE_INTERVAL is not set. */
  readonly refreshIntervalMs?: number
}

/**
 * The one source that environment variables describe.
 * @throws UsageError that names the variable
 */
export function envSource(origin: Origin, given: Given): SourceSettings {
  const metricsPath = readRequired(inventoryOptions.metricsPath, given)
  const targetsFile = readOption(inventoryOptions.targetsFile, given)
  const extra = readOption(inventoryOptions.targetLabels, given) ?? []
  const path = metricsPath === '/metrics' ? [] : [['__metrics_path__', metricsPath] as const]
  const interval = given.env[inventoryOptions.updateInterval.env]
  return {
    name: origin.name,
    // The environment of a process does not change.
    fingerprint: '',
    source: {
      kind: 'http',
      method: 'GET',
      url: concealed(origin.url),
      format: JSON_FORMAT,
      maxResponseBytes: DEFAULT_MAX_RESPONSE_BYTES,
      ...DEFAULT_HTTP_CLIENT,
    },
    plan: {
      records: undefined,
      mapping: {
        source: origin.name,
        targets: [],
        labels: [...path, ...extra].map(([name, value]) => [name, literalTemplate(value)]),
        metaLabels: false,
        defaultPort: readRequired(inventoryOptions.metricsPort, given),
      },
      relabelConfigs: [],
    },
    guard: DEFAULT_GUARD,
    refreshIntervalMs:
      (interval ?? '') === '' && origin.refreshIntervalMs !== undefined
        ? origin.refreshIntervalMs
        : readRequired(inventoryOptions.updateInterval, given),
    timeoutMs: parseDuration(DEFAULT_TIMEOUT) as number,
    required: true,
    maxStalenessMs: Number.POSITIVE_INFINITY,
    fileSd: targetsFile === undefined ? undefined : resolve(targetsFile),
  }
}

/** The variables that are set although a configuration file describes the sources. */
export function ignoredVariables(given: Given): string[] {
  return Object.values(inventoryOptions)
    .map((option) => option.env)
    .filter((name) => (given.env[name] ?? '') !== '')
}
