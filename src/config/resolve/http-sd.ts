import type { HttpSdConfig } from '../../sources/http-sd/config.ts'
import type { HttpSdSourceOptions } from '../../sources/http-sd/source.ts'
import type { FileSource } from '../schema.ts'
import { type Context, complain, within } from './context.ts'
import { resolveHttp } from './http.ts'

/** The keys of a source that say what a record is. */
const RECORD_KEYS = ['records', 'targets', 'meta_labels'] as const

/** Resolves the keys of `http_sd:`. */
export function resolveHttpSd(
  config: HttpSdConfig,
  source: FileSource,
  context: Context,
): HttpSdSourceOptions {
  for (const key of RECORD_KEYS.filter((one) => source[one] !== undefined)) {
    const message = 'has no meaning for http_sd, whose answer is target groups already; remove it'
    complain(context, [key], message, { atKey: true })
  }
  return { ...resolveHttp(config, within(context, 'http_sd')), kind: 'http_sd' }
}
