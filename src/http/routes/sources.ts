import type { FastifyInstance } from 'fastify'
import { printableJson } from '../../base/printable.ts'
import type { NotedChange } from '../../snapshot/changes.ts'
import type { SourceState } from '../../snapshot/store.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { describeSource } from '../describe-source.ts'
import { observe } from '../observe.ts'
import { numberIn, sourceIn } from '../source-parameter.ts'

/** How many changes a page has, when nothing else is asked for, and at most. */
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1_000

/**
 * `GET /api/v1/sources`: what each source last did. `GET /api/v1/changes`: what joined and left the served lists,
 * the newest first; `?limit=` and `?before=` page through them. Both take `?source=` for one of them only.
 */
export function sourcesRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const route = (path: string, answer: (query: Record<string, unknown>) => object) => {
    app.get(path, allow('read', 'query'), (request, reply) => {
      observe(request, reply.raw, path, deps)
      const shown = answer(request.query as Record<string, unknown>)
      // What an inventory says is shown here, so no cache may keep it.
      const json = reply.type('application/json; charset=utf-8').header('cache-control', 'no-store')
      return json.send(printableJson(shown))
    })
  }
  route('/api/v1/sources', (query) => {
    const wanted = sourceIn(query, deps.store)
    const states = deps.store.list().filter(({ name }) => wanted === undefined || name === wanted)
    return { sources: states.map((state) => sourceAnswer(state, deps)) }
  })
  route('/api/v1/changes', (query) => changesAnswer(query, deps))
}

/** The body of `GET /api/v1/changes`. */
export type ChangesAnswer = ReturnType<typeof changesAnswer>

/**
 * What joined and left, the newest first.
 * @throws HttpError `bad_request`, `source_not_found`
 */
export function changesAnswer({ limit, before, ...others }: Record<string, unknown>, deps: HttpDeps) {
  const wanted = sourceIn(others, deps.store, 'source, limit and before')
  const most = numberIn('limit', limit, { most: MAX_LIMIT }) ?? DEFAULT_LIMIT
  const until = numberIn('before', before) ?? Number.POSITIVE_INFINITY
  const all = deps.store
    .changes()
    .filter(({ source, order }) => (wanted === undefined || source === wanted) && order < until)
  const page = all.slice(0, most)
  return {
    changes: page.map(describeChange),
    next: all.length > page.length ? (page.at(-1) as NotedChange).order : null,
  }
}

/** One source, as `GET /api/v1/sources` shows it. */
export type SourceAnswer = ReturnType<typeof sourceAnswer>

/** What one source last did. */
export function sourceAnswer(state: SourceState, deps: HttpDeps) {
  return { name: state.name, ...describeSource(state, deps) }
}

function describeChange({ order, source, atMs, targets, added, removed, samples }: NotedChange) {
  return {
    id: order,
    source,
    at: new Date(atMs).toISOString(),
    targets,
    added,
    removed,
    added_samples: samples.added,
    removed_samples: samples.removed,
  }
}
