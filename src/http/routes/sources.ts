import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from '../../base/errors.ts'
import { printableJson } from '../../base/printable.ts'
import type { NotedChange } from '../../snapshot/changes.ts'
import { allow } from '../auth.ts'
import type { HttpDeps } from '../deps.ts'
import { describeSource } from '../describe-source.ts'
import { observe } from '../observe.ts'
import { sourceIn } from '../source-parameter.ts'

const SOURCES = '/api/v1/sources'
const CHANGES = '/api/v1/changes'

/** The parameters of each, for messages. */
const KNOWN: Readonly<Record<string, string>> = { [CHANGES]: 'source, limit and before' }

/** How many changes a page has, when nothing else is asked for, and at most. */
const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1_000

/** Which page is asked for. */
interface Query {
  readonly limit?: unknown
  readonly before?: unknown
}

/**
 * `GET /api/v1/sources`: what each source last did. `GET /api/v1/changes`: what joined and left the served lists,
 * the newest first; `?limit=` and `?before=` page through them. Both take `?source=` for one of them only.
 */
export function sourcesRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const route = (path: string, answer: (query: Query, isWanted: (name: string) => boolean) => object) => {
    app.get(path, allow('read', 'query'), (request: FastifyRequest, reply: FastifyReply) => {
      observe(request, reply, path, deps)
      const { limit, before, ...others } = request.query as Record<string, unknown>
      const query = path === CHANGES ? { limit, before } : {}
      const name = sourceIn(path === CHANGES ? others : request.query, deps.store, KNOWN[path])
      const shown = answer(query, (one) => name === undefined || one === name)
      // What an inventory says is shown here, so no cache may keep it.
      const json = reply.type('application/json; charset=utf-8').header('cache-control', 'no-store')
      return json.send(printableJson(shown))
    })
  }
  route(SOURCES, (_query, isWanted) => {
    const states = deps.store.list().filter(({ name }) => isWanted(name))
    return { sources: states.map((state) => ({ name: state.name, ...describeSource(state, deps) })) }
  })
  route(CHANGES, (query, isWanted) => {
    const limit = numberIn(query, 'limit', MAX_LIMIT) ?? DEFAULT_LIMIT
    const before = numberIn(query, 'before') ?? Number.POSITIVE_INFINITY
    const all = deps.store.changes().filter(({ source, order }) => isWanted(source) && order < before)
    const page = all.slice(0, limit)
    return {
      changes: page.map(describeChange),
      next: all.length > page.length ? (page.at(-1) as NotedChange).order : null,
    }
  })
}

/** @throws HttpError `bad_request` when the parameter is there and no whole number from 1 on */
function numberIn(query: Query, name: keyof Query, most = Number.MAX_SAFE_INTEGER): number | undefined {
  const text = query[name]
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
