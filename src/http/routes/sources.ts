import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { printableJson } from '../../base/printable.ts'
import type { Change } from '../../snapshot/changes.ts'
import type { HttpDeps } from '../deps.ts'
import { describeSource } from '../describe-source.ts'
import { observe } from '../observe.ts'
import { sourceIn } from '../source-parameter.ts'

/**
 * `GET /api/v1/sources`: what each source last did. `GET /api/v1/changes`: what joined and left the served lists,
 * the newest first. Both take `?source=` for one of them only.
 */
export function sourcesRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const route = (path: string, answer: (isWanted: (name: string) => boolean) => object) => {
    app.get(path, (request: FastifyRequest, reply: FastifyReply) => {
      observe(request, reply, path, deps)
      const name = sourceIn(request.query, deps.store)
      const shown = answer((one) => name === undefined || one === name)
      // What an inventory says is shown here, so no cache may keep it.
      const json = reply.type('application/json; charset=utf-8').header('cache-control', 'no-store')
      return json.send(printableJson(shown))
    })
  }
  route('/api/v1/sources', (isWanted) => {
    const states = deps.store.list().filter(({ name }) => isWanted(name))
    return { sources: states.map((state) => ({ name: state.name, ...describeSource(state, deps) })) }
  })
  route('/api/v1/changes', (isWanted) => {
    const changes = deps.store.changes().filter(({ source }) => isWanted(source))
    return { changes: changes.map(describeChange) }
  })
}

function describeChange({ source, atMs, targets, added, removed, samples }: Change) {
  return {
    source,
    at: new Date(atMs).toISOString(),
    targets,
    added,
    removed,
    added_samples: samples.added,
    removed_samples: samples.removed,
  }
}
