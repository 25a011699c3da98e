import t from 'tap'
import { toLower, toUpper } from '../../src/relabel/letter-case.ts'

const upper: readonly [name: string, text: string, expected: string][] = [
  ['ASCII', 'aZ1-', 'AZ1-'],
  ['accents', 'été', 'ÉTÉ'],
  ['sharp s stays', 'straße', 'STRAßE'],
  ['ligatures stay', 'ﬁn', 'ﬁN'],
  ['iota subscripts keep one letter', 'ᾀᾗᾧᾳῃῳ', 'ᾈᾟᾯᾼῌῼ'],
  ['a letter whose upper case is three stays', 'ΐ', 'ΐ'],
  ['capitals with iota stay', 'ᾼ', 'ᾼ'],
  ['characters beyond the basic plane', '𐐨', '𐐀'],
  ['scripts without case', '日本', '日本'],
]
const lower: readonly [name: string, text: string, expected: string][] = [
  ['ASCII', 'aZ1-', 'az1-'],
  ['accents', 'ÉTÉ', 'été'],
  ['no final sigma', 'ΟΔΟΣ', 'οδοσ'],
  ['I with a dot', 'İİ', 'ii'],
  ['characters beyond the basic plane', '𐐀', '𐐨'],
]

for (const [name, text, expected] of upper) {
  t.test(`upper case as Go has it: ${name}`, async (t) => t.equal(toUpper(text), expected))
}
for (const [name, text, expected] of lower) {
  t.test(`lower case as Go has it: ${name}`, async (t) => t.equal(toLower(text), expected))
}

t.test('every character stays one character', async (t) => {
  const longer: string[] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code)
    if ([...toUpper(character)].length !== 1 || [...toLower(character)].length !== 1) longer.push(character)
  }
  t.same(longer, [])
})
