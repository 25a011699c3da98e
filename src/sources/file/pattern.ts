import { basename, dirname, join, resolve } from 'node:path'
import type { Format } from '../../model/document.ts'
import { FORMATS } from '../../pipeline/decode.ts'

/** Which files a source reads: one, or those of a folder whose names match. */
export interface FilePattern {
  /** As it is written in the configuration; what messages call it. */
  readonly text: string
  /** Absolute path of the folder. */
  readonly folder: string
  /** The name of a file, or a pattern of names. */
  readonly name: string
  /** Whether the name is a pattern. */
  readonly isGlob: boolean
  readonly format: Format
}

/** The name of a format, by the end of a file's name. */
export const KIND_BY_EXTENSION: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(FORMATS).flatMap(([kind, { extensions }]) => extensions.map((end) => [end, kind])),
)

const GLOB = /[*?]/

/** How the files of one source are written, where their names do not say it. */
export interface PatternDefaults {
  /** What relative paths are relative to. */
  readonly folder: string
  readonly kind: string | undefined
  readonly delimiter: string | undefined
  readonly columns?: readonly string[] | undefined
  readonly encoding?: string | undefined
}

/**
 * Reads a path whose last part may have `*` (any characters) and `?` (any one) in it, as in Prometheus's
 * `file_sd_configs`. Throws an Error that says what is expected.
 */
export function parsePattern(text: string, { folder, kind, ...written }: PatternDefaults): FilePattern {
  const shown = JSON.stringify(text)
  const name = basename(text)
  if (text.endsWith('/') || ['', '.', '..'].includes(name)) {
    throw new Error(`${shown} is no file; write a path such as "inventory/hosts.yml" or "inventory/*.json"`)
  }
  if (GLOB.test(dirname(text))) {
    throw new Error(
      `${shown} has a pattern in the name of a folder; "*" and "?" can stand after the last "/"`,
    )
  }
  const format = kind ?? KIND_BY_EXTENSION[extensionOf(name)]
  if (format === undefined) {
    const ends = Object.keys(KIND_BY_EXTENSION).map((end) => `.${end}`)
    throw new Error(`${shown} does not end in ${ends.join(', ')}; say how it is written: add format`)
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

/** The names that a pattern matches. Hidden ones it matches only when it begins with a dot itself. */
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
