import { constants } from 'node:buffer'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import type { Format } from '../../src/model/document.ts'
import { decode } from '../../src/pipeline/decode.ts'
import { document } from '../helpers/documents.ts'

const YAML: Format = { kind: 'yaml' }
const CSV: Format = { kind: 'csv', delimiter: ',' }

t.test('JSON is read, with or without a byte order mark', async (t) => {
  t.same(decode(document('[1,"ü"]')), [1, 'ü'])
  t.same(decode(document('\ufeff{"a":1}')), { a: 1 })
})

t.test('what is longer than any text says how it can be read', async (t) => {
  // Memory that nobody touches is none.
  const bytes = Buffer.alloc(constants.MAX_STRING_LENGTH + 1)
  t.throws(() => decode({ ...document(''), bytes }), {
    name: 'RefreshError',
    reason: 'too_large',
    message:
      /^the answer is larger than 512MB, and cannot be read in parts. Read it in pages; or as format: json in UTF-8, with all records/,
  })
})

t.test('a page instead of a list says where it came from, and what to check', async (t) => {
  const page = '<!DOCTYPE html><html><body>log in'
  const rows: [kind: string, text: string, isPage: boolean][] = [
    ['json', page, true],
    ['json', '\n<p>log in', true],
    ['ndjson', page, true],
    ['csv', page, true],
    ['lines', page, true],
    ['toml', page, true],
    ['xml', page, true],
    ['xml', '<hosts><host>', false],
    ['json', '[', false],
  ]
  for (const [kind, text, isPage] of rows) {
    const answer = { status: 200, headers: {}, url: 'http://a/login' }
    const given = { ...document(text), format: { kind }, answer }
    const advice =
      /^the answer .*; it came from http:\/\/a, which may be a login page, or the page of a proxy; check url, authorization and login$/
    const told = (error: Error) => t.equal(advice.test(error.message), isPage, `${kind}: ${error.message}`)
    try {
      decode(given)
      t.fail(kind)
    } catch (error) {
      told(error as Error)
    }
  }
})

t.test('51: anything else is refused, and the message shows nothing of it', async (t) => {
  const rows: [what: string, bytes: Uint8Array, message: RegExp][] = [
    ['empty', Buffer.alloc(0), /^the answer is empty$/],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), /not UTF-8/],
    ['HTML', Buffer.from('\n<!DOCTYPE html><html>'), /^the answer looks like HTML or XML, not JSON$/],
    [
      'cut short',
      Buffer.from('[{"a":1},{"b"'),
      /^the answer is not valid JSON, from character 13 of 13 on: it ends in the middle$/,
    ],
    ['cut short at once', Buffer.from('['), /from character 1 of 1 on: it ends in the middle$/],
    ['cut short in a text', Buffer.from('[{"a":"b'), /from character 8 of 8 on: it ends in the middle$/],
    ['cut short after an item', Buffer.from('[1,2'), /from character 4 of 4 on: it ends in the middle$/],
    [
      'trailing text',
      Buffer.from('[] x'),
      /is not valid JSON, from character 3 of 4 on: something after its end$/,
    ],
  ]
  for (const [what, bytes, message] of rows) {
    t.throws(() => decode(document(bytes)), { name: 'RefreshError', reason: 'parse', message }, what)
  }
})

t.test('what is no JSON is told by what stands where, and the way out is one', async (t) => {
  const rows: [text: string, at: number, what: string, yaml?: unknown][] = [
    ['[1, 2,]', 5, 'a comma after the last item; delete it; format: yaml reads it', [1, 2]],
    ['{"a": 1,\n}', 7, 'a comma after the last item', { a: 1 }],
    ['[{"a": 1}, {"a": [2,]}]', 19, 'a comma after the last item', [{ a: 1 }, { a: [2] }]],
    ['[1, // one\n2]', 4, 'a comment'],
    ['/* all */ []', 0, 'a comment'],
    ['[1, # one\n2]', 4, 'a comment, which JSON does not have; format: yaml', [1, 2]],
    ['[NaN]', 1, 'NaN or Infinity'],
    ['[1, -Infinity]', 4, 'NaN or Infinity'],
    ['{"up": True}', 7, 'True or False, as Python writes them; format: yaml', { up: true }],
    ['{"up": None}', 7, 'None, as Python writes it; write null'],
    ['[undefined]', 1, 'undefined'],
    ["[{'a': 'b'}]", 2, 'a text in single quotes; write double ones; format: yaml', [{ a: 'b' }]],
    ['{a: 1}', 1, 'a text without quotes'],
    ['[ü]', 1, 'a text without quotes'],
    ['[01]', 1, 'a number that is not valid in JSON'],
    ['[.5]', 1, 'a number that is not valid in JSON'],
    ['[1 2]', 3, 'a comma is missing'],
    ['[1 [2]]', 3, 'a comma is missing'],
    ['["a" "b"]', 5, 'a comma is missing'],
    ['{"a" 1}', 5, 'a colon is missing'],
    ['{"a" "b"}', 5, 'a colon is missing'],
    ['{"a":}', 5, 'a value is missing'],
    ['[,1]', 1, 'a value is missing'],
    ['{,}', 1, 'a key in quotes is missing'],
    ['["a\nb"]', 3, 'a line break, tab or control character in a text'],
    ['["a\\x, and more"]', 3, 'a "\\" in a text that begins no valid escape'],
    ['["a\\u00', 3, 'it ends in the middle'],
    ['{"a":1}\n{"a":2}', 8, 'another document after the first'],
    ['{"a"', 4, 'it ends in the middle'],
    [`${'['.repeat(50)}x`, 50, 'a text without quotes'],
  ]
  for (const [text, at, what, yaml] of rows) {
    const message = `the answer is not valid JSON, from character ${at} of ${text.length} on: ${what}`
    t.throws(() => decode(document(text)), { reason: 'parse', message }, text)
    if (yaml !== undefined) t.same(decode(document(text, YAML)), yaml, `${text} as YAML`)
  }
})

t.test('what does not even begin as JSON is told with the keys that read it', async (t) => {
  const rows: [text: string, message: RegExp, format?: Format][] = [
    ['host,port\na,1\n', /is a table, not JSON; write format: csv$/, CSV],
    ['host;port\r\na;1\r\n', /write format: csv and csv_delimiter: ";"$/, { kind: 'csv', delimiter: ';' }],
    ['host\tport\na\t1', /write format: csv and csv_delimiter: "\\t"$/, { kind: 'csv', delimiter: '\t' }],
    ['hosts:\n- a\n', /looks like YAML, not JSON; write format: yaml$/, YAML],
    [
      'Service Unavailable',
      /is a text, not JSON: it begins with a letter; check what the inventory returns$/,
    ],
    ['10.0.0.1\n10.0.0.2', /is a text, not JSON: it begins with a digit/],
  ]
  for (const [text, message, format] of rows) {
    t.throws(() => decode(document(text)), { reason: 'parse', message }, text)
    if (format !== undefined) t.ok(decode(document(text, format)), text)
  }
})

t.test('the coding of a text is told by its mark, or by the configuration', async (t) => {
  const little = Buffer.from('["ü"]', 'utf16le')
  const marked = Buffer.from('\ufeff["ü"]', 'utf16le')
  const big = (bytes: Buffer) => Buffer.from(bytes).swap16()
  for (const format of ['json', 'yaml', 'csv'].map((kind): Format => ({ kind }))) {
    const read = format.kind === 'csv' ? [] : ['ü']
    const text = format.kind === 'csv' ? 'ü,b\n' : '["ü"]'
    const bytes = Buffer.from(`\ufeff${text}`, 'utf16le')
    t.same(decode(document(bytes, format)), read, format.kind)
    t.same(decode(document(big(bytes), format)), read, format.kind)
  }
  t.same(decode(document(little, { kind: 'json', encoding: 'utf-16le' })), ['ü'])
  t.same(decode(document(big(little), { kind: 'json', encoding: 'utf-16be' })), ['ü'])
  t.same(decode(document(marked, { kind: 'json', encoding: 'latin1' })), ['ü'], 'a mark says it better')
  t.same(
    decode(document(Buffer.from([0x5b, 0x22, 0xfc, 0x80, 0x22, 0x5d]), { kind: 'json', encoding: 'latin1' })),
    ['ü€'],
  )
  t.throws(() => decode(document(little)), {
    reason: 'parse',
    message: /is UTF-16, not UTF-8; write encoding: utf-16le$/,
  })
  t.throws(() => decode(document(big(little))), { message: /write encoding: utf-16be$/ })
  t.throws(() => decode(document(Buffer.from([0x22, 0xfc, 0x22]))), {
    message: /is not UTF-8; .*write encoding: latin1$/,
  })
  t.throws(() => decode(document(Buffer.from([0x22, 0x00, 0x22]), { kind: 'json', encoding: 'utf-16le' })), {
    reason: 'parse',
    message: /is not valid UTF-16LE$/,
  })
})

t.test(
  'the delimiter of CSV is the one that is given, that of a line sep=, or what the first line has most of',
  async (t) => {
    for (const delimiter of [';', '\t', '|', ',']) {
      const text = `${['host', 'port'].join(delimiter)}\n${['a', '1.5'].join(delimiter)}`
      t.same(decode(document(text, { kind: 'csv' })), [{ host: 'a', port: '1.5' }], 'recognised')
      t.same(decode(document(text, { kind: 'csv', delimiter })), [{ host: 'a', port: '1.5' }])
      t.same(decode(document(`sep=${delimiter}\r\n${text}`, { kind: 'csv' })), [{ host: 'a', port: '1.5' }])
    }
    t.same(
      decode(document('"a,b,c";d\n1;2\n', { kind: 'csv' })),
      [{ 'a,b,c': '1', d: '2' }],
      'not inside quotes',
    )
    t.same(decode(document('sep=:\nhost:port\na:1\n', { kind: 'csv' })), [{ host: 'a', port: '1' }])
    const semicolons: Format = { kind: 'csv', delimiter: ';' }
    t.throws(() => decode(document('host,port\na,1', semicolons)), { message: 'write csv_delimiter: ","' })
    t.throws(() => decode(document('Service Unavailable; try later\n', { kind: 'csv' })), {
      reason: 'parse',
      message: /which may be a message; .*write csv_delimiter: ";"$/,
    })
    for (const text of ['Error: database is down, try again\n', '"error","database down"\n'])
      t.throws(() => decode(document(text, { kind: 'csv' })), { message: /which may be a message/ }, text)
    t.same(decode(document('host;port\n', semicolons)), [], 'whoever says so has an empty list')
  },
)

t.test('CSV: columns that the configuration names, or that have no name', async (t) => {
  const columns: Format = { kind: 'csv', delimiter: '|', columns: ['ip', 'name'] }
  t.same(decode(document('10.0.0.1|a\n10.0.0.2|b|c\n', columns)), [
    { ip: '10.0.0.1', name: 'a' },
    '(a row with 3 instead of 2 cells)',
  ])
  t.same(decode(document('10.0.0.1\n', { kind: 'csv', columns: ['ip'] })), [{ ip: '10.0.0.1' }])
  t.throws(() => decode(document('10.0.0.1;a\n', { kind: 'csv', delimiter: ',', columns: ['ip'] })), {
    message: /has one column with the delimiter ","/,
  })
  t.same(decode(document('a,b,\n1,2,\n3,4\n', CSV)), [
    { a: '1', b: '2' },
    '(a row with 2 instead of 3 cells)',
  ])
  t.same(
    decode(document('a,b\n1,2,\n3,4\n', CSV)),
    [
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ],
    'a delimiter behind the last',
  )
  t.same(decode(document('a,,c\n1,2,3\n', CSV)), [{ a: '1', c: '3' }])
  t.throws(() => decode(document(',,\n1,2,3\n', CSV)), { message: /has a first row without a name/ })
})

t.test('YAML is read, and scalars that would not come back as they are written stay texts', async (t) => {
  const rows: [scalar: string, value: unknown][] = [
    ['a', 'a'],
    ['9100', 9100],
    ['1.5', 1.5],
    ['-1', -1],
    ['1.10', '1.10'],
    ['010', '010'],
    ['+5', '+5'],
    ['-0', '-0'],
    ['0x1F', '0x1F'],
    ['0o17', '0o17'],
    ['1e3', '1e3'],
    ['1_000', '1_000'],
    ['.inf', '.inf'],
    ['.nan', '.nan'],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', '9007199254740992'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['1e+21', '1e+21'],
    ['2026-01-01', '2026-01-01'],
    ['12:30:45', '12:30:45'],
    ['true', true],
    ['False', false],
    ['yes', 'yes'],
    ['~', null],
    ['', null],
    ['"9100"', '9100'],
    ['!!str 9100', '9100'],
    ['!!int "5"', 5],
    ['!!binary aGk=', 'aGk='],
    ['!unsafe "{{ x }}"', '{{ x }}'],
    ['!vault $ANSIBLE_VAULT', '<secret>'],
    ['!vault { a: 1 }', '<secret>'],
    ['!set [a, b]', ['a', 'b']],
  ]
  for (const [scalar, value] of rows) {
    t.strictSame(decode(document(`- ${scalar}\n`, YAML)), [value], scalar)
  }
  t.same(decode(document('\ufeff# nothing but a comment\n', YAML)), null)
  t.same(decode(document('%YAML 1.1\n---\n- yes\n...\n', YAML)), ['yes'])
})

t.test('keys of YAML are texts, as they are written', async (t) => {
  const text = '1.10: a\ntrue: b\n~: c\n? d\n&e e: f\n*e : g\n__proto__: { host: evil }\n'
  t.throws(() => decode(document(text, YAML)), /line 6, column 1: the key "e" is a duplicate/)
  const value = decode(document(text.replace('*e : g\n', ''), YAML)) as Record<string, unknown>
  t.same(Object.entries(value), [
    ['1.10', 'a'],
    ['true', 'b'],
    ['~', 'c'],
    ['d', null],
    ['e', 'f'],
    ['__proto__', { host: 'evil' }],
  ])
  t.equal(value.host, undefined)
  t.same(decode(document('- &n 5\n- { *n : a, b }\n', YAML)), [5, { 5: 'a', b: null }])
})

t.test('aliases and merges of YAML are followed', async (t) => {
  const text = `
defaults: &defaults { port: 9100, site: x, tags: [a] }
more: &more { site: y, team: edge }
hosts:
  - { host: a, <<: *defaults }
  - { <<: *defaults, host: b, site: z }
  - { host: c, <<: [*more, *defaults] }
  - { host: d, "<<": e }
  - *more
`
  const { hosts } = decode(document(text, YAML)) as { hosts: unknown }
  t.same(hosts, [
    { host: 'a', port: 9100, site: 'x', tags: ['a'] },
    { host: 'b', port: 9100, site: 'z', tags: ['a'] },
    { host: 'c', port: 9100, site: 'y', team: 'edge', tags: ['a'] },
    { host: 'd', '<<': 'e' },
    { site: 'y', team: 'edge' },
  ])
})

t.test('wrong YAML is refused with its line and column, and never shows what is in a vault', async (t) => {
  const laughs = Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(10)}]`)
  const wide = Array.from({ length: 200 }, (_, n) => `k${n}: *long`)
  const rows: [what: string, text: string, message: RegExp][] = [
    ['cut short', 'a: [1,2\n', /^the answer is not valid YAML at line 2, column 1: Flow sequence/],
    ['a tab', 'a:\n\tb: 1\n', /at line 2, column 1: Tabs are not allowed/],
    ['a fault in the second document', '[a]\n---\n[b\n', /at line 4, column 1: /],
    ['a key twice', 'a: 1\nb: 2\na: 3\n', /at line 3, column 1: the key "a" is a duplicate$/],
    ['the same key as number and text', '1: a\n"1": b\n', /line 2, column 1: the key "1" is a duplicate$/],
    ['a key that is a list', '? [a]\n: 1\n', /line 1, column 3: a key must be a text$/],
    [
      'an alias of nothing',
      'a: 1\nb: *x\n',
      /at line 2, column 4: the alias \*x has no anchor &x before it$/,
    ],
    ['an alias of itself', 'a: &x [*x]\n', /at line 1, column 8: the alias \*x has no anchor &x before it$/],
    ['an alias into a vault', 'a: !vault { b: &x 1 }\nc: *x\n', /the alias \*x has no anchor/],
    ['a merge of a text', 'a: 1\n<<: b\n', /at line 2, column 1: only mappings can be merged/],
    ['a merge of texts', '<<: [b]\n', /only mappings can be merged/],
    ['a billion laughs', `a0: &a0 x\n${laughs.join('\n')}\n`, /its aliases expand to too many values$/],
    [
      'a merge that grows without end',
      `- &long [${'1, '.repeat(1_000)}]\n- &a { ${wide.join(', ')} }\n${'- { <<: *a }\n'.repeat(3_000)}`,
      /its aliases expand to too many values$/,
    ],
    [
      'deeper than any stack',
      '['.repeat(100_000),
      /at line 1, column 2\d\d: the value that begins here is more than 200/,
    ],
    [
      'deep lists',
      '- '.repeat(100_000),
      /at line 1, column \d+: the value that begins here is more than 200 levels deep/,
    ],
    ['a broken vault', 'a: !vault "hunter2\n', /^(?!.*hunter2).*is not valid YAML/],
  ]
  for (const [what, text, message] of rows) {
    t.throws(() => decode(document(text, YAML)), { name: 'RefreshError', reason: 'parse', message }, what)
  }
})

t.test('40: YAML that is very deep never ends the process, however often it is read', async (t) => {
  const script = `
    import { decode } from './build/src/pipeline/decode.js'
    const bytes = Buffer.from('['.repeat(3000) + ']'.repeat(3000))
    for (let time = 0; time < 10; time++) {
      try { decode({ name: 'it', bytes, format: { kind: 'yaml' } }) } catch (error) { console.log(error.name) }
    }`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  t.equal(stdout, 'RefreshError\n'.repeat(10))
  const nested = `${'['.repeat(150)}a${']'.repeat(150)}`
  t.equal(JSON.stringify(decode(document(nested, YAML))), nested.replace('a', '"a"'), 'what is not is read')
})

t.test('a YAML map with very many keys takes no quadratic time', async (t) => {
  const text = Array.from({ length: 20_000 }, (_, n) => `host${n}: 9100\n`).join('')
  t.equal(Object.keys(decode(document(text, YAML)) as object).length, 20_000)
})

t.test('CSV: the first row names the fields, and all values are texts', async (t) => {
  const rows: [what: string, text: string, value: unknown][] = [
    [
      'plain',
      'host,port\na,9100\nb,010\n',
      [
        { host: 'a', port: '9100' },
        { host: 'b', port: '010' },
      ],
    ],
    ['no line break at the end', 'host\na', [{ host: 'a' }]],
    ['CRLF and a byte order mark', '\ufeffhost,port\r\na,1\r\n', [{ host: 'a', port: '1' }]],
    ['white space', ' host , port \n a ,\t1 \n', [{ host: 'a', port: '1' }]],
    ['blank lines', '\nhost,port\n\n  \na,1\n\n', [{ host: 'a', port: '1' }]],
    ['quotes', 'host,"no,te"\na,"x ""y""\nz"\n', [{ host: 'a', 'no,te': 'x "y"\nz' }]],
    ['an empty value', 'host,port\na,\n', [{ host: 'a', port: '' }]],
    [
      'a row too short',
      'host,port\na\nb,1\n',
      ['(a row with 1 instead of 2 cells)', { host: 'b', port: '1' }],
    ],
    [
      'a row too long',
      'host,port\na,1,2\nb,1\n',
      ['(a row with 3 instead of 2 cells)', { host: 'b', port: '1' }],
    ],
    ['only a header', 'host,port\n', []],
    ['mixed line endings', 'host\r\na\nb\r\nc\r', [{ host: 'a' }, { host: 'b' }, { host: 'c' }]],
  ]
  for (const [what, text, value] of rows) t.strictSame(decode(document(text, CSV)), value, what)
  const [record] = decode(document('__proto__,host\nx,a\n', CSV)) as [object]
  t.ok(Object.hasOwn(record, '__proto__'))
  for (const delimiter of [';', '\t', '|', ' ', '.']) {
    const text = 'a;b;c\n1;;"3;"\n'.replaceAll(';', delimiter)
    t.strictSame(decode(document(text, { kind: 'csv', delimiter })), [{ a: '1', b: '', c: `3${delimiter}` }])
  }
})

t.test('wrong CSV is refused with its line, and without its values', async (t) => {
  const rows: [what: string, text: string, message: RegExp][] = [
    [
      'a quote that stays open',
      'a,b\n1,2\n3,"hunter2\n',
      /^the answer is not valid CSV near line \d: (?!.*hunter2)/,
    ],
    ['a quote inside a value', 'a,b\n1,hun"ter2\n', /not valid CSV near line 2: (?!.*hun)/],
    ['text after a quote', 'a,b\n"1"x,2\n', /not valid CSV near line 2: a value with quotes in it must/],
    ['nothing', '', /^the answer is empty$/],
    ['only blank lines', '\n \n', /has only blank lines; the first row of CSV must name each field$/],
    [
      'a message',
      'Service Unavailable\n',
      /has one line with one column, which may be a message instead of a header; /,
    ],
    ['HTML', '<p>a,b\n', /looks like HTML or XML, not CSV; the first row of CSV must name each field$/],
    ['two fields of one name', 'a,b,a\n1,2,3\n', /has two columns called "a"; /],
  ]
  for (const [what, text, message] of rows) {
    t.throws(() => decode(document(text, CSV)), { name: 'RefreshError', reason: 'parse', message }, what)
  }
})

t.test('YAML: several documents are one list', async (t) => {
  t.same(decode(document('host: a\n---\nhost: b\n...\n', YAML)), [{ host: 'a' }, { host: 'b' }])
  t.same(decode(document('---\n[a, b]\n---\n[c]\n', YAML)), ['a', 'b', 'c'])
  t.same(decode(document('---\nhosts: [a]\n---\n', YAML)), { hosts: ['a'] }, 'an empty one adds nothing')
  t.same(decode(document('---\n---\n', YAML)), null, 'nothing at all is no empty list')
})

t.test('lines: a host a line', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'lines' }))
  t.same(read('a\n\n  # all of it\nb # a comment\r\nc#1\n'), ['a', 'b', 'c#1'])
  t.same(read('box-1\n'), ['box-1'])
  for (const [text, message] of [
    ['\n<!doctype html>\n', /looks like HTML or XML, not one host per line/],
    ['{"error": "down"}', /looks like JSON, not one host per line/],
    ['# cannot connect\n', /does not count as an empty list$/],
    ['Unauthorized\n', /is a single word, which may be a message/],
  ] as const)
    t.throws(() => read(text), { reason: 'parse', message })
})

t.test('NDJSON: a record a line, each whole', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'ndjson' }))
  t.same(read('{"a":1}\r\n\n{"a":12345678901234567890}\n'), [{ a: 1 }, { a: '12345678901234567890' }])
  t.throws(() => read('\n'), { reason: 'parse', message: /does not count as an empty list$/ })
  t.throws(() => read('{"a":1}\n{"a":"hunter2'), {
    reason: 'parse',
    message: /does not have exactly one JSON value in line 2$/,
  })
})

t.test('TOML', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'toml' }))
  t.same(
    read(
      '[[hosts]]\nname = "a"\nport = 9100\nsince = 2026-01-02T03:04:05Z\nid = 12345678901234567890\nload = inf\nup = true\ntags = ["x", "y"]\n'.replace(
        '12345678901234567890',
        '9007199254740993',
      ),
    ),
    {
      hosts: [
        {
          name: 'a',
          port: 9100,
          since: '2026-01-02T03:04:05.000Z',
          id: '9007199254740993',
          load: 'Infinity',
          up: true,
          tags: ['x', 'y'],
        },
      ],
    },
  )
  t.throws(() => read('a = 1\nb = "hunter2\n'), {
    reason: 'parse',
    message: /^the answer is not valid TOML at line 2, column \d+$/,
  })
})

t.test('XML: elements are objects, and children of the root lists', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'xml' }))
  const text = `<?xml version="1.0"?>
<hosts total="2"><!-- all -->
  <host id="007"><name>a &amp; b</name><port>0100</port><tag>x</tag><tag>y</tag></host>
</hosts>`
  t.same(read(text), {
    '@total': '2',
    host: [{ '@id': '007', name: 'a & b', port: '0100', tag: ['x', 'y'] }],
  })
  t.same(read('<hosts><host>a</host><host>b</host></hosts>'), { host: ['a', 'b'] })
  t.equal(read('<hosts/>'), '')
  for (const [bad, message] of [
    ['<hosts><host>hunter2', /not valid XML at line \d+, column \d+: \w+$/],
    ['hunter2', /not valid XML/],
    ['<a></a><b></b>', /not valid XML/],
    ['<a/><b/>', /not valid XML: it has two roots$/],
    ['<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>', /has a DOCTYPE/],
    ['<a><__proto__>1</__proto__></a>', /cannot be read/],
    [`${'<a>'.repeat(300)}${'</a>'.repeat(300)}`, /cannot be read/],
  ] as const)
    t.throws(() => read(bad), { reason: 'parse', message }, bad.slice(0, 40))
})

t.test('INI: a section is a record', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'ini' }))
  t.same(read('; all\n[a]\nhost = 10.0.0.1\nnote = "x = y"  ; why\n[b]\nhost: 10.0.0.2\nempty =\n'), [
    { name: 'a', host: '10.0.0.1', note: 'x = y' },
    { name: 'b', host: '10.0.0.2', empty: '' },
  ])
  t.throws(() => read('[a]\n<html>\n'), { reason: 'parse', message: /at line 2: / })
  t.throws(() => read('[a\n'), { reason: 'parse', message: /at line 1: .*header without an end/ })
})

t.test('INI: an inventory of Ansible gives hosts, with their groups and variables', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'ini' }))
  t.same(
    read(`alone ansible_host=10.0.0.9
[web]
web[01:03:2].example.com site=lyon
shared  note='two words'
[db]
shared:2222
db[a:b]
shared
[all:vars]
env = prod
[web:vars]
port=9100
site=nowhere
[europe:children]
web
db
[europe:vars]
zone=eu
port=1
[web:children]
europe
`),
    [
      { name: 'alone', ansible_host: '10.0.0.9', env: 'prod', groups: ['ungrouped'] },
      {
        env: 'prod',
        zone: 'eu',
        port: '9100',
        site: 'lyon',
        name: 'web01.example.com',
        groups: ['europe', 'web'],
      },
      {
        env: 'prod',
        zone: 'eu',
        port: '9100',
        site: 'lyon',
        name: 'web03.example.com',
        groups: ['europe', 'web'],
      },
      {
        env: 'prod',
        zone: 'eu',
        port: '9100',
        site: 'nowhere',
        note: 'two words',
        name: 'shared',
        groups: ['europe', 'web', 'db'],
      },
      {
        env: 'prod',
        zone: 'eu',
        port: '1',
        site: 'nowhere',
        name: 'shared:2222',
        groups: ['web', 'europe', 'db'],
      },
      { env: 'prod', zone: 'eu', port: '1', site: 'nowhere', name: 'dba', groups: ['web', 'europe', 'db'] },
      { env: 'prod', zone: 'eu', port: '1', site: 'nowhere', name: 'dbb', groups: ['web', 'europe', 'db'] },
    ],
  )
  for (const [text, message] of [
    ['[web]\na b\n', /at line 2: a variable is written name=value/],
    ['[web]\na b="c\n', /at line 2: a quote has no end/],
    ['[web]\na\n[web:vars]\nb\n', /at line 4: a variable is written name=value/],
    ['[web]\na[3:1]\n', /at line 2: a range has no items/],
    ['[web]\na[x:9]\n', /at line 2: a range has no items/],
    ['[web]\na[1:300][1:300]\n', /at line 2: there are more than 65536 hosts/],
  ] as const)
    t.throws(() => read(text), { reason: 'parse', message }, text)
})

t.test('INI: what is neither sections of keys nor groups of hosts is refused', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'ini' }))
  for (const [text, message] of [
    ['error = database is down\n', /at line 1: a key is before the first section/],
    ['status: 500\n', /at line 1: a key is before the first section/],
    ['# cannot connect\n\n', /does not count as an empty list$/],
    ['Unauthorized\n', /at line 1: a single word may be a message/],
    ['[web1]\nhostname=a\n[web2]\nenabled\nhostname=b\n', /at line 2: a key is among hosts/],
    ['[web1]\nhost name=a\n[web2]\nhostname=b\n', /at line 4: a key is among hosts/],
  ] as const)
    t.throws(() => read(text), { reason: 'parse', message }, text)
  t.same(read('[web]\nbox-1\n'), [{ name: 'box-1', groups: ['web'] }])
})

t.test('INI: a small document costs little, whatever it asks for', async (t) => {
  const read = (text: string) => decode(document(text, { kind: 'ini' }))
  const lattice = Array.from(
    { length: 40 },
    (_, level) =>
      `[a${level}:children]\na${level + 1}\nb${level + 1}\n[b${level}:children]\na${level + 1}\nb${level + 1}\n`,
  ).join('')
  const started = performance.now()
  t.throws(() => read('[x]\nh[1:60000]-[1:60000]\n'), { message: /more than 65536 hosts/ })
  t.throws(() => read(`[x]\n${Array.from({ length: 10 }, (_, n) => `h${n}-[1:60000]\n`).join('')}`), {
    message: /at line 3: there are more than 65536 hosts/,
  })
  const [host] = read(`${lattice}[a40]\nh1\n`) as [{ groups: string[] }]
  t.equal(host.groups.length, 81)
  t.throws(() => read(`[s]\na${' '.repeat(125_000)}b\n`), { message: /a variable is written/ })
  t.ok(performance.now() - started < 2_000, 'all of it in a moment')
})
