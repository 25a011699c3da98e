import { basename, dirname, join, resolve } from 'node:path'
import type { Format } from '../../model/document.ts'

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

/** How a file is written, by the end of its name. */
export const KIND_BY_EXTENSION: Readonly<Record<string, Format['kind']>> = {
  json: 'json',
  yml: 'yaml',
  yaml: 'yaml',
  csv: 'csv',
}

const GLOB = /[*?]/

/** How the files of one source are written, where their names do not say it. */
export interface PatternDefaults {
  /** What relative paths are relative to. */
  readonly folder: string
  readonly kind: Format['kind'] | undefined
  readonly delimiter: string
}

/**
 * Reads a path whose last part may have `*` (any characters) and `?` (any one) in it, as in Prometheus's
 * `file_sd_configs`. Throws an Error that says what is expected.
 */
export function parsePattern(text: string, { folder, kind, delimiter }: PatternDefaults): FilePattern {
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
  const known = kind ?? KIND_BY_EXTENSION[extensionOf(name)]
  if (known === undefined) {
    const ends = Object.keys(KIND_BY_EXTENSION).map((end) => `.${end}`)
    throw new Error(`${shown} does not end in ${ends.join(', ')}; say how it is written: add format`)
  }
  const format: Format = known === 'csv' ? { kind: 'csv', delimiter } : { kind: known }
  return { text, folder: resolve(folder, dirname(text)), name, isGlob: GLOB.test(name), format }
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1).toLowerCase()
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
