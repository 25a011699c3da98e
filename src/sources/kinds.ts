import { command } from './command/kind.ts'
import { file } from './file/kind.ts'
import { http } from './http/kind.ts'
import { httpSd } from './http-sd/kind.ts'
import { createJoined } from './joined.ts'
import { push } from './push/kind.ts'
import type { Kind, Source, SourceDeps } from './source.ts'

/** The kinds of sources, by their key in the configuration file. Their schemas are in `config/schema.ts`. */
export const KINDS = { http, file, http_sd: httpSd, push, command } as const

/** The options of a source of any kind, resolved. */
export type SourceOptions = ReturnType<(typeof KINDS)[keyof typeof KINDS]['resolve']> & {
  /** The lists that its records are joined with; undefined: there are none. */
  readonly joins?: readonly { readonly name: string; readonly source: SourceOptions }[]
}

/** The kind of any options. */
function kindOf<Options extends SourceOptions>({ kind }: Options): Kind<never, Options> {
  return KINDS[kind] as Kind<never, Options>
}

/**
 * Creates a source of any kind.
 * @param before the source that it replaces; it takes over the registrations of its devices
 */
export function createSource(options: SourceOptions, deps: SourceDeps, before?: Source): Source {
  const source = kindOf(options).create(options, deps, before)
  if (options.joins === undefined) return source
  const joins = options.joins.map((join) => ({ name: join.name, source: createSource(join.source, deps) }))
  return createJoined(source, joins, deps.clock)
}

/** The addresses of an inventory, one for each of its URLs or paths; see {@link Kind}. */
export function addressesOf(options: SourceOptions): string[] {
  const places = kindOf(options).placesOf(options)
  return places.map((place) => JSON.stringify([options.kind, ...place]))
}
