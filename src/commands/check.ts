import { systemClock } from '../base/clock.ts'
import { UsageError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Arguments } from '../config/arguments.ts'
import { COMMAND_FLAGS } from '../config/command-options.ts'
import { loadSettings } from '../config/load.ts'
import { readOption } from '../config/option.ts'
import type { Settings } from '../config/settings.ts'
import { compareWith } from './against.ts'
import { describeQuarantined, describeRun } from './describe-run.ts'
import { type CommandDeps, dryRun } from './dry-run.ts'
import { lookAtFiles, type NamedFiles } from './named-files.ts'
import type { Printed } from './printed.ts'
import { type PlaceOf, probeErrors, probeWarnings } from './probe-warnings.ts'
import { warningsOf } from './warnings.ts'

/**
 * `rollcall check`: validates flags, environment and file with the loader of `serve`, and checks the files that they
 * name, without using the network. With `--probe` it then reads each source once, and with `--against` it compares the
 * lists with those of a running server.
 * @throws UsageError, one line for each problem
 */
export async function check(args: Arguments, env: NodeJS.ProcessEnv, deps: CommandDeps): Promise<Printed> {
  const { files } = deps
  const [isSyntaxOnly, isProbe] = [args.switches.has('syntax-only'), args.switches.has('probe')]
  if (isSyntaxOnly && isProbe)
    throw new UsageError('--syntax-only: cannot be combined with --probe; leave one out')
  const against = readOption(COMMAND_FLAGS.check.against, { flags: args.flags, env })
  if (against !== undefined && !isProbe)
    throw new UsageError('--against: needs --probe, which reads the lists that are compared; add it')
  const settings = await loadSettings(args, env, files)
  const webLine = await checkWeb(settings, files, isSyntaxOnly)
  if (settings.demo !== undefined) {
    if (webLine === '') throw new UsageError(NOTHING)
    return { out: webLine, err: '', code: 0 }
  }
  const named = isSyntaxOnly ? { errors: [], warnings: [] } : await lookAtFiles(settings)
  const found = [
    ...warningsOf({ warnings: [...settings.warnings, ...named.warnings] }),
    // Success is reported after the probe, which may still fail.
    ...(named.errors.length === 0
      ? [`${isProbe ? 'configuration: ' : `SUCCESS: the configuration is `}${summary(settings)}\n`]
      : []),
    webLine,
  ]
  const probed = isProbe ? await probe(settings, deps, against) : { lines: [], ends: [] }
  const ends = [...describeFailed(named), ...probed.ends]
  const end = isProbe && ends.length === 0 ? [PROBED] : ends
  return {
    out: [...found, ...probed.lines, ...end].join(''),
    err: named.errors.map((line) => `rollcall: ${line}\n`).join(''),
    code: ends.length > 0 ? 1 : 0,
  }
}

/**
 * Checks the web configuration file, when there is one.
 * @returns a line about the result; empty: there is no file
 * @throws UsageError, one line for each problem
 */
async function checkWeb(
  { web: { configFile }, sources }: Settings,
  files: Files,
  isSyntaxOnly: boolean,
): Promise<string> {
  if (configFile === undefined) return ''
  const { readWebFile, webFileLoader } = await import('../config/web-file.ts')
  if (isSyntaxOnly) {
    await readWebFile(configFile, files)
    return WEB_VALID
  }
  const { access } = await webFileLoader(configFile)(files)
  const names = new Set(sources.map(({ name }) => name))
  const warnings = [...access.users, ...access.bearerTokens].flatMap((asker) =>
    [...(asker.sources ?? [])]
      .filter((source) => !names.has(source))
      .map(
        (source) => `${configFile}: ${asker.name} may read ${source}, which is not a source; check the name`,
      ),
  )
  return [...warningsOf({ warnings }), WEB_VALID].join('')
}

const WEB_VALID = 'SUCCESS: the web configuration is valid\n'

/** A check without a configuration must fail: somebody forgot the flag. */
const NOTHING =
  'there is no inventory to check: set --config.file or INVENTORY_URL; without them the demo would be served, which needs no check'

const PROBED = 'SUCCESS: the configuration is valid, and reading the sources found no fault\n'
const UNREAD = 'FAILED: not every source could be read\n'
const NOT_COMPARED = 'FAILED: not every list could be compared\n'
const ABSENT = 'FAILED: the configuration names fields that no record has\n'

async function probe(settings: Settings, deps: CommandDeps, against: URL | undefined) {
  const runs = await dryRun(settings.sources, { ...deps, clock: systemClock })
  const differences = await Promise.all(
    runs.map(async (run) => (against === undefined ? undefined : compareWith(against, run))),
  )
  const placeIn = await placesIn(settings, deps.files)
  const errors = runs.map((run, index) => probeErrors(run, placeIn(index)))
  const lines = runs.flatMap((run, index) => [
    describeRun(run, settings.web),
    ...describeQuarantined(run),
    ...(differences[index] === undefined ? [] : [differences[index].line]),
    ...warningsOf({ warnings: probeWarnings(run, placeIn(index)) }),
    ...(errors[index] as string[]).map((error) => `ERROR: ${error}\n`),
  ])
  const isUnread = runs.some(({ result }) => result.error !== undefined)
  const isAbsent = errors.flat().length > 0
  const isUncompared = differences.some((one) => one?.isFailed)
  const ends = [
    [isUnread, UNREAD],
    [isAbsent, ABSENT],
    [isUncompared, NOT_COMPARED],
  ] as const
  return { lines, ends: ends.flatMap(([isSo, text]) => (isSo ? [text] : [])) }
}

/** The places of the values of each source: in the configuration file, if there is one. */
async function placesIn({ configFile, sources }: Settings, files: Files) {
  const { parseConfigDocument } = await import('../config/document.ts')
  const text = configFile === undefined ? undefined : await files.read(configFile)
  const document = parseConfigDocument(text?.toString() ?? '', String(configFile))
  return (index: number): PlaceOf =>
    (path) =>
      text === undefined || 'syntax' in document
        ? `source ${sources[index]?.name}`
        : document.place({ path: ['sources', index, ...path] })
}

function describeFailed({ errors }: NamedFiles): string[] {
  if (errors.length === 0) return []
  return [
    'FAILED: the configuration is valid, but not every file that it names can be used (--syntax-only does not check them)\n',
  ]
}

function summary({ sources }: Settings): string {
  const names = sources.map((source) => source.name).join(', ')
  return `valid: ${sources.length} ${sources.length === 1 ? 'source' : 'sources'} (${names})`
}
