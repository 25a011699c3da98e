/** One value of a family. `metricName` is given only if it differs from the family's, as in a histogram. */
export interface Series {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, number | string>>
  readonly value: number
}

/** Series of one name, with type and help. */
export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'untyped'
  readonly help: string
  readonly series: readonly Series[]
}

/** A family of a single value without labels. */
export function single(
  type: 'counter' | 'gauge' | 'untyped',
  name: string,
  help: string,
  value: number,
): Family {
  return { name, type, help, series: [{ labels: {}, value }] }
}

/** The Content-Type of the text. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Families in the Prometheus text format 0.0.4; those without a series are left out. */
export function exposition(families: readonly Family[]): string {
  return families.map(written).join('')
}

function written({ name, type, help, series }: Family): string {
  if (series.length === 0) return ''
  const lines = series.map(
    ({ metricName = name, labels, value }) =>
      `${metricName}${writtenLabels(labels)} ${writtenValue(value)}\n`,
  )
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function writtenLabels(labels: Series['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`))
}

function writtenValue(value: number): string {
  return Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}
