/**
 * Whether an `If-None-Match` header names an entity tag (RFC 9110 section 13.1.2: the weak
 * comparison, so `W/"x"` matches `"x"`; `*` matches anything).
 * @param tag the tag of what we would send, quoted
 */
export function matchesEtag(header: string, tag: string): boolean {
  if (header.trim() === '*') return true
  return header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)
}
