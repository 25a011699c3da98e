import type { FastifyInstance, FastifyRequest } from 'fastify'
import { HttpError } from '../base/errors.ts'

/**
 * Remembers which methods each path has, so that a wrong method is told from a wrong path.
 * @returns the methods of the path that a request asks for; empty when there is no such path
 */
export function trackMethods(app: FastifyInstance): (request: FastifyRequest) => readonly string[] {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>()
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+')}/?$`)
    const route = routes.get(url) ?? { pattern, methods: new Set<string>() }
    for (const one of [method].flat()) route.methods.add(one)
    routes.set(url, route)
  })
  return (request) => {
    const path = request.url.split('?', 1)[0] as string
    for (const { pattern, methods } of routes.values()) if (pattern.test(path)) return [...methods].sort()
    return []
  }
}

/** The error for a request that no route took: 405 with the methods that there are, or 404. */
export function noRouteError(request: FastifyRequest, methods: readonly string[]): HttpError {
  if (methods.length > 0) {
    return new HttpError(
      'method_not_allowed',
      `${request.method} is not possible here; use ${methods.join(', ')}`,
    )
  }
  return new HttpError('not_found', 'there is no such path; / lists every path')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding encoded control characters is its purpose
const HOSTILE = /%(?:0[0-9a-f]|1[0-9a-f]|7f|2f|5c)|[\u0000-\u001f\\]/i

/**
 * Refuses paths with encoded slashes, backslashes or control characters: nothing of ours has them, and
 * what stands behind another proxy may read them differently.
 * @throws HttpError `bad_request`
 */
export function assertHarmlessPath(url: string): void {
  if (HOSTILE.test(url.split('?', 1)[0] as string)) {
    throw new HttpError('bad_request', 'the path has encoded slashes or control characters in it')
  }
}
