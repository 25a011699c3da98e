import type { FastifyInstance } from 'fastify'
import { MAX_QUERY_LENGTH } from '../../model/explanation.ts'
import { allow } from '../auth.ts'
import type { HttpDeps, HttpOptions } from '../deps.ts'
import { observe } from '../observe.ts'

/** What can be asked without saying of what. */
const LINKS = [
  ['/targets', 'the target groups of every source; of one of them: /targets/{source}'],
  ['/api/v1/sources', 'what each source last did'],
  ['/api/v1/changes', 'what joined and left, the newest first'],
  ['/api/v1/pollers', 'who asks for targets, and what for'],
  ['/api/v1/backup', 'all that a new machine needs, in one file; needs --web.enable-lifecycle'],
  ['/metrics', 'the metrics of Rollcall'],
  ['/health', 'whether the process works, and each source; also /-/healthy'],
  ['/ready', 'whether every required source has a list; also /-/ready'],
] as const

const EXPLAIN_FORM = `<form action="api/v1/explain">
<label>Why is this a target, or not? <input name="q" required maxlength="${MAX_QUERY_LENGTH}" placeholder="host, address or field=value"></label>
<button>Explain</button>
</form>
`

/** `GET /`: what there is, as Prometheus exporters show it. Static, so no data can reach a browser. */
export function landingRoutes(
  app: FastifyInstance,
  deps: HttpDeps,
  { version, disableExplain }: HttpOptions,
): void {
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Rollcall</title></head>
<body style="font-family: sans-serif; margin: 2rem">
<h1>Rollcall</h1>
<p>HTTP service discovery for Prometheus, version ${version}.</p>
<ul>
${LINKS.map(([link, what]) => `<li><a href="${link.slice(1)}">${link}</a>: ${what}</li>`).join('\n')}
</ul>
${disableExplain ? '' : EXPLAIN_FORM}</body></html>
`
  app.get('/', allow('read', 'server'), (request, reply) => {
    observe(request, reply.raw, '/', deps)
    return reply.type('text/html; charset=utf-8').send(page)
  })
}
