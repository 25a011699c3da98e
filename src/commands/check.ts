import { systemClock } from '../base/clock.ts'
import type { Arguments } from '../config/arguments.ts'
import { loadSettings } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { describeQuarantined, describeRun } from './describe-run.ts'
import { chooseSources, dryRun } from './dry-run.ts'
import type { Printed } from './printed.ts'
import { warningsOf } from './warnings.ts'

/**
 * `rollcall check`: validates flags, environment and file with the loader that `serve` uses, without
 * touching the network. With `--probe` it then reads each source once.
 * @throws UsageError, one line for each thing that is wrong
 */
export async function check(args: Arguments, env: NodeJS.ProcessEnv): Promise<Printed> {
  const settings = await loadSettings(args, env)
  const found = `${warningsOf(settings).join('')}SUCCESS: ${summary(settings)}\n`
  if (!args.switches.has('probe')) return { out: found, err: '', code: 0 }
  const runs = await dryRun(chooseSources(settings, undefined), systemClock)
  const lines = runs.flatMap((run) => [describeRun(run), ...describeQuarantined(run)])
  const failed = runs.some(({ result }) => result.error !== undefined)
  const end = failed ? 'FAILED: not every source could be read\n' : ''
  return { out: found + lines.join('') + end, err: '', code: failed ? 1 : 0 }
}

function summary({ demo, sources }: Settings): string {
  if (demo !== undefined) return 'neither INVENTORY_URL nor --config.file is given: the demo would be served'
  const names = sources.map((source) => source.name).join(', ')
  return `the configuration is valid: ${sources.length} ${sources.length === 1 ? 'source' : 'sources'} (${names})`
}
