import type { FastifyInstance } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import { printableJson } from '../../base/printable.ts'
import type { NotedChange } from '../../snapshot/changes.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { describeSource } from '../describe-source.ts'
import { observe } from '../observe.ts'
import { sourceIn } from '../source-parameter.ts'

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
    return { sources: states.map((state) => ({ name: state.name, ...describeSource(state, deps) })) }
  })
  route('/api/v1/changes', ({ limit, before, ...others }) => {
    const wanted = sourceIn(others, deps.store, 'source, limit and before')
    const most = numberIn('limit', limit, MAX_LIMIT) ?? DEFAULT_LIMIT
    const until = numberIn('before', before) ?? Number.POSITIVE_INFINITY
    const all = deps.store
      .changes()
      .filter(({ source, order }) => (wanted === undefined || source === wanted) && order < until)
    const page = all.slice(0, most)
    return {
      changes: page.map(describeChange),
      next: all.length > page.length ? (page.at(-1) as NotedChange).order : null,
    }
  })
}

/** @throws HttpError `bad_request` when the parameter is there and no whole number from 1 on */
function numberIn(name: string, text: unknown, most = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined) return undefined
  const value = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= most) return value
  const shown = JSON.stringify(text).slice(0, 60)
  throw new HttpError(
    'bad_request',
    `${name} is ${shown}; write a whole number from 1${most < Number.MAX_SAFE_INTEGER ? ` to ${most}` : ' on, the next of the page before'}`,
  )
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
