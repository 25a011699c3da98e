import fc from 'fast-check'
import t from 'tap'
import { analyseText } from '../../../src/sensor/payload/text.ts'
import { cpuMs } from '../../helpers/cpu-time.ts'
import { holds } from '../../helpers/property.ts'

t.test('what a text is made of', async (t) => {
  type Row = [
    text: string,
    words: number,
    characters: number,
    noSpaces: number,
    sentences: number,
    paragraphs: number,
  ]
  const rows: Row[] = [
    ['Sample text for analysis', 4, 24, 21, 1, 1],
    ['', 0, 0, 0, 0, 0],
    [' \t\n', 0, 3, 0, 0, 0],
    ['One. Two! Three? Four…', 4, 22, 19, 4, 1],
    ['Pi is 3.14 today.', 4, 17, 14, 1, 1],
    ['He said "Stop." Then he left (at last.) And so on', 11, 49, 39, 3, 1],
    ['Wait... what?!', 2, 14, 13, 2, 1],
    ['...', 1, 3, 3, 0, 1],
    ['a."b', 1, 4, 4, 1, 1],
    ['温度は高い。湿度は低い！', 1, 12, 12, 2, 1],
    ['Title\n\nText.\nMore', 3, 17, 14, 3, 2],
    ['a\r\nb', 2, 4, 2, 1, 1],
    ['a\r\n\r\nb', 2, 6, 2, 2, 2],
    ['a\n \t\nb\n\n\n\nc', 3, 11, 3, 3, 3],
    ['a\u2029b\u2028c\u0085\u0085d\re', 5, 10, 5, 3, 3],
    ['naïve 👍 \u{1F9EA}', 3, 9, 7, 1, 1],
    ['a\u00a0b\u3000c', 3, 5, 3, 1, 1],
    ['a\u007fb', 1, 3, 3, 1, 1],
  ]
  for (const [text, words, characters, noSpaces, sentences, paragraphs] of rows) {
    t.same(
      analyseText(text),
      {
        word_count: words,
        character_count: characters,
        character_count_no_spaces: noSpaces,
        sentence_count: sentences,
        paragraph_count: paragraphs,
      },
      encodeURIComponent(text),
    )
  }
})

t.test('the counts agree with what Unicode says, for any text', async (t) => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'é', ' ', '\n', '\r', '.', '!', '"', '。', '\u2003', '👍', '1'),
  })
  holds(
    t,
    'words, characters and paragraphs',
    fc.property(text, (sample) => {
      const counts = analyseText(sample)
      const paragraphs = sample
        .replace(/\r\n?/g, '\n')
        .split(/\n[^\S\n]*\n/)
        .filter((part) => /\S/.test(part))
      return (
        counts.word_count === (sample.match(/\P{White_Space}+/gu) ?? []).length &&
        counts.character_count === [...sample].length &&
        counts.character_count_no_spaces === [...sample.replace(/\p{White_Space}/gu, '')].length &&
        counts.paragraph_count === paragraphs.length &&
        counts.sentence_count <= counts.character_count_no_spaces
      )
    }),
  )
})

t.test('a mebibyte of anything takes time in proportion', async (t) => {
  for (const piece of ['a', '.', '. ', '."', '\n', 'a\n\n', '。', ' ']) {
    const sample = piece.repeat(Math.floor(1_048_576 / piece.length))
    t.ok(cpuMs(() => analyseText(sample)) < 3_000, JSON.stringify(piece))
  }
})
