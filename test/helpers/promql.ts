/** One selector of a PromQL expression: `name{matchers}[range]`. */
export interface Selector {
  readonly metric: string
  /** Label, operator and value, as written: `job=~"$job"`. */
  readonly matchers: readonly string[]
  /** Without brackets; undefined for an instant selector. */
  readonly range: string | undefined
  /** The function whose argument it is directly; undefined where there is none. */
  readonly within: string | undefined
}

/** Names that are no metrics where no argument follows at once: `sum by (job) (…)`. */
const WORDS = new Set(
  'and or unless offset bool group_left group_right sum min max avg count group topk bottomk'.split(' '),
)

/** Text, a clause with label names, a number or duration, or a name with what follows it. */
const TOKEN =
  /"(?:[^"\\]|\\.)*"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)|\b\d[\w.:]*|(?<name>[a-zA-Z_:][\w:]*)\s*(?<call>\()?(?:\{(?<matchers>[^}]*)\})?(?:\[(?<range>[^\]]*)\])?/g

/** Every selector of an expression. It knows as much of the language as the shipped rules and panels use. */
export function selectorsOf(expression: string): Selector[] {
  return [...expression.matchAll(TOKEN)].flatMap(({ groups, index }) => {
    const { name, call, matchers = '', range } = groups as Record<string, string | undefined>
    if (name === undefined || call !== undefined || WORDS.has(name)) return []
    const within = /([a-z_]+)\($/.exec(expression.slice(0, index))?.[1]
    const written = matchers.match(/\w+\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"/g) ?? []
    return [{ metric: name, matchers: written, range, within }]
  })
}
