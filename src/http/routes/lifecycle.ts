import type { FastifyInstance, FastifyReply } from 'fastify'
import { HttpError, messageOf } from '../../base/errors.ts'
import type { AcceptedBody, RefreshBody, ReloadBody } from '../api/answers.ts'
import { allow } from '../auth.ts'
import { assertLifecycle, type HttpDeps, type HttpOptions, type RefreshAnswer } from '../deps.ts'
import { observe } from '../observe.ts'
import { sourceIn } from '../source-parameter.ts'

/**
 * `POST /-/refresh[?source=][&wait=]`: refresh now, the webhook for inventories; `POST
 * /-/accept?digest=[&source=]`: let held targets leave; `POST /-/reload`: load the configuration file again.
 * All are off by default.
 */
export function lifecycleRoutes(app: FastifyInstance, deps: HttpDeps, options: HttpOptions): void {
  // The body of a webhook is not needed, so any type is accepted (up to the body limit) and dropped.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))
  const route = (path: string, about: 'query' | 'all', act: Act) => {
    app.post(path, allow('operate', about), async (request, reply) => {
      observe(request, reply.raw, path, deps)
      assertLifecycle(options)
      return act(request.query, reply)
    })
  }
  const later = createLater(deps)
  app.addHook('onClose', async () => later.close())
  route('/-/refresh', 'query', async (query, reply) => {
    const { wait, ...others } = query as Record<string, unknown>
    const source = sourceIn(others, deps.store, 'source and wait')
    if (isWaiting(wait)) return allShown(await deps.refresh(source))
    later.refresh(source)
    return reply.code(202).send({ status: 'accepted' } satisfies AcceptedBody)
  })
  route('/-/accept', 'query', (query) => acceptAnswer(query, deps, options))
  route('/-/reload', 'all', (query) => {
    if (Object.keys(query as object).length > 0)
      throw new HttpError('bad_request', 'a reload applies the whole file, and takes no parameters')
    return reload(deps)
  })
}

type Act = (query: unknown, reply: FastifyReply) => Promise<unknown>

/** @throws HttpError `bad_request` */
function isWaiting(wait: unknown): boolean {
  if (wait === undefined || wait === 'true') return true
  if (wait === 'false') return false
  const shown = JSON.stringify(wait).slice(0, 60)
  throw new HttpError('bad_request', `wait is ${shown}; write true or false, once`)
}

/** How long refresh requests without `wait` are collected, in milliseconds. */
const COLLECT_MS = 1_000

/**
 * Refreshes without `wait`. Requests within a second share one reading: it begins a second after the first of
 * them, so that it sees the changes that all of them announce.
 */
function createLater({ clock, log, refresh }: HttpDeps) {
  const asked = new Set<string | undefined>()
  let cancel: (() => void) | undefined

  function begin(): void {
    const sources = asked.has(undefined) ? [undefined] : [...asked]
    asked.clear()
    cancel = undefined
    // The result of a refresh is in the log, in the metrics and on /health.
    for (const source of sources) refresh(source).catch((err) => log.error({ source, err }, 'refresh failed'))
  }

  return {
    refresh(source: string | undefined): void {
      asked.add(source)
      cancel ??= clock.after(COLLECT_MS, begin)
    },
    close(): void {
      cancel?.()
    },
  }
}

/** @throws HttpError `refresh_failed` when any refresh failed */
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
      'the digest is missing or invalid; write /-/accept?digest=DIGEST with the digest that /health shows of the held targets: 64 hex digits',
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
