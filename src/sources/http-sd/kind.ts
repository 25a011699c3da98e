import { placeOf, resolveHttp } from '../http/kind.ts'
import { createHttpSource, type HttpSourceOptions, urlsOf } from '../http/source.ts'
import { type Context, complain, type SourceKeys, within } from '../resolving.ts'
import type { Kind } from '../source.ts'
import type { HttpSdConfig } from './config.ts'

/** The settings of an HTTP service discovery endpoint, resolved and checked. */
export interface HttpSdSourceOptions extends Omit<HttpSourceOptions, 'kind'> {
  readonly kind: 'http_sd'
}

/**
 * Another HTTP service discovery endpoint. It is read like any inventory behind HTTP; the plan of the source requires
 * that the response has target groups and nothing else.
 */
export const httpSd: Kind<HttpSdConfig, HttpSdSourceOptions> = {
  resolve,
  create: (options, deps) => createHttpSource({ ...options, kind: 'http' }, deps),
  placesOf: (options) => urlsOf(options).map((url) => [placeOf(url)]),
}

/** The keys of a source that select or map records. */
const RECORD_KEYS = ['with', 'records', 'filter', 'for_each', 'targets', 'meta_labels'] as const

function resolve(config: HttpSdConfig, source: SourceKeys, context: Context): HttpSdSourceOptions {
  for (const key of RECORD_KEYS.filter((one) => source[one] !== undefined)) {
    const message = 'has no effect with http_sd, which returns target groups; remove it'
    complain(context, [key], message, { atKey: true })
  }
  return { ...resolveHttp(config, source.complete ?? false, within(context, 'http_sd')), kind: 'http_sd' }
}
