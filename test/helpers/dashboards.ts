import { readFileSync } from 'node:fs'
import { filesIn } from './rules.ts'

/** A query of a panel. */
export interface Target {
  readonly expr: string
  readonly refId: string
  readonly datasource: { readonly uid: string }
}

/** A panel, as far as tests look at it. */
export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets?: readonly Target[]
}

/** A variable at the top of a dashboard. */
export interface Variable {
  readonly name: string
  readonly label: string
  readonly type: string
  readonly definition?: string
  readonly query: unknown
  readonly datasource?: { readonly uid: string }
  readonly refresh: number
  readonly multi: boolean
  readonly allValue?: string
}

/** A dashboard of Grafana, as far as tests look at it. */
export interface Dashboard {
  readonly file: string
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly editable: boolean
  readonly tags: readonly string[]
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly Variable[] }
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
}

/** The shipped dashboards. */
export const DASHBOARDS: readonly Dashboard[] = filesIn('prometheus/dashboards', '.json').map((file) => ({
  ...JSON.parse(readFileSync(file, 'utf8')),
  file,
}))

/** Every query of the panels of a dashboard. */
export function queriesOf({ panels }: Dashboard): { panel: Panel; expr: string }[] {
  return panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => ({ panel, expr })))
}
