import type { Arguments } from '../config/arguments.ts'
import { loadSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'

/**
 * `rollcall check`: validates flags, environment and file with the loader that `serve` uses, without
 * touching the network.
 * @returns what to print
 * @throws UsageError, one line for each thing that is wrong
 */
export async function check(args: Arguments, env: NodeJS.ProcessEnv): Promise<string> {
  const settings = await loadSettings(args, env)
  const notes = settings.warnings.map((warning) => `WARNING: ${warning}\n`)
  return `${notes.join('')}SUCCESS: ${summary(settings)}\n`
}

function summary({ demo, sources }: Settings): string {
  if (demo !== undefined) return 'neither INVENTORY_URL nor --config.file is given: the demo would be served'
  const names = sources.map((source) => source.name).join(', ')
  return `the configuration is valid: ${sources.length} ${sources.length === 1 ? 'source' : 'sources'} (${names})`
}
