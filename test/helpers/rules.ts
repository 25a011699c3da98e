import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** A rule as Prometheus and Loki read it. */
export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/** An alert rule, with the file it stands in. */
export interface AlertRule extends Rule {
  readonly alert: string
  readonly file: string
}

/** The files of rules for Prometheus. */
export const RULE_FILES = filesIn('prometheus/rules', '.yml')

/** The file of rules for Loki. */
export const LOKI_RULES = 'prometheus/loki/rules.yml'

/** Every rule of a file. */
export function rulesOf(file: string): Rule[] {
  const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] }
  return groups.flatMap(({ rules }) => rules)
}

/** Every alert rule of some files. */
export function alertsOf(files: readonly string[]): AlertRule[] {
  return files.flatMap((file) =>
    rulesOf(file).flatMap((rule) => (rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert, file }])),
  )
}

/** The files of a folder whose names end so, in order, with the folder. */
export function filesIn(folder: string, end: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(end))
  return names.sort().map((name) => join(folder, name))
}
