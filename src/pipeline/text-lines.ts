const BLANK = /\s/

/** A line without the comment at its end, which begins at the beginning of the line or behind a blank. */
export function withoutComment(line: string, marks: string): string {
  for (let at = 0; at < line.length; at++) {
    const isMark = marks.includes(line[at] as string)
    if (isMark && (at === 0 || BLANK.test(line[at - 1] as string))) return line.slice(0, at).trim()
  }
  return line.trim()
}

/**
 * Whether a text looks like a word of an error message rather than like a host: Unauthorized, null, OK. Where it is all
 * that there is, it is not taken for the only host of an inventory.
 */
export function isMessage(text: string): boolean {
  return /^[a-z]+[.!]?$/i.test(text.trim())
}
