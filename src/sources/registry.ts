import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { createFileSource, type FileSourceOptions } from './file/source.ts'
import { createHttpSource, type HttpSourceOptions } from './http/source.ts'
import { createHttpSdSource, type HttpSdSourceOptions } from './http-sd/source.ts'
import type { Source } from './source.ts'

/** The options of a source of any kind, resolved. */
export type SourceOptions = HttpSourceOptions | FileSourceOptions | HttpSdSourceOptions

/** What sources need from outside. */
export interface SourceDeps {
  readonly clock: Clock
  readonly userAgent: string
}

/** Creates a source of any kind. */
export function createSource(options: SourceOptions, deps: SourceDeps): Source {
  switch (options.kind) {
    case 'http':
      return createHttpSource(options, deps)
    case 'file':
      return createFileSource(options, deps)
    case 'http_sd':
      return createHttpSdSource(options, deps)
  }
}

/**
 * A digest of where an inventory is, without what may be secret or filter it: the same for another user, password
 * or query, another one for another host, path or files.
 */
export function originOf(options: SourceOptions): string {
  const place =
    options.kind === 'file'
      ? options.files.map(({ folder, name }) => `${folder}/${name}`).join('\n')
      : options.url.origin + options.url.pathname
  return createHash('sha256').update(`${options.kind} ${place}`).digest('hex')
}
