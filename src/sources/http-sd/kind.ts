import { placeOf, resolveHttp } from '../http/kind.ts'
import { createHttpSource, type HttpSourceOptions, urlsOf } from '../http/source.ts'
import { type Context, complain, type SourceKeys, within } from '../resolving.ts'
import type { Kind } from '../source.ts'
import type { HttpSdConfig } from './config.ts'

/** Where the endpoint is and how it is asked; every value resolved and checked. */
export interface HttpSdSourceOptions extends Omit<HttpSourceOptions, 'kind'> {
  readonly kind: 'http_sd'
}

/**
 * Another HTTP service discovery endpoint. It is asked like any inventory behind HTTP; that its answer holds
 * target groups and nothing else is for the plan of the source to say.
 */
export const httpSd: Kind<HttpSdConfig, HttpSdSourceOptions> = {
  resolve,
  create: (options, deps) => createHttpSource({ ...options, kind: 'http' }, deps),
  placesOf: (options) => urlsOf(options).map((url) => [placeOf(url)]),
}

/** The keys of a source that say what a record is. */
const RECORD_KEYS = ['with', 'records', 'filter', 'for_each', 'targets', 'meta_labels'] as const

function resolve(config: HttpSdConfig, source: SourceKeys, context: Context): HttpSdSourceOptions {
  for (const key of RECORD_KEYS.filter((one) => source[one] !== undefined)) {
    const message = 'has no meaning for http_sd, whose answer is target groups already; remove it'
    complain(context, [key], message, { atKey: true })
  }
  return { ...resolveHttp(config, source.complete ?? false, within(context, 'http_sd')), kind: 'http_sd' }
}
