import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { HttpError } from '../base/errors.ts'
import { allow } from '../http/auth.ts'
import type { HttpDeps, HttpOptions } from '../http/deps.ts'
import { describeHeld } from '../http/describe-source.ts'
import { createErrorHandler } from '../http/errors.ts'
import { observe } from '../http/observe.ts'
import type { Capacity } from '../http/pressure.ts'
import { changesAnswer, eventsAnswer } from '../http/routes/changes.ts'
import { explainAnswer } from '../http/routes/explain.ts'
import { acceptAnswer } from '../http/routes/lifecycle.ts'
import { pollersAnswer } from '../http/routes/pollers.ts'
import { targetsAnswer } from '../http/routes/search.ts'
import { sourcesAnswer } from '../http/routes/sources.ts'
import { statusAnswer } from '../http/routes/status.ts'
import { findSource } from '../http/source-parameter.ts'
import type { Frame, PageName } from './layout.tsx'
import type { Content } from './render.tsx'
import { ICON, STYLE } from './style.ts'

type Query = Readonly<Record<string, unknown>>

/**
 * Pages load nothing from other sites, run no scripts, and cannot be framed; forms only submit to this
 * server.
 */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  // Forms must send their origin; links to other sites must not reveal the query.
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
}

/**
 * The statuses of errors that are shown as a page; without access a client learns nothing about the server.
 */
const SHOWN_STATUSES: ReadonlySet<number> = new Set([400, 404, 409, 502])

/** The number of targets on a page. */
const TARGETS_LIMIT = 100

/** The number of events on a page. */
const EVENTS_LIMIT = 100

/**
 * The pages for people, `/` and below `/ui/`: the data of the API as HTML without scripts. The renderer is
 * loaded on the first request.
 */
export function pagesRoutes(
  app: FastifyInstance,
  deps: HttpDeps,
  options: HttpOptions,
  capacity: Capacity,
): void {
  const { disableExplain = false, version, enableLifecycle } = options
  const handleError = createErrorHandler(deps)

  function frameOf(current: PageName, path: string, query: Query): Frame {
    const { q = '', notice } = query
    return {
      current,
      root: path === '/' ? '' : '../',
      version,
      replica: deps.cluster?.status().replica,
      canExplain: !disableExplain,
      query: current === 'Explain' || current === 'Targets' ? String(q).slice(0, 256) : '',
      alarms: alarmsOf(deps, query.source !== undefined),
      notice: notice === 'accepted' ? 'Accepted: the held targets have left.' : undefined,
      nowMs: deps.clock.now(),
    }
  }

  async function send(reply: FastifyReply, content: Content, frame: Frame): Promise<FastifyReply> {
    const { render } = await import('./render.tsx')
    return reply.headers(HEADERS).type('text/html; charset=utf-8').send(render(content, frame))
  }

  function page(
    path: string,
    name: PageName,
    access: ReturnType<typeof allow>,
    contentOf: (query: Query) => Content | Promise<Content>,
  ): void {
    app.get(path, access, async (request: FastifyRequest, reply: FastifyReply) => {
      observe(request, reply.raw, path, deps)
      capacity.assert()
      const query = request.query as Query
      return send(reply, await contentOf(query), frameOf(name, path, query))
    })
  }

  // Shows an error as a page too, with the same status.
  app.setErrorHandler((error, request, reply) => {
    const known = error instanceof HttpError && SHOWN_STATUSES.has(error.statusCode) ? error : undefined
    if (known === undefined) return handleError(error as HttpError, request, reply)
    const path = request.routeOptions.url as string
    return send(
      reply.code(known.statusCode),
      { page: 'Error', data: known.message },
      frameOf('Status', path, {}),
    )
  })

  page('/', 'Sources', allow('read', 'query'), ({ notice: _, ...query }) => {
    return {
      page: 'Sources',
      data: {
        sources: sourcesAnswer(query, deps),
        removed: query.source === undefined ? deps.store.removed().held.map(describeHeld) : [],
        servers: query.source === undefined ? (deps.scrapes?.servers() ?? []) : [],
        canAccept: enableLifecycle,
      },
    }
  })
  page('/ui/targets', 'Targets', allow('read', 'query'), async (query) => {
    const given = withoutEmpty(query)
    const answer = await targetsAnswer({ limit: String(TARGETS_LIMIT), ...given }, deps)
    const { q = '', source, limit: _, offset: __, ...labels } = given as Record<string, string | undefined>
    return {
      page: 'Targets',
      data: {
        ...answer,
        q,
        source,
        labels: labels as Record<string, string>,
        limit: TARGETS_LIMIT,
        sources: namesIn(deps, source),
        hasScrapes: deps.scrapes !== undefined,
      },
    }
  })
  if (!disableExplain) {
    page('/ui/explain', 'Explain', allow('explain', 'query'), async (query) => {
      const given = withoutEmpty(query)
      const { q, source } = given as { q?: string; source?: string }
      const answer = Object.keys(given).length === 0 ? undefined : await explainAnswer(given, deps)
      return { page: 'Explain', data: { q: q ?? '', source, sources: namesIn(deps, source), answer } }
    })
  }
  page('/ui/changes', 'Changes', allow('read', 'query'), async (query) => {
    const given = withoutEmpty(query)
    const { source, target, since, before } = given as Record<string, string | undefined>
    if (source !== undefined) findSource(deps.store, source)
    // Only the first page of all targets has the chart.
    const hasPicture = target === undefined && before === undefined
    const changes = hasPicture ? changesAnswer({ source, limit: '1000' }, deps).changes : undefined
    const asked = { limit: String(EVENTS_LIMIT), ...given }
    const answer = deps.history === undefined ? undefined : await eventsAnswer(asked, deps)
    return {
      page: 'Changes',
      data: { changes, answer, asked: { source, target, since, before }, sources: namesIn(deps, source) },
    }
  })
  page('/ui/pollers', 'Pollers', allow('read', 'query'), (query) => ({
    page: 'Pollers',
    data: pollersAnswer(query, deps),
  }))
  page('/ui/status', 'Status', allow('read'), () => ({ page: 'Status', data: statusAnswer(deps, options) }))

  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer' },
    (_request, _body, done) => done(null),
  )
  app.post('/ui/accept', allow('operate', 'query'), async (request, reply) => {
    observe(request, reply.raw, '/ui/accept', deps)
    await acceptAnswer(request.query, deps, options)
    return reply.code(303).header('location', '../?notice=accepted').send()
  })

  const asset = (path: string, type: string, text: string) =>
    app.get(path, allow('open'), (request, reply) => {
      observe(request, reply.raw, path, deps)
      // The content only changes with the version, which is in its URL.
      return reply.type(type).header('cache-control', 'public, max-age=86400').send(text)
    })
  asset('/ui/style.css', 'text/css; charset=utf-8', STYLE)
  asset('/ui/icon.svg', 'image/svg+xml', ICON)
}

/** The names to choose from: a request about one source must not learn about others. */
function namesIn({ store }: HttpDeps, source: string | undefined): string[] {
  return source === undefined ? store.list().map(({ name }) => name) : [source]
}

/** Removes empty parameters, which forms send for empty fields. */
function withoutEmpty(query: Query): Query {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''))
}

/**
 * The problems of the server as a whole.
 * @param isAboutOne whether the request is about one source: then messages that may name others are left out
 */
function alarmsOf(deps: HttpDeps, isAboutOne: boolean): string[] {
  const failure = deps.cluster?.status().failure
  const reload = deps.reloadFailure()
  return [
    ...(reload === undefined
      ? []
      : [
          `The last reload failed at ${new Date(reload.atMs).toISOString()}; the previous configuration is in force${isAboutOne ? '' : `: ${reload.message}`}`,
        ]),
    ...(deps.isDraining() ? ['The server is stopping.'] : []),
    ...(failure === undefined
      ? []
      : [`The store of the cluster cannot be used${isAboutOne ? '' : `: ${failure}`}`]),
  ]
}
