/** Texts longer than this are not remembered, so that a memo stays small. */
const MAX_REMEMBERED_LENGTH = 256

/** How many lookups a memo pauses after it was of no use, per entry of its limit. */
const REST_PER_ENTRY = 16

/**
 * Caches the results of a pure function of a text, at most `limit` of them. A full cache is cleared; if less
 * than half of the lookups were hits, it pauses for a while, because values that never repeat (addresses) are
 * cheaper to compute than to cache.
 */
export function memo<Result extends boolean | object | string | null>(
  compute: (text: string) => Result,
  limit = 4096,
): (text: string) => Result {
  const known = new Map<string, Result>()
  let hits = 0
  let resting = 0
  return (text) => {
    if (resting > 0) {
      resting--
      return compute(text)
    }
    const remembered = known.get(text)
    if (remembered !== undefined) {
      hits++
      return remembered
    }
    const result = compute(text)
    if (text.length > MAX_REMEMBERED_LENGTH) return result
    if (known.size >= limit) {
      if (hits < limit) resting = limit * REST_PER_ENTRY
      known.clear()
      hits = 0
    }
    known.set(text, result)
    return result
  }
}
