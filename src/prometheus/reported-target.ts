import type { LabelMap } from '../model/explanation.ts'
import { SOURCE_LABEL } from '../model/target-group.ts'
import { parseJson } from './json-elements.ts'

/** A target as a server reports it; it may report anything. */
export interface ReportedTarget {
  readonly discoveredLabels?: unknown
  readonly scrapePool?: unknown
  readonly health?: unknown
  readonly lastError?: unknown
  readonly lastScrape?: unknown
}

/** The text before the labels, the pool and the rest of an active target, as Prometheus writes it. */
const DISCOVERED = '{"discoveredLabels":{'
const LABELS = '},"labels":{'
const POOL = '},"scrapePool":"'

/** The labels that identify a target, and those that say where it is scraped. */
const NAMES = ['__address__', SOURCE_LABEL, '__meta_url', '__scheme__', '__metrics_path__', 'job'] as const
const PATTERNS = NAMES.map((name) => `"${name}":"`)
const PARAMETER = '"__param_'

/**
 * Reads an active target that is not down, as Prometheus writes it, several times as fast as JSON is parsed;
 * only the needed labels. In a JSON string each `"` has a backslash before it, so that a pattern can only
 * match a key.
 * @returns undefined for any other target, which has to be parsed
 */
export function readQuickly(text: string): ReportedTarget | undefined {
  if (!text.startsWith(DISCOVERED)) return undefined
  const labelsAt = text.indexOf(LABELS, DISCOVERED.length)
  const poolAt = labelsAt === -1 ? -1 : text.indexOf(POOL, labelsAt)
  if (poolAt === -1) return undefined
  const scrapePool = valueAfter(text, POOL, poolAt)
  const lastScrape = valueAfter(text, '"lastScrape":"', poolAt)
  const health = valueAfter(text, '"health":"', poolAt)
  const head = text.slice(DISCOVERED.length - 1, labelsAt)
  const isPlain = health !== undefined && health !== 'down' && scrapePool !== undefined
  if (!isPlain || head.includes('\\') || head.includes(PARAMETER)) return undefined
  return { discoveredLabels: labelsIn(head), scrapePool, health, lastScrape }
}

/** The labels of {@link NAMES} in the text of labels without backslashes. */
function labelsIn(head: string): LabelMap {
  const labels: Record<string, string> = {}
  for (const [index, name] of NAMES.entries()) {
    const value = valueAfter(head, PATTERNS[index] as string, 0)
    if (value !== undefined) labels[name] = value
  }
  return labels
}

/** The text after a pattern; undefined when there is none, or one with a backslash. */
function valueAfter(text: string, pattern: string, from: number): string | undefined {
  const at = text.indexOf(pattern, from)
  if (at === -1) return undefined
  const start = at + pattern.length
  const value = text.slice(start, text.indexOf('"', start))
  return value.includes('\\') ? undefined : value
}

/** @throws RefreshError `parse` */
export function readTarget(text: string): ReportedTarget {
  return readQuickly(text) ?? (parseJson(text) as ReportedTarget)
}
