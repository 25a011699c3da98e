const BLANK = /\s/

/** Removes a comment, which starts at the beginning of the line or after white space. */
export function withoutComment(line: string, marks: string): string {
  for (let at = 0; at < line.length; at++) {
    const isMark = marks.includes(line[at] as string)
    if (isMark && (at === 0 || BLANK.test(line[at - 1] as string))) return line.slice(0, at).trim()
  }
  return line.trim()
}

/**
 * Whether a text looks like a word of an error message rather than a host: Unauthorized, null, OK. Alone, it
 * is not accepted as the only host of an inventory.
 */
export function isMessage(text: string): boolean {
  return /^[a-z]+[.!]?$/i.test(text.trim())
}
