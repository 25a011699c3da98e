/** Sets a table: every column as wide as its widest cell, those named in `right` set to the right. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => width(row[column] ?? ''))),
  )
  const cell = (text: string, column: number) => {
    const fill = ' '.repeat((widths[column] as number) - width(text))
    return right.includes(column) ? fill + text : text + fill
  }
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}

/** The same as Markdown; the first row is the head. */
export function markdownTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const [head = [], ...body] = rows
  const rule = head.map((_, column) => (right.includes(column) ? '---:' : '---'))
  return [head, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** Columns on a terminal: a letter outside ASCII is still one. */
function width(text: string): number {
  return [...text].length
}
