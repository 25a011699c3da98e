import { printable } from '../base/printable.ts'
import { maskText } from '../model/mask-text.ts'

/** The output of a command, and its exit code. */
export interface Printed {
  readonly out: string
  readonly err: string
  /** 1 when a part of the command failed. */
  readonly code: 0 | 1
}

/** A text for people on one line, without terminal control characters and without the password of a URL. */
export function shownLine(text: string): string {
  return printable(maskText(text, () => {}))
}

/** A number with its noun, in the plural unless the number is 1. */
export function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`
}

/** Rows of the same number of cells as aligned columns; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widthOf = (column: number) =>
    rows.reduce((widest, row) => Math.max(widest, (row[column] as string).length), 0)
  const widths = (rows[0] as readonly string[]).slice(0, -1).map((_, column) => widthOf(column))
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
  return rows.map((row) => `${line(row).join('  ').trimEnd()}\n`).join('')
}
