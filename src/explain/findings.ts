import { type ExplainAnswer, type Explanation, MAX_EXPLANATIONS, MAX_MATCHES } from '../model/explanation.ts'
import { LEVELS, type Level, NO_MATCH } from './query.ts'

/** Makes the explanation of a match; called only for the few that are shown. */
type Explain = () => Explanation

/** The matches, by how well they match the query. */
export interface Findings {
  /** Adds a match; `NO_MATCH` adds nothing. */
  add(level: Level, explain: Explain): void
  /**
   * The lowest level that has {@link MAX_MATCHES}: levels from here on are no longer counted; `NO_MATCH`
   * without one.
   */
  bound(): Level
  /** The number of matches at a level. */
  count(level: Level): number
  /** The first matches at a level, {@link MAX_EXPLANATIONS} at most. */
  first(level: Level): readonly Explain[]
}

interface Bucket {
  count: number
  readonly first: Explain[]
}

/** Creates an empty collection of matches. */
export function createFindings(): Findings {
  let bound = NO_MATCH
  const buckets = LEVELS.map((): Bucket => ({ count: 0, first: [] }))
  const bucketOf = (level: Level) => buckets[level] as Bucket
  return {
    add(level, explain) {
      if (level === NO_MATCH) return
      const bucket = bucketOf(level)
      bucket.count++
      if (bucket.count >= MAX_MATCHES) bound = Math.min(bound, level)
      if (bucket.first.length < MAX_EXPLANATIONS) bucket.first.push(explain)
    },
    bound: () => bound,
    count: (level) => bucketOf(level).count,
    first: (level) => bucketOf(level).first,
  }
}

/** The failure of a source, and when it was last read. */
export interface Age {
  readonly failing: string
  readonly asOf: string
}

/** Notes on the sources that are added to a verdict. */
export interface Notes {
  /** Parts that could not be searched, and may hold what was not found. */
  readonly gaps: readonly string[]
  /** Sources that were searched, but whose last reading is old. */
  readonly ages: readonly Age[]
  /** Names that the query may mean; called only when nothing was found. */
  near(): readonly string[]
}

/**
 * Combines the matches of all sources; only those of the best level count.
 * @param found in the records of each source
 * @param outside matches outside of the records; called only when no record matches
 */
export function composeAnswer(
  query: string,
  found: readonly Findings[],
  outside: () => readonly Findings[],
  notes: Notes,
): ExplainAnswer {
  const inRecords = bestOf(found)
  const best = inRecords.matches > 0 ? inRecords : bestOf(outside())
  const explanations = best.first.slice(0, MAX_EXPLANATIONS).map((explain) => explain())
  return { query, matches: best.matches, explanations, verdict: verdictOf(best.matches, explanations, notes) }
}

function bestOf(found: readonly Findings[]): { matches: number; first: readonly Explain[] } {
  const total = (level: Level) => found.reduce((sum, findings) => sum + findings.count(level), 0)
  let level = 0
  while (level < NO_MATCH && total(level) === 0) level++
  if (level === NO_MATCH) return { matches: 0, first: [] }
  return { matches: total(level), first: found.flatMap((findings) => findings.first(level)) }
}

function verdictOf(
  matches: number,
  explanations: readonly Explanation[],
  { gaps, ages, near }: Notes,
): string {
  const [first] = explanations
  if (first === undefined) {
    const names = near()
    const meant = names.length === 0 ? [] : [`did you mean ${names.join(', ')}?`]
    const what = gaps.length === 0 ? 'not in the inventory' : 'not found'
    const before = ages.map(({ failing, asOf }) => `unknown: ${failing}; as of ${asOf} `)
    return [`${before.join('; ')}${what}`, ...gaps, ...meant].join('; ')
  }
  const many = matches >= MAX_MATCHES ? `at least ${matches}` : matches
  const rest = matches > explanations.length ? `, of which ${explanations.length} are shown` : ''
  const what = matches === 1 ? first.verdict : `${many} matches${rest}; the first: ${first.verdict}`
  return [what, ...gaps].join('; ')
}
