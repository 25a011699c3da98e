import { systemClock } from '../base/clock.ts'
import { printable, printableJson } from '../base/printable.ts'
import type { Arguments } from '../config/arguments.ts'
import { COMMAND_FLAGS } from '../config/command-options.ts'
import { loadSettings } from '../config/load.ts'
import { readOption, readRequired } from '../config/option.ts'
import { compareText } from '../model/labels.ts'
import { groupsIn } from '../model/list.ts'
import { SOURCE_LABEL } from '../model/target-group.ts'
import { describeQuarantined, describeRun } from './describe-run.ts'
import { type CommandDeps, chooseSources, type DryRun, dryRun } from './dry-run.ts'
import { columns, type Printed } from './printed.ts'
import { warningsOf } from './warnings.ts'

/**
 * `rollcall targets`: reads each source once, and prints the targets that `/targets` would return, before any guard. The
 * result of each source is printed to standard error.
 * @throws UsageError, one line for each problem
 */
export async function targets(args: Arguments, env: NodeJS.ProcessEnv, deps: CommandDeps): Promise<Printed> {
  const { files } = deps
  const given = { flags: args.flags, env }
  const format = readRequired(COMMAND_FLAGS.targets.format, given)
  const settings = await loadSettings(args, env, files)
  const sources = chooseSources(settings, readOption(COMMAND_FLAGS.targets.source, given))
  const runs = await dryRun(sources, { ...deps, clock: systemClock })
  // In the order of /targets.
  const sorted = runs.toSorted((a, b) => compareText(a.settings.name, b.settings.name))
  const failed = sorted.some(({ result }) => result.error !== undefined)
  const quarantined = format === 'json' ? sorted.flatMap(describeQuarantined) : []
  return {
    out: format === 'json' ? asJson(sorted) : asTable(sorted),
    err: [
      ...warningsOf(settings),
      ...sorted.map((run) => describeRun(run, settings.web)),
      ...quarantined,
    ].join(''),
    code: failed ? 1 : 0,
  }
}

/** Empty when every source failed: an empty list would mean that there are no targets. */
function asJson(runs: readonly DryRun[]): string {
  const built = runs.flatMap(({ result }) => result.built ?? [])
  return built.length === 0 ? '' : printableJson(built.flatMap(({ body }) => groupsIn(body)))
}

function asTable(runs: readonly DryRun[]): string {
  const rows = runs.flatMap(({ settings, result }) =>
    result.built === undefined ? [] : rowsOf(settings.name, result.built.body),
  )
  const quarantined = runs.flatMap(describeQuarantined)
  const list = columns([['SOURCE', 'ADDRESS', 'LABELS'], ...rows])
  return quarantined.length === 0 ? list : `${list}\nQUARANTINED\n${quarantined.join('')}`
}

function rowsOf(source: string, body: Buffer): string[][] {
  return groupsIn(body).flatMap(({ targets: addresses, labels }) => {
    // The first column has the source already.
    const pairs = Object.entries(labels).filter(([name]) => name !== SOURCE_LABEL)
    const text = pairs.map(([name, value]) => `${name}=${printable(JSON.stringify(value))}`).join(', ')
    return addresses.map((address) => [source, printable(address), text])
  })
}
