import { CHANGE_INTERVAL_MS, DEVICES, FLEET_SIZE, SITES } from '../demo/size.ts'

/** The URL of Rollcall in prometheus/prometheus.yml. */
const SHIPPED_URL = 'http://127.0.0.1:8080'

/** The text that the demo prints when it runs: URLs to open, and a snippet for prometheus.yml. */
export function demoIntroduction(url: string, inventory: URL): string {
  return `
Rollcall serves its demo fleet: ${FLEET_SIZE} sensors at ${SITES.length} sites. Every ${CHANGE_INTERVAL_MS / 1000} seconds one joins, leaves or moves.
${DEVICES} more are in no inventory: they register themselves, and are targets a few seconds from now.
One record of the inventory has no valid host, so that the log shows how a record is quarantined.

  ${url}/targets     what Prometheus gets
  ${url}/health      what the inventory last said
  ${url}/metrics     Rollcall's own metrics
  ${url}/api/v1/explain?q=sensor-03   why a sensor is, or is not, a target
  ${inventory}   the inventory itself

Prometheus discovers and scrapes the sensors, and Rollcall, with this in prometheus.yml:

${prometheusSnippet(url)}
${url === SHIPPED_URL ? 'The same is in prometheus/prometheus.yml. ' : ''}Press Ctrl-C to stop.

`
}

/** The scrape configuration that discovers targets through Rollcall and scrapes Rollcall itself. */
export function prometheusSnippet(url: string): string {
  return `scrape_configs:
  - job_name: sensors
    http_sd_configs:
      - url: ${url}/targets
        refresh_interval: 10s
  - job_name: rollcall
    static_configs:
      - targets: ['${new URL(url).host}']
`
}
