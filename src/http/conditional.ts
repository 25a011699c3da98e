/**
 * Whether an `If-None-Match` header names an entity tag (RFC 9110 section 13.1.2: the weak
 * comparison, so `W/"x"` matches `"x"`; `*` matches anything).
 * @param tag the tag of what we would send, quoted
 */
export function matchesEtag(header: string, tag: string): boolean {
  if (header.trim() === '*') return true
  return header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag)
}

/**
 * Whether an `Accept-Encoding` header allows gzip (RFC 9110 section 12.5.3). No header: no, since the
 * plain body is what a client that says nothing expects.
 */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined) return false
  const weights = new Map(
    header.split(',').map((part) => {
      const [coding = '', ...parameters] = part.toLowerCase().split(';')
      const q = parameters
        .map((parameter) => parameter.trim())
        .find((parameter) => parameter.startsWith('q='))
      return [coding.trim(), q === undefined ? 1 : Number(q.slice(2))] as const
    }),
  )
  const weight = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0
  return weight > 0
}
