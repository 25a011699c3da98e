/** The known word that is most likely meant, for "did you mean"; undefined when none is similar. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  // Of very short words each is near to any other.
  const most = word.length < 3 ? 1 : Math.max(2, Math.floor(word.length / 3))
  let bestDistance = most + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Levenshtein distance, one row at a time. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, substituted))
    }
    row = next
  }
  return row[b.length] as number
}
