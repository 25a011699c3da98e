import { systemClock } from '../base/clock.ts'
import { messageOf, UsageError } from '../base/errors.ts'
import { printableJson } from '../base/printable.ts'
import { createThreads } from '../base/threads.ts'
import { USER_AGENT } from '../base/version.ts'
import type { Arguments } from '../config/arguments.ts'
import { COMMAND_FLAGS } from '../config/command-options.ts'
import { loadSettings } from '../config/load.ts'
import { readOption, readRequired } from '../config/option.ts'
import type { Settings, WebSettings } from '../config/settings.ts'
import { findOutside } from '../explain/find-outside.ts'
import { explainableOf, fieldsOf, findRecords, type Inventory } from '../explain/find-records.ts'
import { composeAnswer } from '../explain/findings.ts'
import { createMakers, type Makers } from '../explain/makers.ts'
import { nearNames } from '../explain/near.ts'
import { parseQuery } from '../explain/query.ts'
import { type ExplainAnswer, queryFault } from '../model/explanation.ts'
import { maskText } from '../model/mask-text.ts'
import { describeScrape, withScrapes } from '../model/scrape-text.ts'
import { askServer } from './ask-server.ts'
import { describeRun } from './describe-run.ts'
import { type CommandDeps, chooseSources, type DryRun, dryRun } from './dry-run.ts'
import { explanationText } from './explain-text.ts'
import type { Printed } from './printed.ts'
import { warningsOf } from './warnings.ts'

/**
 * `rollcall explain QUERY`: reads each source once, and explains which targets the records that match would make.
 * @throws UsageError, one line for each problem
 */
export async function explain(args: Arguments, env: NodeJS.ProcessEnv, deps: CommandDeps): Promise<Printed> {
  const { files } = deps
  const query = args.positionals[1] ?? ''
  const fault = queryFault(query)
  if (fault !== undefined) throw new UsageError(`rollcall explain QUERY: the query ${fault}`)
  const given = { flags: args.flags, env }
  const format = readRequired(COMMAND_FLAGS.explain.format, given)
  const settings = await loadSettings(args, env, files)
  const sources = chooseSources(settings, readOption(COMMAND_FLAGS.explain.source, given))
  const runs = await dryRun(sources, { ...deps, clock: systemClock })
  const server = readOption(COMMAND_FLAGS.explain.prometheus, given)
  const failed = runs.filter(({ result }) => result.error !== undefined)
  const plain = answerFrom(runs, query, settings.web)
  const { answer, failure } = await askPrometheus(plain, server, settings)
  return {
    out: format === 'json' ? printableJson(answer) : explanationText(answer),
    err: [
      ...warningsOf(settings),
      ...failed.map((run) => describeRun(run, settings.web)),
      ...(failure === undefined ? [] : [failure]),
    ].join(''),
    code: failed.length > 0 || failure !== undefined ? 1 : 0,
  }
}

/** Adds the state of the targets in a Prometheus server to an explanation, or the reason why it is unknown. */
async function askPrometheus(
  answer: ExplainAnswer,
  url: URL | undefined,
  { prometheus, web }: Pick<Settings, 'prometheus' | 'web'>,
): Promise<{ readonly answer: ExplainAnswer; readonly failure?: string }> {
  if (url === undefined) return { answer }
  // Loaded only here: most queries need only the inventory.
  const { askOnce, serverOf } = await import('../prometheus/once.ts')
  const threads = createThreads()
  const deps = { clock: systemClock, userAgent: USER_AGENT, threads, externalUrl: web.externalUrl }
  try {
    const scrapes = await askOnce(serverOf(url, prometheus), deps)
    return { answer: withScrapes(answer, scrapes, systemClock.now(), describeScrape) }
  } catch (error) {
    return { answer, failure: `--prometheus.url: ${messageOf(error)}\n` }
  } finally {
    await threads.close()
  }
}

function answerFrom(runs: readonly DryRun[], text: string, web: WebSettings): ExplainAnswer {
  const query = parseQuery(text)
  const makers = createMakers()
  const inventories = runs.filter(hasRecords).map((run) => inventoryOf(run, makers))
  const gaps = runs.filter((run) => !hasRecords(run)).map((run) => gapOf(run, text, web))
  const addresses = new Set<string>()
  return composeAnswer(
    text,
    inventories.map((inventory) =>
      findRecords(inventory, query, (target, position) => {
        addresses.add(target.address)
        makers.add(target, { source: inventory.source, position })
      }),
    ),
    () => inventories.map((inventory) => findOutside(inventory, query)),
    {
      gaps,
      ages: [],
      sources: inventories.map(({ source }) => source),
      fields: () => fieldsOf(inventories),
      advice: 'try a part of the value, or list all targets: rollcall targets --format=table',
      near: () => nearNames(query, addresses).map(({ host }) => maskText(host, () => {})),
    },
  )
}

/** Records that make no target cannot be served as a list, but they can be explained. */
function hasRecords({ result }: DryRun): boolean {
  return result.built !== undefined || result.error?.reason === 'all_rejected'
}

function gapOf({ settings: { name }, result: { error } }: DryRun, query: string, web: WebSettings): string {
  if (error !== undefined) return `${name} could not be read: ${error.reason}`
  return `${name} was not searched: ${askServer(web, `/api/v1/explain?q=${encodeURIComponent(query)}`)}`
}

function inventoryOf({ settings, plan, documents = [] }: DryRun, makers: Makers): Inventory {
  return {
    ...explainableOf(settings.plan, plan),
    documents,
    verdictOf(target, address, position) {
      const others = makers.othersOf(target, { source: settings.name, position })
      return { text: [`would be served as ${address}`, ...others].join('; '), isServed: true }
    },
    note: '',
  }
}
