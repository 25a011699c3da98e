import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start } from './cli.ts'
import type { Scope } from './scope.ts'
import { until } from './until.ts'

/** A recipe of `examples/` in a folder of its own. */
export interface Recipe {
  readonly folder: string
  /** Starts Rollcall with it, and waits until it has a list. */
  start(env?: Record<string, string>): Promise<Running>
}

/**
 * Copies a recipe.
 * @param replaced texts of its configuration that stand for what is elsewhere here
 */
export function copyRecipe(scope: Scope, name: string, replaced: Readonly<Record<string, string>>): Recipe {
  const folder = scope.testdir()
  cpSync(join('examples', name), folder, { recursive: true })
  const file = join(folder, 'rollcall.yml')
  let text = readFileSync(file, 'utf8')
  for (const [before, after] of Object.entries(replaced)) {
    if (!text.includes(before)) throw new Error(`${name} has no ${before}`)
    text = text.replaceAll(before, after)
  }
  writeFileSync(file, text)
  const args = [
    `--config.file=${file}`,
    `--storage.path=${join(folder, 'data')}`,
    '--web.enable-lifecycle',
    '--enable-command-sources',
  ]
  return {
    folder,
    async start(env = {}) {
      const running = await start(scope, args, env)
      await until('it has a list', async () => (await fetch(`${running.url}/ready`)).ok)
      return running
    },
  }
}

/** What a server serves: the labels of each target by its address. */
export async function servedTargets(url: string): Promise<Record<string, Record<string, string>>> {
  const groups = (await (await fetch(`${url}/targets`)).json()) as {
    targets: string[]
    labels: Record<string, string>
  }[]
  const served: Record<string, Record<string, string>> = {}
  for (const { targets, labels } of groups)
    for (const target of targets) {
      if (served[target] !== undefined) throw new Error(`${target} is served twice`)
      const { __meta_rollcall_source: _source, ...own } = labels
      served[target] = own
    }
  return served
}
