/** A JavaScript expression that matches like RE2, for texts up to a length. */
export interface NativePattern {
  readonly regex: RegExp
  /** In UTF-16 units. Up to this length, backtracking tries at most {@link BUDGET} paths through the text. */
  readonly maxLength: number
}

/** The limit of paths through a text that a native expression may try, which takes well under a millisecond. */
const BUDGET = 2 ** 16

const CLASS_PART = String.raw`[0-9]-[0-9]|[a-z]-[a-z]|[A-Z]-[A-Z]|[\w.:;,/ @=+#%]|\\[.dw-]`

/** One character with its repetition, the beginning or end of a group, or a bar. Everything else is left to RE2. */
const TOKEN = new RegExp(
  [
    String.raw`(?<one>[^\\^$.|?*+()[\]{}]|\\[.+*?()|[\]{}^$\\/dDwW]|\\-|\.|\[\^?(?:${CLASS_PART})+-?\])(?<times>[*+?]\??)?`,
    String.raw`(?<open>\((?:\?:|(?!\?)))`,
    String.raw`(?<close>\))(?<optional>\??)(?![*+?{])`,
    String.raw`(?<bar>\|)`,
  ].join('|'),
  'uy',
)

type Token = Readonly<Partial<Record<'one' | 'times' | 'open' | 'optional' | 'bar', string>>>

/** A group that is being read, or the whole expression: the shortest match of each alternative. */
interface Group {
  readonly alternatives: number[]
}

interface Reader {
  readonly groups: Group[]
  repetitions: number
  choices: number
}

/**
 * Translates a simple expression to a native one, which is about twenty times faster than RE2 in JavaScript. Simple
 * expressions have characters, classes, groups, alternatives, `*`, `+` and `?` after one character, and `?` after a group
 * that cannot be empty. For these both return the same matches and groups, because both follow Perl's preferences. The
 * more repetitions and choices there are, the shorter the allowed texts.
 * @returns undefined when the expression is not simple
 */
export function compileNative(source: string): NativePattern | undefined {
  const reader: Reader = { groups: [newGroup()], repetitions: 0, choices: 1 }
  let translated = ''
  TOKEN.lastIndex = 0
  for (let at = 0; at < source.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(source)
    if (match === null || !take(reader, match.groups as Token)) return undefined
    // With the flag u a hyphen outside a class must not be escaped.
    translated += match[0].replace(/^\\-/, '-')
  }
  const [whole, unclosed] = reader.groups
  const choices = reader.choices * (whole as Group).alternatives.length
  if (unclosed !== undefined || choices > BUDGET) return undefined
  return {
    regex: new RegExp(`^(?:${translated})$`, 'su'),
    maxLength: reader.repetitions === 0 ? Infinity : (BUDGET / choices) ** (1 / reader.repetitions),
  }
}

function newGroup(): Group {
  return { alternatives: [0] }
}

/** Processes one token; false when the expression needs RE2. */
function take(reader: Reader, token: Token): boolean {
  const group = reader.groups.at(-1) as Group
  if (token.one !== undefined) takeCharacter(reader, group, token.times ?? '')
  else if (token.open !== undefined) reader.groups.push(newGroup())
  else if (token.bar !== undefined) group.alternatives.push(0)
  else return closeGroup(reader, token.optional === '?')
  return true
}

function takeCharacter(reader: Reader, group: Group, times: string): void {
  if (times.startsWith('*') || times.startsWith('+')) reader.repetitions++
  if (times.startsWith('?')) reader.choices *= 2
  lengthen(group, times === '' || times.startsWith('+') ? 1 : 0)
}

function closeGroup(reader: Reader, optional: boolean): boolean {
  const { alternatives } = reader.groups.pop() as Group
  const outer = reader.groups.at(-1)
  if (outer === undefined) return false
  const shortest = Math.min(...alternatives)
  // RE2 lets an optional group match the empty text; JavaScript does not.
  if (optional && shortest === 0) return false
  reader.choices *= alternatives.length * (optional ? 2 : 1)
  lengthen(outer, optional ? 0 : shortest)
  return true
}

function lengthen(group: Group, by: number): void {
  const last = group.alternatives.length - 1
  group.alternatives[last] = (group.alternatives[last] as number) + by
}
