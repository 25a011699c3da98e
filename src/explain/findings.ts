import { suggest } from '../base/suggest.ts'
import { shown, shownText } from '../mapping/rejection.ts'
import { type ExplainAnswer, type Explanation, MAX_EXPLANATIONS, MAX_MATCHES } from '../model/explanation.ts'
import { isNamed, LEVELS, type Level, NO_MATCH, parseQuery, type Query } from './query.ts'

/** Makes the explanation of a match; called only for the few that are shown. */
type Explain = () => Explanation

/** The matches, by how well they match the query. */
export interface Findings {
  /** Adds a match; `NO_MATCH` adds nothing. */
  add(level: Level, explain: Explain): void
  /** Counts a record that is searched. */
  see(): void
  /** The number of records that were searched. */
  seen(): number
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
  let seen = 0
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
    see() {
      seen++
    },
    seen: () => seen,
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
  /** The names of the sources whose records were searched. */
  readonly sources: readonly string[]
  /** Names that the query may mean; called only when nothing was found. */
  near(): readonly string[]
  /** The fields of the records; called only when nothing was found and the query names a field. */
  fields(): ReadonlySet<string>
  /** What to try when nothing was found, and no name is near. */
  readonly advice?: string
}

/**
 * Combines the matches of all sources; only those of the best level count.
 * @param found in the records of each source
 * @param outside matches outside of the records; called only when no record matches
 */
export function composeAnswer(
  text: string,
  found: readonly Findings[],
  outside: () => readonly Findings[],
  notes: Notes,
): ExplainAnswer {
  const query = parseQuery(text)
  const inRecords = bestOf(found)
  const best = inRecords.matches > 0 ? inRecords : bestOf(outside())
  const { matches } = best
  const explanations = best.first.slice(0, MAX_EXPLANATIONS).map((explain) => explain())
  const records = found.reduce((sum, findings) => sum + findings.seen(), 0)
  const verdict =
    matches === 0 ? nothingFound(query, records, notes) : verdictOf(best, explanations, { query, ...notes })
  return { query: text, matches, explanations, verdict }
}

/** The matches of the best level. */
interface Best {
  readonly level: Level
  readonly matches: number
  readonly first: readonly Explain[]
}

function bestOf(found: readonly Findings[]): Best {
  const total = (level: Level) => found.reduce((sum, findings) => sum + findings.count(level), 0)
  let level = 0
  while (level < NO_MATCH && total(level) === 0) level++
  if (level === NO_MATCH) return { level, matches: 0, first: [] }
  return { level, matches: total(level), first: found.flatMap((findings) => findings.first(level)) }
}

/** Says that nothing was found, where it was searched for, and what the query may mean. */
function nothingFound(query: Query, records: number, notes: Notes): string {
  const { gaps, ages, sources } = notes
  const where = sources.length <= MAX_SOURCES ? sources.join(', ') : `${sources.length} sources`
  const searched =
    sources.length === 0 ? '' : `: no record of ${where} ${predicate(query)} (${records} searched)`
  const what = gaps.length === 0 ? 'not in the inventory' : 'not found'
  const before = ages.map(({ failing, asOf }) => `unknown: ${failing}; as of ${asOf} `)
  return [`${before.join('; ')}${what}${searched}`, ...gaps, ...meant(query, notes)].join('; ')
}

/** The number of sources that a message names. */
const MAX_SOURCES = 3

function predicate({ text, field }: Query): string {
  return field === undefined
    ? `contains ${shown(text)}`
    : `has ${shown(field.text)} in the field ${shownText(field.name)}`
}

/** The field and names that a query without matches may mean, or what to try. */
function meant({ field }: Query, { gaps, near, fields, advice }: Notes): string[] {
  const names = near()
  const hints = [
    ...(field === undefined ? [] : unknownField(field.name, [...fields()])),
    ...(names.length === 0 ? [] : [`did you mean ${names.join(', ')}?`]),
  ]
  return hints.length > 0 || gaps.length > 0 || advice === undefined ? hints : [advice]
}

/** Says that no field has this name; nothing when the fields are unknown, or one has it. */
function unknownField(name: string, fields: readonly string[]): string[] {
  if (fields.length === 0 || fields.some((path) => isNamed(path, name))) return []
  const told = `no searchable field is named ${shownText(name)}`
  const near = suggest(name, fields)
  return [near === undefined ? told : `${told}; did you mean ${shownText(near)}?`]
}

function verdictOf(
  { level, matches }: Best,
  explanations: readonly Explanation[],
  { gaps, query }: Pick<Notes, 'gaps'> & { readonly query: Query },
): string {
  const first = explanations[0] as Explanation
  const many = matches >= MAX_MATCHES ? `at least ${matches}` : matches
  const rest = matches > explanations.length ? `, of which ${explanations.length} are shown` : ''
  const isField = LEVELS[level] === 'field contains'
  const isPart = isField || LEVELS[level] === 'contains'
  const { text: part } = (isField ? query.field : undefined) ?? query
  const found = isPart
    ? `no exact match; ${many} ${matches === 1 ? 'record contains' : 'records contain'} ${shown(part)}${rest}`
    : `${many} matches${rest}`
  const what = matches > 1 ? `${found}; the first: ` : isPart ? `${found}: ` : ''
  return [`${what}${first.verdict}`, ...gaps].join('; ')
}
