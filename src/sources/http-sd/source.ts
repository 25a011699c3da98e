import type { HttpDeps } from '../http/requester.ts'
import { createHttpSource, type HttpSourceOptions } from '../http/source.ts'
import type { Source } from '../source.ts'

/** Where the endpoint is and how it is asked; every value resolved and checked. */
export interface HttpSdSourceOptions extends Omit<HttpSourceOptions, 'kind'> {
  readonly kind: 'http_sd'
}

/**
 * Another HTTP service discovery endpoint. It is asked like any inventory behind HTTP; that its answer holds
 * target groups and nothing else is for the plan of the source to say.
 */
export function createHttpSdSource(options: HttpSdSourceOptions, deps: HttpDeps): Source {
  return createHttpSource({ ...options, kind: 'http' }, deps)
}
