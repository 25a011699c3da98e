/** Counts of a text. Characters are Unicode code points. */
export interface TextAnalysis {
  /** Runs of characters other than white space, as `wc -w` counts. */
  readonly word_count: number
  readonly character_count: number
  /** Characters that are not white space. */
  readonly character_count_no_spaces: number
  /**
   * Runs of text that end with `.`, `!`, `?` or `…` before white space, with `。`, `！` or `？`, or with the
   * paragraph; marks alone do not count.
   */
  readonly sentence_count: number
  /** Runs of lines that are separated by empty or blank lines. */
  readonly paragraph_count: number
}

const WHITE_SPACE = /\p{White_Space}/u

/** Marks that end a sentence if white space follows: 3.14 does not. */
const ENDS = new Set(['.', '!', '?', '…'])

/** Marks that end a sentence whatever follows. */
const WIDE_ENDS = new Set(['。', '！', '？', '｡'])

/** Marks that may stand between the end of a sentence and the white space. */
const CLOSERS = new Set(['"', "'", '”', '’', '»', ')', ']'])

/** Analyses a text in one pass, in time that grows with its length only. */
export function analyseText(text: string): TextAnalysis {
  const counts = { words: 0, characters: 0, spaces: 0, sentences: 0, paragraphs: 0 }
  let inWord = false
  let inSentence = false
  let mayEnd = false
  let inParagraph = false
  let lineEnds = 0

  const endSentence = () => {
    if (inSentence) counts.sentences++
    inSentence = false
  }

  const space = (lines: number) => {
    counts.spaces++
    inWord = false
    if (mayEnd) endSentence()
    mayEnd = false
    lineEnds += lines
    if (lineEnds < 2) return
    endSentence()
    inParagraph = false
  }

  const begin = () => {
    if (!inWord) counts.words++
    if (!inParagraph) counts.paragraphs++
    inWord = true
    inParagraph = true
    lineEnds = 0
  }

  const mark = (character: string) => {
    if (WIDE_ENDS.has(character)) return endSentence()
    if (ENDS.has(character)) mayEnd = true
    else if (!mayEnd || !CLOSERS.has(character)) {
      inSentence = true
      mayEnd = false
    }
  }

  let previous = ''
  for (const character of text) {
    counts.characters++
    if (isSpace(character)) space(lineEndsOf(character, previous))
    else {
      begin()
      mark(character)
    }
    previous = character
  }
  endSentence()
  return {
    word_count: counts.words,
    character_count: counts.characters,
    character_count_no_spaces: counts.characters - counts.spaces,
    sentence_count: counts.sentences,
    paragraph_count: counts.paragraphs,
  }
}

function isSpace(character: string): boolean {
  // Avoids the Unicode tables for most characters.
  return character <= '~'
    ? character === ' ' || (character >= '\t' && character <= '\r')
    : WHITE_SPACE.test(character)
}

/** The number of lines that a character ends; "\r\n" counts once. */
function lineEndsOf(character: string, previous: string): number {
  if (character === '\n') return previous === '\r' ? 0 : 1
  if (character === '\u2029') return 2
  return character === '\r' || character === '\u2028' || character === '\u0085' ? 1 : 0
}
