import { printable } from '../base/printable.ts'
import { maskText } from '../model/mask-text.ts'

/** What a command prints, and how it ends. */
export interface Printed {
  readonly out: string
  readonly err: string
  /** 1 when not all of it could be done. */
  readonly code: 0 | 1
}

/** Text for people in one line: nothing in it moves the cursor, and no password of a URL is in it. */
export function shownLine(text: string): string {
  return printable(maskText(text, () => {}))
}

/** So many of something in words. */
export function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`
}

/** Rows of equally many cells as aligned columns; the last one is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widthOf = (column: number) =>
    rows.reduce((widest, row) => Math.max(widest, (row[column] as string).length), 0)
  const widths = (rows[0] as readonly string[]).slice(0, -1).map((_, column) => widthOf(column))
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
  return rows.map((row) => `${line(row).join('  ').trimEnd()}\n`).join('')
}
