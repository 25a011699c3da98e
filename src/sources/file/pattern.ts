import { basename, dirname, join, resolve } from 'node:path'
import type { Format } from '../../model/document.ts'
import { FORMATS } from '../../pipeline/decode.ts'

/** The files that a source reads: one, or those in a folder whose names match. */
export interface FilePattern {
  /** The text in the configuration, which messages show. */
  readonly text: string
  /** Absolute path of the folder. */
  readonly folder: string
  /** The name of a file, or a pattern of names. */
  readonly name: string
  /** Whether the name is a pattern. */
  readonly isGlob: boolean
  readonly format: Format
}

/** The format of a file, by its extension. */
export const KIND_BY_EXTENSION: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(FORMATS).flatMap(([kind, { extensions }]) => extensions.map((end) => [end, kind])),
)

const GLOB = /[*?]/

/** The settings of the files of one source that their names do not give. */
export interface PatternDefaults {
  /** The base of relative paths. */
  readonly folder: string
  readonly kind: string | undefined
  readonly delimiter: string | undefined
  readonly columns?: readonly string[] | undefined
  readonly encoding?: string | undefined
}

/**
 * Reads a path whose last part can contain `*` (any characters) and `?` (any one), as in Prometheus's
 * `file_sd_configs`. Throws an Error that says what is expected.
 */
export function parsePattern(text: string, { folder, kind, ...written }: PatternDefaults): FilePattern {
  const shown = JSON.stringify(text)
  const name = basename(text)
  if (text.endsWith('/') || ['', '.', '..'].includes(name)) {
    throw new Error(
      `${shown} is not a file; write a path such as "inventory/hosts.yml" or "inventory/*.json"`,
    )
  }
  if (GLOB.test(dirname(text))) {
    throw new Error(
      `${shown} has a pattern in the name of a folder; "*" and "?" are allowed only after the last "/"`,
    )
  }
  const format = kind ?? KIND_BY_EXTENSION[extensionOf(name)]
  if (format === undefined) {
    const ends = Object.keys(KIND_BY_EXTENSION).map((end) => `.${end}`)
    throw new Error(`${shown} does not end in ${ends.join(', ')}; set its format: add format`)
  }
  return {
    text,
    folder: resolve(folder, dirname(text)),
    name,
    isGlob: GLOB.test(name),
    format: { kind: format, ...written },
  }
}

function extensionOf(name: string): string {
  const own = name.toLowerCase().replace(/\.gz$/, '')
  return own.slice(own.lastIndexOf('.') + 1)
}

/** The names that a pattern matches; hidden ones only when the pattern begins with a dot. */
export function matchNames(pattern: string, names: readonly string[]): string[] {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  const expression = new RegExp(`^${escaped.replace(/\*+/g, '.*').replaceAll('?', '.')}$`, 'su')
  return names.filter((name) => expression.test(name) && (pattern.startsWith('.') || !name.startsWith('.')))
}

/** Whether the pattern matches the file with this absolute path. */
export function matchesPath({ folder, name }: FilePattern, path: string): boolean {
  return dirname(path) === folder && matchNames(name, [basename(path)]).length > 0
}

/** The path of a file in the pattern's folder as the configuration would write it. */
export function shownPath(pattern: FilePattern, name: string): string {
  return join(dirname(pattern.text), name)
}
