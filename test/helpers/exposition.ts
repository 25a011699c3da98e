/**
 * The value of one series in the Prometheus text format; labels in any order.
 * @returns undefined when there is no such series
 */
export function seriesValue(
  text: string,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = key(labels)
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (match?.[1] !== name) continue
    const found = Object.fromEntries(
      [...(match[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]),
    )
    if (key(found) === wanted) return Number(match[3])
  }
  return undefined
}

function key(labels: Record<string, string>): string {
  return JSON.stringify(Object.entries(labels).sort())
}
