import type { FastifyInstance } from 'fastify'
import { MAX_QUERY_LENGTH } from '../../model/explanation.ts'
import type { HttpDeps, HttpOptions } from '../deps.ts'
import { observe } from '../observe.ts'

/** `GET /`: what there is, as Prometheus exporters show it. Static, so no data can reach a browser. */
export function landingRoutes(app: FastifyInstance, deps: HttpDeps, { version }: HttpOptions): void {
  const links = ['/targets', '/metrics', '/health', '/ready']
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Rollcall</title></head>
<body style="font-family: sans-serif; margin: 2rem">
<h1>Rollcall</h1>
<p>HTTP service discovery for Prometheus, version ${version}.</p>
<ul>
${links.map((link) => `<li><a href="${link.slice(1)}">${link}</a></li>`).join('\n')}
</ul>
<form action="api/v1/explain">
<label>Why is this a target, or not? <input name="q" required maxlength="${MAX_QUERY_LENGTH}" placeholder="host, address or field=value"></label>
<button>Explain</button>
</form>
</body></html>
`
  app.get('/', (request, reply) => {
    observe(request, reply, '/', deps)
    return reply.type('text/html; charset=utf-8').send(page)
  })
}
