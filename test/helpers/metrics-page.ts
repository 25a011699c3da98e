import type { Metrics } from '../../src/base/metrics.ts'

/** The page that lists every metric. */
export const METRICS_PAGE = 'docs/metrics.md'

/** What the page must say: made from the metrics themselves. */
export async function metricsPage({ registry, startCluster, startScrapes }: Metrics): Promise<string> {
  startCluster()
  startScrapes()
  const metrics = (await registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith('rollcall_'))
  const rows = metrics.map(
    ({ name, help, type }) => `| \`${name}\` | ${typeName(String(type))} | ${help} |\n`,
  )
  return `# Metrics

Rollcall's own metrics on \`/metrics\`. It also has the usual metrics of a Node.js process (\`process_…\`, \`nodejs_…\`). This page is written by \`npm run docs\`; a test fails when it is stale.

| metric | type | meaning |
|---|---|---|
${rows.join('')}`
}

function typeName(type: string): string {
  return ['counter', 'gauge', 'histogram'].includes(type) ? type : 'summary'
}
