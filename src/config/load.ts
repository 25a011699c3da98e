import { dirname, resolve } from 'node:path'
import { UsageError } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import { Secret } from '../base/secret.ts'
import { concealed, displayUrl } from '../base/urls.ts'
import { assertMakeable, assertWritable } from '../base/writable.ts'
import { formatDuration } from '../model/duration.ts'
import { DEFAULT_GUARD } from '../roll/rules.ts'
import type { Need } from '../sources/resolving.ts'
import type { Arguments } from './arguments.ts'
import { demoSources } from './demo.ts'
import { ENV_SOURCE_NAME, envSource, ignoredVariables } from './env.ts'
import { type Given, readOption, readRequired } from './option.ts'
import { flagOptions, inventoryOptions } from './options.ts'
import type { Settings, SourceSettings, WebSettings } from './settings.ts'
import { viewSettings } from './settings-view.ts'
import { leastStalenessMs } from './staleness.ts'
import { warningsOf } from './warnings.ts'

/**
 * Loads the settings of `serve`, `check` and `demo` from flags, environment and file.
 * @param mode `demo`: serve the demo whatever else is configured
 * @throws UsageError, one line for each problem
 */
export async function loadSettings(
  args: Arguments,
  env: Readonly<Record<string, string | undefined>>,
  files: Files,
  mode: 'configured' | 'demo' = 'configured',
): Promise<Settings> {
  const given: Given = { flags: args.flags, env }
  const log = {
    level: readRequired(flagOptions.logLevel, given),
    format: readRequired(flagOptions.logFormat, given),
  }
  const demoListen = readRequired(flagOptions.demoInventory, given)
  const origin = mode === 'demo' ? ({ kind: 'demo' } as const) : whereFrom(given)
  const web = readWeb(args, given, origin.kind === 'demo')
  const storagePath = readStoragePath(given, origin.kind === 'demo')
  const seedUrl = readSeedUrl(given)
  const signingKey = readSigningKey(given, files)
  const view = { settings: viewSettings(given, args.switches), configuration: undefined }
  const common = { web, log, storagePath, history: readHistory(given), seedUrl, signingKey, view }
  if (origin.kind === 'file') {
    const { loadFile } = await import('./file.ts') // imported here, so that the YAML parser is loaded only when it is needed
    const { sources, guard, cluster, prometheus, yaml, needs } = await loadFile(origin.path, env, files, {
      allowsCommands: args.switches.has('enable-command-sources'),
    })
    assertReadyMaxAge(web, sources)
    const ignored = ignoredVariables(given).map((name) => `${name} has no effect with a configuration file`)
    const warnings = [...ignored, ...seedWarnings(seedUrl), ...warningsOf(sources)]
    const all = [...needs, ...storageNeeds(common)]
    return {
      ...common,
      configFile: origin.path,
      view: { ...view, configuration: { file: origin.path, yaml } },
      sources,
      guard,
      cluster,
      prometheus,
      demo: undefined,
      needs: all,
      warnings,
    }
  }
  const plain = { configFile: undefined, guard: DEFAULT_GUARD, cluster: undefined, prometheus: undefined }
  if (origin.kind === 'url') {
    const source = envSource({ name: ENV_SOURCE_NAME, url: origin.url }, given)
    assertReadyMaxAge(web, [source])
    const needs = [...targetsFileNeeds(source), ...storageNeeds(common)]
    return { ...common, ...plain, sources: [source], demo: undefined, needs, warnings: seedWarnings(seedUrl) }
  }
  const demo = { listenAddress: demoListen, sources: demoSources(given) }
  return { ...common, ...plain, sources: [], demo, needs: [], warnings: seedWarnings(seedUrl) }
}

type Origin = { kind: 'file'; path: string } | { kind: 'url'; url: URL } | { kind: 'demo' }

function whereFrom(given: Given): Origin {
  const path = readOption(flagOptions.configFile, given)
  const url = readOption(inventoryOptions.inventoryUrl, given)
  if (path !== undefined && url !== undefined) {
    throw new UsageError(`INVENTORY_URL and --config.file (${path}) both set the inventory; leave one out`)
  }
  if (path !== undefined) return { kind: 'file', path }
  if (url !== undefined) return { kind: 'url', url }
  assertDemoIsMeant(given)
  return { kind: 'demo' }
}

/** Refuses to start the demo when other variables are set: a production configuration may have lost its URL. */
function assertDemoIsMeant({ env }: Given): void {
  const way = 'set it, or start the demo with: rollcall demo'
  if (env.INVENTORY_URL !== undefined) throw new UsageError(`INVENTORY_URL: is empty; ${way}`)
  const lost = (['METRICS_PORT', 'METRICS_PATH', 'TARGETS_FILE', 'TARGET_LABELS'] as const).find(
    (name) => (env[name] ?? '') !== '',
  )
  if (lost !== undefined) throw new UsageError(`${lost} is set, but INVENTORY_URL is not; ${way}`)
}

function readStoragePath(given: Given, isDemo: boolean): string | undefined {
  const path = readRequired(
    { ...flagOptions.storagePath, default: isDemo ? '' : flagOptions.storagePath.default },
    given,
  )
  return path === '' ? undefined : resolve(path)
}

function readHistory(given: Given): Settings['history'] {
  const maxAgeMs = readRequired(flagOptions.historyTime, given)
  const maxBytes = readRequired(flagOptions.historySize, given)
  return maxAgeMs === 0 ? undefined : { maxAgeMs, maxBytes }
}

function readSeedUrl(given: Given): URL | undefined {
  const url = readOption(flagOptions.seedUrl, given)
  return url && concealed(url)
}

/** Warns of plain http: only TLS proves that the lists are from that server. */
function seedWarnings(url: URL | undefined): string[] {
  if (url?.protocol !== 'http:') return []
  return [
    `--storage.seed-url: ${displayUrl(url)} is not encrypted, so that somebody on the network path could change the lists that are read from it; use https, or a trusted network`,
  ]
}

/** The key that backups are signed with, read each time it is used. */
export function readSigningKey(given: Given, files: Pick<Files, 'read'>): Secret | undefined {
  const path = readOption(flagOptions.signingKeyFile, given)
  return path === undefined ? undefined : Secret.file(resolve(path), files)
}

function readWeb(args: Arguments, given: Given, isDemo: boolean): WebSettings {
  // The demo is for one person on one machine: it listens on loopback only, and ends at once on Ctrl-C.
  const defaults = isDemo ? { listen: '127.0.0.1:8080', drain: '0s' } : { listen: ':8080', drain: '5s' }
  const drainDelayMs = readRequired({ ...flagOptions.drainDelay, default: defaults.drain }, given)
  const shutdownTimeoutMs = readRequired(flagOptions.shutdownTimeout, given)
  if (drainDelayMs >= shutdownTimeoutMs) {
    throw new UsageError(
      `--web.drain-delay: ${drainDelayMs / 1000}s is not shorter than --web.shutdown-timeout (${shutdownTimeoutMs / 1000}s), so requests in flight would be aborted; lower it or raise the timeout`,
    )
  }
  return {
    listenAddress: readRequired({ ...flagOptions.listenAddress, default: defaults.listen }, given),
    enableLifecycle: args.switches.has('web.enable-lifecycle'),
    disableExplain: args.switches.has('web.disable-explain'),
    configFile: readOption(flagOptions.webConfigFile, given),
    drainDelayMs,
    shutdownTimeoutMs,
    readyMaxAgeMs: readRequired(flagOptions.readyMaxAge, given) || Number.POSITIVE_INFINITY,
    externalUrl: readOption(flagOptions.externalUrl, given),
  }
}

/** The server must not become unready between successful refreshes. With a push source, age never makes it unready. */
function assertReadyMaxAge({ readyMaxAgeMs }: WebSettings, sources: readonly SourceSettings[]): void {
  if (sources.some(({ source }) => source.kind === 'push')) return
  for (const { name, required, ...times } of sources) {
    const leastMs = leastStalenessMs(times)
    if (!required || readyMaxAgeMs >= leastMs) continue
    throw new UsageError(
      `--web.ready-max-age: ${formatDuration(readyMaxAgeMs)} is too short: the list of ${name} becomes this old even if nothing fails (refresh_interval ${formatDuration(times.refreshIntervalMs)}, timeout ${formatDuration(times.timeoutMs)}); write at least ${formatDuration(leastMs)}`,
    )
  }
}

/** The storage folder and the signing key of backups, from flags or variables. */
function storageNeeds({ storagePath, signingKey }: Pick<Settings, 'storagePath' | 'signingKey'>): Need[] {
  const needs: Need[] = []
  if (storagePath !== undefined)
    needs.push({ where: '--storage.path', severity: 'warning', assert: () => assertMakeable(storagePath) })
  if (signingKey !== undefined) {
    const assert = async () => void (await signingKey.reveal())
    needs.push({ where: '--storage.signing-key-file', severity: 'error', assert })
  }
  return needs
}

/** The folder of the file in TARGETS_FILE. */
function targetsFileNeeds({ fileSd }: SourceSettings): Need[] {
  if (fileSd === undefined) return []
  return [{ where: 'TARGETS_FILE', severity: 'warning', assert: () => assertWritable(dirname(fileSd)) }]
}
