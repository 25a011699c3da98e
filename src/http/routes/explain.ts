import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import type { ServedTarget } from '../../model/asked.ts'
import { type ExplainAnswer, queryFault } from '../../model/explanation.ts'
import { describeScrape, withScrapes } from '../../model/scrape-text.ts'
import type { ExplainBody } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps, HttpOptions } from '../deps.ts'
import { observe } from '../observe.ts'
import { fetchesOf, inVain } from '../pollers.ts'
import type { Capacity } from '../pressure.ts'
import { sendJson } from '../send-json.ts'
import { notesOf } from '../source-notes.ts'
import { findSource } from '../source-parameter.ts'

const PATH = '/api/v1/explain'

/** `GET /api/v1/explain?q=…[&source=…]`: why an object is or is not a target. On by default. */
export function explainRoutes(
  app: FastifyInstance,
  deps: HttpDeps,
  { disableExplain }: HttpOptions,
  capacity: Capacity,
): void {
  app.get(PATH, allow('explain', 'query'), async (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    if (disableExplain) {
      throw new HttpError('explain_disabled', 'explanations are off; start without --web.disable-explain')
    }
    capacity.assert()
    return sendJson(reply, await explainAnswer(request.query as Query, deps))
  })
}

type Query = Readonly<Record<string, unknown>>

/**
 * The explanation, the pollers that have fetched its targets, and their state in Prometheus servers.
 * @throws HttpError `bad_request`, `source_not_found`, `overloaded`
 */
export async function explainAnswer(query: Query, deps: HttpDeps): Promise<ExplainBody> {
  const { q, source: named } = readParameters(query)
  const source = named === undefined ? undefined : findSource(deps.store, named).name
  const answer = await deps.explain(q, source)
  const { scrapes, clock } = deps
  const scraped = scrapes === undefined ? answer : withScrapes(answer, scrapes, clock.now(), describeScrape)
  const { verdict, ...explained } = scraped
  const names = new Set(explained.explanations.map((one) => one.source))
  const notes = [...notesOf({ source, found: names }, deps), ...deps.refusals.find(q, source)]
  const fetches = new Set(
    [...names].flatMap((name) => fetchesOf(name, deps, targetsOf(name, explained), source !== undefined)),
  )
  // A request about one source must not learn about others.
  const polls = [...fetches, ...(source === undefined && names.size > 0 ? inVain(deps) : [])]
  return { ...explained, polls, verdict: [verdict, ...notes].join('; ') }
}

/** The targets of a source in an answer. */
function targetsOf(source: string, { explanations }: Pick<ExplainAnswer, 'explanations'>): ServedTarget[] {
  return explanations
    .filter((one) => one.source === source)
    .flatMap(({ targets }) => targets.flatMap(({ final }) => (final === null ? [] : [{ source, ...final }])))
}

/** @throws HttpError `bad_request` that names the fault */
function readParameters(query: Query): { q: string; source: string | undefined } {
  const { q, source, ...others } = query as Record<string, string | string[] | undefined>
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    const name = JSON.stringify(unknown.slice(0, 60))
    throw new HttpError('bad_request', `the parameter ${name} is not known here; there are q and source`)
  }
  if (Array.isArray(q) || Array.isArray(source)) {
    throw new HttpError('bad_request', 'q and source may be given once each')
  }
  const fault = q === undefined ? 'is missing; write /api/v1/explain?q=…' : queryFault(q)
  if (q === undefined || fault !== undefined) throw new HttpError('bad_request', `the parameter q ${fault}`)
  return { q, source }
}
