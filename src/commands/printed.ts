import { printable } from '../base/printable.ts'
import { maskText } from '../pipeline/mask-text.ts'

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

/** Rows as aligned columns; the last one is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
