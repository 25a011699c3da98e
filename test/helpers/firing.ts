import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import type { Labels } from './alertmanager.ts'

/** Series with their values, one a minute, in the notation of promtool. */
export type Series = Readonly<Record<string, string>>

/**
 * The alerts that fire, by promtool, after so many minutes.
 * @param rules the files of rules, which are evaluated once a minute
 * @throws Error with what promtool says of rules or series that are wrong
 */
export async function firingAlerts(
  promtool: string,
  rules: readonly string[],
  series: Series,
  minutes: readonly number[],
): Promise<ReadonlyMap<number, readonly Labels[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-rules-'))
  const file = join(folder, 'firing.test.yml')
  const inputs = Object.entries(series).map(([one, values]) => ({ series: one, values }))
  // No alert is expected at any time, so that promtool names those that there are.
  const asked = minutes.map((after) => ({ expr: 'ALERTS{alertstate="firing"}', eval_time: `${after}m` }))
  const tests = [{ interval: '1m', input_series: inputs, promql_expr_test: asked }]
  const rule_files = rules.map((one) => resolve(one))
  writeFileSync(file, stringify({ rule_files, evaluation_interval: '1m', tests }))
  const said = await new Promise<string>((done) => {
    execFile(promtool, ['test', 'rules', file], { maxBuffer: 2 ** 26 }, (_, out, err) => done(out + err))
  })
  rmSync(folder, { recursive: true })
  if (!/SUCCESS|got:/.test(said)) throw new Error(said)
  const found = new Map<number, Labels[]>(minutes.map((after) => [after, []]))
  for (const [, hours = 0, rest = 0, got] of said.matchAll(/time: (?:(\d+)h)?(?:(\d+)m)?.*?got: (.*?)\n/gs))
    found.set(60 * Number(hours) + Number(rest), labelSets(String(got)))
  return found
}

/** The labels of every ALERTS in what promtool prints. */
function labelSets(text: string): Labels[] {
  return [...text.matchAll(/\{([^}]*)\}/g)].map(([, labels]) => {
    const pairs = [...(labels as string).matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value])
    const { __name__, alertstate, ...rest } = Object.fromEntries(pairs)
    return rest
  })
}
