import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { parse, stringify } from 'yaml'
import { freePort } from './prometheus.ts'
import { startTool } from './tool-process.ts'
import { findTool } from './tools.ts'
import { until } from './until.ts'

/** The shipped configuration of Alertmanager. */
export const ALERTMANAGER_CONFIG = 'prometheus/alertmanager.yml'

/** The labels of an alert. */
export type Labels = Readonly<Record<string, string>>

/** What a receiver got. */
export interface Notification {
  readonly receiver: string
  readonly alerts: readonly { readonly labels: Labels }[]
}

/** Alertmanager, as Debian or others call it. */
export function findAlertmanager(): string | undefined {
  return findTool('prometheus-alertmanager', 'ALERTMANAGER') ?? findTool('alertmanager')
}

/**
 * Starts an Alertmanager with the shipped configuration, whose receivers all tell the test.
 * @param inhibitRules those of the configuration by default
 */
export async function startAlertmanager(t: Test, binary: string, inhibitRules?: readonly object[]) {
  const notifications: Notification[] = []
  const receiver = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    notifications.push(JSON.parse(body))
    response.end()
  })
  await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve))
  t.teardown(() => receiver.close())
  const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const folder = t.testdir({ data: {} })
  const config = join(folder, 'alertmanager.yml')
  const shipped = parse(readFileSync(ALERTMANAGER_CONFIG, 'utf8'))
  const inhibit_rules = inhibitRules ?? shipped.inhibit_rules
  writeFileSync(config, hasty(stringify({ ...shipped, inhibit_rules }), webhook))
  const url = `http://127.0.0.1:${await freePort()}`
  const args = [
    `--config.file=${config}`,
    `--storage.path=${join(folder, 'data')}`,
    `--web.listen-address=${new URL(url).host}`,
    '--cluster.listen-address=',
  ]
  await startTool(t, 'Alertmanager', binary, args, `${url}/-/ready`)
  const post = async (alerts: readonly object[]) => {
    const answer = await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    })
    if (answer.status !== 200) throw new Error(await answer.text())
  }
  let settled = 0
  return {
    notifications,
    send: (firing: readonly Labels[]) => post(firing.map((labels) => ({ labels }))),
    resolve: (ended: readonly Labels[]) =>
      post(ended.map((labels) => ({ labels, endsAt: new Date(Date.now() - 1).toISOString() }))),
    /** Waits until everything that was sent has been told, or held back: two alerts that were sent after it were told. */
    async settle() {
      for (let round = 0; round < 2; round++) {
        const alertname = `Settled${++settled}`
        await post([{ labels: { alertname } }])
        const isIt = ({ alerts }: Notification) => alerts[0]?.labels.alertname === alertname
        await until(`a notification of ${alertname}`, () => notifications.some(isIt))
        notifications.splice(notifications.findIndex(isIt), 1)
      }
    },
    async heldBack() {
      const listed = (await (await fetch(`${url}/api/v2/alerts`)).json()) as {
        labels: Labels
        status: { inhibitedBy: string[] }
      }[]
      return listed.filter(({ status }) => status.inhibitedBy.length > 0).map(({ labels }) => labels)
    },
  }
}

/** The configuration with receivers, and waits that a test has time for. */
function hasty(config: string, webhook: string): string {
  return config
    .replace(/group_(wait|interval): \w+/g, 'group_$1: 1s')
    .replace(/^ {2}- name: \w+$/gm, `$&\n    webhook_configs: [{ url: "${webhook}", send_resolved: false }]`)
}
