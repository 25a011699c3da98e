import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import { createFileSource, type FileSourceOptions } from './file/source.ts'
import { createHttpSource, type HttpSourceOptions } from './http/source.ts'
import { createHttpSdSource, type HttpSdSourceOptions } from './http-sd/source.ts'
import type { PushDeps } from './push/register.ts'
import { createPushSource, type PushSourceOptions } from './push/source.ts'
import type { Source } from './source.ts'

/** The options of a source of any kind, resolved. */
export type SourceOptions = HttpSourceOptions | FileSourceOptions | HttpSdSourceOptions | PushSourceOptions

/** What sources need from outside. */
export interface SourceDeps {
  readonly clock: Clock
  readonly files: Files
  readonly userAgent: string
  /** What a push source that serves needs beside the clock. */
  readonly push?: Omit<PushDeps, 'clock' | 'files'>
}

/**
 * Creates a source of any kind.
 * @param before the source whose place it takes; what its devices registered goes over to it
 */
export function createSource(options: SourceOptions, deps: SourceDeps, before?: Source): Source {
  switch (options.kind) {
    case 'http':
      return createHttpSource(options, deps)
    case 'file':
      return createFileSource(options, deps)
    case 'http_sd':
      return createHttpSdSource(options, deps)
    case 'push':
      return createPushSource(
        options,
        { storage: undefined, report: () => {}, ...deps.push, clock: deps.clock, files: deps.files },
        before?.register,
      )
  }
}

/**
 * Where an inventory is, whole, but without the user and password that it is asked with: the list of another address is
 * that of another inventory. It may hold secrets, in a query or a body.
 */
export function addressOf(options: SourceOptions): string {
  return JSON.stringify([options.kind, ...placeOf(options)])
}

function placeOf(options: SourceOptions): unknown[] {
  if (options.kind === 'push') return [options.name]
  if (options.kind === 'file') return options.files.map(({ folder, name }) => `${folder}/${name}`)
  const { origin, pathname, search } = options.url
  const body = options.kind === 'http' ? [options.method, options.body] : []
  return [origin + pathname + search, ...body]
}
