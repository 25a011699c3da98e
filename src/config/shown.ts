/**
 * A value in an error message: JSON in one line, cut after 120 characters, without the user,
 * password and query of a URL, each of which can be a secret.
 */
export function shownValue(value: unknown): string {
  const json = String(typeof value === 'number' ? value : JSON.stringify(value))
    .replace(/(:\/\/[^"]*)@/g, '://…@')
    .replace(/(:\/\/[^"?]*)\?[^"]*/g, '$1?…')
  return json.length <= 120 ? json : `${json.slice(0, 119)}…`
}
