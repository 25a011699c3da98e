// biome-ignore lint/suspicious/noControlCharactersInRegex: it matches all of ASCII
const ASCII = /^[\u0000-\u007f]*$/

/**
 * Upper case as in Go's `strings.ToUpper`: it maps each character to one other. So ß and ﬁ do not change, and ᾳ becomes
 * ᾼ, where JavaScript writes SS, FI and ΑΙ.
 */
export function toUpper(text: string): string {
  return ASCII.test(text) ? text.toUpperCase() : mapCharacters(text, upper)
}

/**
 * Lower case as in Go's `strings.ToLower`: it maps each character to one other. So Σ is σ also at the end of a word, and
 * İ becomes i without a second dot.
 */
export function toLower(text: string): string {
  return ASCII.test(text) ? text.toLowerCase() : mapCharacters(text, lower)
}

function mapCharacters(text: string, map: (character: string) => string): string {
  let mapped = ''
  for (const character of text) mapped += map(character)
  return mapped
}

function upper(character: string): string {
  const mapped = character.toUpperCase()
  return isOneCharacter(mapped) ? mapped : (IOTA_SUBSCRIPTS.get(character) ?? character)
}

function lower(character: string): string {
  // U+0130, a capital I with a dot, is the one character whose lower case is two.
  return character === '\u0130' ? 'i' : character.toLowerCase()
}

function isOneCharacter(text: string): boolean {
  return text.length === 1 || (text.length === 2 && (text.codePointAt(0) as number) > 0xffff)
}

/**
 * Greek letters with an iota below (U+1F80 ᾀ and others), for which Unicode has single capitals; JavaScript writes two
 * letters.
 */
const IOTA_SUBSCRIPTS: ReadonlyMap<string, string> = new Map([
  ...[0x1f80, 0x1f90, 0x1fa0].flatMap((first) =>
    Array.from({ length: 8 }, (_, index) => oneLetter(first + index, first + index + 8)),
  ),
  oneLetter(0x1fb3, 0x1fbc),
  oneLetter(0x1fc3, 0x1fcc),
  oneLetter(0x1ff3, 0x1ffc),
])

function oneLetter(small: number, capital: number): [string, string] {
  return [String.fromCodePoint(small), String.fromCodePoint(capital)]
}
