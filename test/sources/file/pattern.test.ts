import t from 'tap'
import { matchesPath, matchNames, parsePattern } from '../../../src/sources/file/pattern.ts'

const defaults = { folder: '/etc/rollcall', kind: undefined, delimiter: ';' }

t.test('a path says where its files are, and how they are written', async (t) => {
  const rows: [text: string, folder: string, name: string, isGlob: boolean, format: object][] = [
    ['a.json', '/etc/rollcall', 'a.json', false, { kind: 'json', delimiter: ';' }],
    ['./b/*.yml', '/etc/rollcall/b', '*.yml', true, { kind: 'yaml', delimiter: ';' }],
    ['../b/host?.YAML', '/etc/b', 'host?.YAML', true, { kind: 'yaml', delimiter: ';' }],
    ['/var/c.d/x.csv', '/var/c.d', 'x.csv', false, { kind: 'csv', delimiter: ';' }],
  ]
  for (const [text, folder, name, isGlob, format] of rows) {
    t.same(parsePattern(text, defaults), { text, folder, name, isGlob, format }, text)
  }
  t.same(parsePattern('hosts', { ...defaults, kind: 'csv' }).format, { kind: 'csv', delimiter: ';' })
  t.same(parsePattern('a.json', { ...defaults, kind: 'yaml' }).format, { kind: 'yaml', delimiter: ';' })
})

t.test('a pattern matches names as a whole, and hidden ones only when it says so', async (t) => {
  const names = [
    'a.json',
    'b.json',
    'ab.json',
    'a.json~',
    'axjson',
    '.a.json',
    '..data',
    'A.json',
    'ü.json',
    '[a].json',
  ]
  const rows: [pattern: string, matches: string[]][] = [
    ['*', names.filter((name) => !name.startsWith('.'))],
    ['*.json', ['a.json', 'b.json', 'ab.json', 'A.json', 'ü.json', '[a].json']],
    ['?.json', ['a.json', 'b.json', 'A.json', 'ü.json']],
    ['a*.json', ['a.json', 'ab.json']],
    ['**b**.json', ['b.json', 'ab.json']],
    ['[a].json', ['[a].json']],
    ['.*.json', ['.a.json']],
    ['(*', []],
  ]
  for (const [pattern, matches] of rows) t.same(matchNames(pattern, names), matches, pattern)
})

t.test('a pattern knows the files that it matches', async (t) => {
  const pattern = parsePattern('lists/*.json', defaults)
  t.ok(matchesPath(pattern, '/etc/rollcall/lists/a.json'))
  t.notOk(matchesPath(pattern, '/etc/rollcall/a.json'))
  t.notOk(matchesPath(pattern, '/etc/rollcall/lists/a.yml'))
})
