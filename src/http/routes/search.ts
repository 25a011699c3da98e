import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import type { LabelMap } from '../../model/explanation.ts'
import { createMasker } from '../../model/mask.ts'
import { CUT } from '../../model/nested.ts'
import { describeScrape } from '../../model/scrape-text.ts'
import { SOURCE_LABEL } from '../../model/target-group.ts'
import type { FoundTarget } from '../../snapshot/search.ts'
import type { ShownTarget, TargetsAnswer } from '../api/answers.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { observe } from '../observe.ts'
import type { Capacity } from '../pressure.ts'
import { sendJson } from '../send-json.ts'
import { numberIn, sourceIn } from '../source-parameter.ts'
import { parseView } from '../view-parameters.ts'

const PATH = '/api/v1/targets'

/** The default and the largest number of targets in a response. */
export const DEFAULT_LIMIT = 100
export const MAX_LIMIT = 1_000

/** The largest length of one value, and of all targets of a response together, in UTF-16 units. */
const MAX_VALUE = 1_000
const MAX_SHOWN = 500_000

/** The longest search text, in UTF-16 units. */
export const MAX_TEXT = 256

/**
 * `GET /api/v1/targets`: the served targets, one by one; `?q=`, `?source=` and `?label.NAME=VALUE` narrow them,
 * `?offset=` and `?limit=` page through them.
 */
export function searchRoutes(app: FastifyInstance, deps: HttpDeps, capacity: Capacity): void {
  app.get(PATH, allow('read', 'query'), async (request, reply) => {
    observe(request, reply.raw, PATH, deps)
    capacity.assert()
    const answer = await targetsAnswer(request.query as Record<string, unknown>, deps)
    return sendJson(reply, answer)
  })
}

/**
 * Finds served targets.
 * @throws HttpError `bad_request`, `source_not_found`, `overloaded`
 */
export async function targetsAnswer(query: Record<string, unknown>, deps: HttpDeps): Promise<TargetsAnswer> {
  const { q = '', source, limit, offset, ...others } = query
  if (typeof q !== 'string' || q.length > MAX_TEXT)
    throw new HttpError('bad_request', `q may be given once, and has ${MAX_TEXT} characters at most`)
  const wanted = sourceIn(source === undefined ? {} : { source }, deps.store)
  const view = parseView(others)
  if (view?.shard !== undefined) throw new HttpError('bad_request', 'shard is for /targets only')
  const from = numberIn('offset', offset, { least: 0 }) ?? 0
  const most = numberIn('limit', limit, { most: MAX_LIMIT }) ?? DEFAULT_LIMIT
  const search = { text: q, labels: view?.labels ?? [], offset: from, limit: most }
  const found = await deps.search(listsOf(wanted, deps), search)
  const { total } = found
  const targets = withinBytes(found.targets)
  const next = from + targets.length < total && targets.length > 0 ? from + targets.length : null
  return { total, offset: from, targets: targets.map((one) => shown(one, deps)), next }
}

/** The first targets whose total length is at most {@link MAX_SHOWN}; at least one. */
function withinBytes(targets: readonly FoundTarget[]): readonly FoundTarget[] {
  let shownChars = 0
  const end = targets.findIndex(({ address, labels }, index) => {
    for (const [name, value] of Object.entries(labels)) shownChars += name.length + cut(value).length
    shownChars += address.length
    return index > 0 && shownChars > MAX_SHOWN
  })
  return end === -1 ? targets : targets.slice(0, end)
}

/** Cuts a long value before it is searched for secrets, which takes time. */
function cut(value: string): string {
  return value.length <= MAX_VALUE ? value : `${value.slice(0, MAX_VALUE).toWellFormed()}${CUT}`
}

/** The served lists of one source, or of all including those of removed sources. */
function listsOf(source: string | undefined, { store }: HttpDeps): (readonly Buffer[])[] {
  const states = source === undefined ? store.list() : [store.get(source)]
  const removed = source === undefined ? store.removed().snapshots : []
  return [...states.flatMap((state) => state?.snapshot ?? []), ...removed].map(({ plain }) => plain)
}

function shown(
  { address, labels }: { readonly address: string; readonly labels: LabelMap },
  { scrapes }: HttpDeps,
): ShownTarget {
  const short = Object.entries(labels).map(([name, value]) => [name, cut(value)] as const)
  const masker = createMasker(null, [short])
  const source = labels[SOURCE_LABEL] ?? ''
  return {
    source,
    address: masker.text(address),
    labels: masker.labels(short),
    scrapes: (scrapes?.of(source, address, labels) ?? []).map(describeScrape),
  }
}
