/**
 * Control characters (C0, delete, C1), line and paragraph separators, and the marks that reorder or hide
 * text: with them data could move the cursor of a terminal, or look like other data.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is its purpose
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/**
 * Escapes the characters of a text that a terminal would obey, as `\u001b`; the result is one line.
 * @param backslash what precedes the `u`
 */
export function printable(text: string, backslash = '\\'): string {
  return text.replace(
    UNPRINTABLE,
    (found) => `${backslash}u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A value as indented JSON with a final newline, for people and programs alike; safe for a terminal. */
export function printableJson(value: unknown): string {
  // JSON has line breaks only between its strings, and \u escapes mean the same inside of them.
  return `${JSON.stringify(value, null, 2)
    .split('\n')
    .map((line) => printable(line))
    .join('\n')}\n`
}

/**
 * A value in an error message: JSON in one line, cut after 120 characters, without the user,
 * password and query of a URL, each of which can be a secret.
 */
export function shownValue(value: unknown): string {
  const json = String(typeof value === 'number' ? value : JSON.stringify(value))
    .split('"')
    .map(withoutSecretParts)
    .join('"')
  return json.length <= 120 ? json : `${json.slice(0, 119)}…`
}

function withoutSecretParts(text: string): string {
  const start = text.indexOf('://')
  if (start === -1) return text
  const at = text.lastIndexOf('@')
  const shown = at > start ? `${text.slice(0, start)}://…${text.slice(at)}` : text
  const query = shown.indexOf('?', start)
  return query === -1 ? shown : `${shown.slice(0, query)}?…`
}
