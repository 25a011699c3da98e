// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const ASCII = /^[\u0000-\u007f]*$/

/**
 * Upper case as Go's `strings.ToUpper` has it: each character by itself to one other. So ß and ﬁ stay, and
 * ᾳ becomes ᾼ, where JavaScript writes SS, FI and ΑΙ.
 */
export function toUpper(text: string): string {
  return ASCII.test(text) ? text.toUpperCase() : mapCharacters(text, upper)
}

/**
 * Lower case as Go's `strings.ToLower` has it: each character by itself to one other. So Σ is σ at the end
 * of a word too, and İ becomes i without a second dot.
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
 * Greek letters with a iota below (U+1F80 ᾀ and others), which JavaScript writes in upper case as two
 * letters although Unicode has one for each.
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
