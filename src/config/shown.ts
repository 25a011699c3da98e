/** A value in an error message: JSON in one line, cut after 120 characters. */
export function shownValue(value: unknown): string {
  const json = String(JSON.stringify(value))
  return json.length <= 120 ? json : `${json.slice(0, 119)}…`
}
