import type { FastifyInstance } from 'fastify'
import { HttpError, messageOf } from '../../base/errors.ts'
import type { RefreshBody, ReloadBody } from '../api/answers.ts'
import { allow } from '../auth.ts'
import { assertLifecycle, type HttpDeps, type HttpOptions, type RefreshAnswer } from '../deps.ts'
import { observe } from '../observe.ts'
import { sourceIn } from '../source-parameter.ts'

/**
 * `POST /-/refresh[?source=]`: refresh now, the webhook for inventories; `POST /-/accept?digest=[&source=]`: let held
 * targets leave; `POST /-/reload`: load the configuration file again. All off unless switched on.
 */
export function lifecycleRoutes(app: FastifyInstance, deps: HttpDeps, options: HttpOptions): void {
  // A webhook's body says nothing that we need, so any type is taken (up to the body limit) and dropped.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))
  const route = (path: string, about: 'query' | 'all', act: (query: unknown) => Promise<unknown>) => {
    app.post(path, allow('operate', about), async (request, reply) => {
      observe(request, reply.raw, path, deps)
      assertLifecycle(options)
      return act(request.query)
    })
  }
  route('/-/refresh', 'query', (query) => refresh(sourceIn(query, deps.store), deps))
  route('/-/accept', 'query', (query) => acceptAnswer(query, deps, options))
  route('/-/reload', 'all', (query) => {
    if (Object.keys(query as object).length > 0)
      throw new HttpError('bad_request', 'a reload is one of everything, and takes no parameter')
    return reload(deps)
  })
}

async function refresh(source: string | undefined, deps: HttpDeps): Promise<RefreshBody> {
  return allShown(await deps.refresh(source))
}

/** @throws HttpError `refresh_failed` when any of them failed */
function allShown(results: readonly RefreshAnswer[]): RefreshBody {
  const failed = results.flatMap((one) =>
    one.error === undefined ? [] : `${one.source}: ${one.error.message}`,
  )
  if (failed.length > 0) throw new HttpError('refresh_failed', failed.join('; '))
  return { results: results.map(shown) }
}

export const DIGEST = /^[0-9a-f]{64}$/

/**
 * Lets held targets leave.
 * @throws HttpError `lifecycle_disabled`, `bad_request`, `not_held`, `refresh_failed`
 */
export async function acceptAnswer(
  query: unknown,
  deps: HttpDeps,
  options: HttpOptions,
): Promise<RefreshBody> {
  assertLifecycle(options)
  const { digest, ...others } = query as Record<string, unknown>
  const source = sourceIn(others, deps.store, 'digest and source')
  if (typeof digest !== 'string' || !DIGEST.test(digest)) {
    throw new HttpError(
      'bad_request',
      'which targets? write /-/accept?digest=DIGEST with the digest that /health shows of them: 64 hex digits',
    )
  }
  const results = await deps.accept(digest, source)
  if (results === undefined || (results.length === 0 && source !== undefined)) {
    throw new HttpError(
      'not_held',
      `nothing was accepted: no targets${source === undefined ? '' : ` of ${source}`} with this digest are held. Look at /health again: others may be missing by now`,
    )
  }
  return allShown(results)
}

async function reload(deps: HttpDeps): Promise<ReloadBody> {
  const isReloaded = await deps.reload().catch((error) => {
    throw new HttpError('reload_failed', messageOf(error))
  })
  if (isReloaded) return { status: 'reloaded' }
  throw new HttpError(
    'nothing_to_reload',
    'there is no configuration file to reload; flags and environment variables are read at the start: restart Rollcall',
  )
}

function shown({ source, result, targets }: RefreshAnswer) {
  return { source, result, targets }
}
