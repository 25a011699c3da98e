import { RE2JS } from 're2js'
import t from 'tap'
import { compileNative } from '../../src/relabel/native-pattern.ts'
import { compilePattern, patternFault } from '../../src/relabel/pattern.ts'
import { createRandom, seedOfRun } from '../helpers/random.ts'
import { randomRegex, randomText } from '../helpers/random-relabel.ts'

const matches: readonly [
  name: string,
  source: string,
  text: string,
  groups: readonly (string | undefined)[] | null,
][] = [
  ['a word', 'prod', 'prod', ['prod']],
  ['a word in a longer text', 'prod', 'production', null],
  ['one of several words', 'prod|dev|', 'dev', ['dev']],
  ['the empty word', 'prod|dev|', '', ['']],
  ['everything', '(.*)', 'a\nb', ['a\nb', 'a\nb']],
  ['a simple expression', '([^:]+)(?::(\\d+))?', 'host:80', ['host:80', 'host', '80']],
  ['a group that takes no part', '([^:]+)(?::(\\d+))?', 'host', ['host', 'host', undefined]],
  ['a simple expression that does not match', '([^:]+)(?::(\\d+))?', 'host:', null],
  ['an escaped hyphen', 'a\\-(b)', 'a-b', ['a-b', 'b']],
  ['an expression for RE2', '(?i)(a{2})(b)?', 'AA', ['AA', 'AA', undefined]],
  ['an expression for RE2 that does not match', '(?i)(a{2})', 'A', null],
]

for (const [name, source, text, groups] of matches) {
  t.test(`matches the whole text: ${name}`, async (t) => {
    const pattern = compilePattern(source)
    const found = pattern.match(text)
    t.same(found && [...found], groups)
    t.equal(pattern.test(text), groups !== null)
  })
}

const replacements: readonly [
  name: string,
  source: string,
  replacement: string,
  text: string,
  expected: string | null,
][] = [
  ['a word', 'env', 'x_$0', 'env', 'x_env'],
  ['a word that is another', 'env', 'x', 'site', null],
  ['a simple expression', '__meta_(.+)', '$1', '__meta_site', 'site'],
  ['a simple expression that does not match', '__meta_(.+)', '$1', 'site', null],
  ['a named group', '__meta_(?P<what>.+)', '${what}', '__meta_site', 'site'],
  ['an expression for RE2 that does not match', '(?i)x', '$1', 'site', null],
  ['anchors undone: two matches', 'a)|(?:c', '<$0>', 'abc', '<a>b<c>'],
  ['anchors undone: an empty match behind another does not count', 'a)|(?:', '<$0>', 'a', '<a>'],
  ['anchors undone: an empty match', ')|(?:', '<$0>', 'a', '<>a<>'],
]

for (const [name, source, replacement, text, expected] of replacements) {
  t.test(`replaces as Go does: ${name}`, async (t) => {
    const pattern = compilePattern(source)
    t.equal(pattern.replaceAll(text, pattern.template(replacement)), expected)
  })
}

t.test('a text too long for a native expression is matched by RE2', async (t) => {
  const source = '(a*)(a*)(a*)b'
  const longest = compileNative(source)?.maxLength ?? 0
  t.ok(longest > 16 && longest < 200, `${longest} characters at most`)
  const pattern = compilePattern(source)
  for (const length of [3, 1000, 2000]) {
    const text = 'a'.repeat(length)
    t.equal(pattern.test(`${text}b`), true)
    t.equal(pattern.test(text), false)
    t.same(pattern.match(`${text}b`)?.[1], text)
  }
})

t.test('47: a hostile pattern takes linear time', async (t) => {
  // Each of these takes a backtracking engine longer than the universe is old.
  const hostile = ['(a+)+b', '(a|a)*b', '(a*)*b', '(.*a){12}b', '([a-z]+)*[0-9]', '.*.*.*.*.*b']
  for (const source of hostile) {
    const pattern = compilePattern(source)
    t.equal(pattern.test('a'.repeat(10_000)), false, source)
    t.equal(pattern.test(`${'a'.repeat(10_000)}${source.includes('[0-9]') ? '1' : 'b'}`), true, source)
  }
})

const natives: readonly [source: string, isNative: boolean][] = [
  ['([^:]+)(?::\\d+)?', true],
  ['(foo|bar)-[a-z0-9.-]*', true],
  ['(.+?)\\.example\\.com', true],
  ['a\\/b\\-c', true],
  ['a{2}', false],
  ['(ab)*', false],
  ['(ab)+', false],
  ['(a|)?b', false],
  ['(a*)?b', false],
  ['(?P<n>a)', false],
  ['(?i)a', false],
  ['a\\s', false],
  ['\\pL', false],
  ['[[:alpha:]]', false],
  ['[^-]', false],
  ['^a$', false],
  ['a)|(b', false],
  ['(a', false],
  ['(a)??b', false],
  ['a**', false],
  ['(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)b', false],
]

for (const [source, isNative] of natives) {
  t.test(`${source} is ${isNative ? 'simple enough to run natively' : 'for RE2'}`, async (t) => {
    t.equal(compileNative(source) !== undefined, isNative)
  })
}

t.test('native expressions and RE2 find the same groups', async (t) => {
  const seed = seedOfRun()
  t.comment(`SEED=${seed} repeats this run`)
  const random = createRandom(seed)
  const differences: unknown[] = []
  let compared = 0
  while (compared < 3000) {
    const source = randomRegex(random)
    const native = compileNative(source)
    if (native === undefined || patternFault(source) !== undefined) continue
    compared++
    const re2 = RE2JS.compile(`^(?s:${source})$`)
    for (let turn = 0; turn < 10; turn++) {
      const text = randomText(random)
      const matcher = re2.matcher(text)
      const expected = matcher.find() ? groupsOf(matcher) : null
      const actual = native.regex.exec(text)
      if (JSON.stringify(expected) !== JSON.stringify(actual && [...actual].map((group) => group ?? '')))
        differences.push({ source, text, expected, actual })
    }
  }
  t.same(differences, [])
})

function groupsOf(matcher: ReturnType<RE2JS['matcher']>): string[] {
  return Array.from({ length: matcher.groupCount() + 1 }, (_, group) => matcher.group(group) ?? '')
}

const faults: readonly [name: string, source: string, reason: string, at: string][] = [
  ['an open group', '(a', 'missing closing )', '(a'],
  ['a group that is not open', 'a)', 'unexpected )', 'a)'],
  ['an open class', 'x[a', 'missing closing ]', '[a'],
  ['an open range', '[a-', 'invalid character class range', '[a-'],
  ['look-ahead', 'a(?=b)', 'invalid or unsupported Perl syntax', '(?='],
  ['look-behind', '(?<=a)b', 'invalid named capture', '(?<=a)b'],
  ['a back-reference', '(a)\\1', 'invalid escape sequence', '\\1'],
  ['a repetition of nothing', '*', 'missing argument to repetition operator', '*'],
  ['too many repetitions', 'a{1001}', 'invalid repeat count', '{1001}'],
]

for (const [name, source, reason, at] of faults) {
  t.test(`says what RE2 refuses: ${name}`, async (t) => t.same(patternFault(source), { reason, at }))
}

t.test('an expression that RE2 accepts has no fault', async (t) => {
  t.equal(patternFault('(?i)[[:alpha:]]+\\pL'), undefined)
})
