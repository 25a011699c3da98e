const file = (keys: string, rest = '') => `sources:\n  - name: a\n    file: ${keys}\n${rest}`
const httpSd = (rest: string) => `sources:\n  - name: a\n    http_sd: { url: http://a }\n${rest}`

/** Mistakes with sources of the kinds `file` and `http_sd`: what it is, the file, and the one line that it gives. */
export const rows: readonly (readonly [what: string, yaml: string, line: RegExp])[] = [
  [
    'no kind of source',
    'sources:\n  - name: a\n',
    /^rollcall.yml:2:5: sources\[0\]: does not set where its records come from; add one of http, file, http_sd/,
  ],
  [
    'two kinds of source',
    file('{ files: [a.json] }', '    http: { url: http://a }\n'),
    /^rollcall.yml:3:5: sources\[0\].file: http already sets where the records come from; leave one of them out$/,
  ],
  [
    'file and http_sd',
    file('{ files: [a.json] }', '    http_sd: { url: http://a }\n'),
    /^rollcall.yml:4:5: sources\[0\].http_sd: file already sets where the records come from/,
  ],
  [
    'file without files',
    file('{}'),
    /^rollcall.yml:3:11: sources\[0\].file.files: is missing; add it: such as files: \[ "inventory\/\*.json", "extra.yml" \]$/,
  ],
  [
    'a file that is a text',
    file('a.json'),
    /^rollcall.yml:3:11: sources\[0\].file: "a.json" is not a set of keys, such as \{ files: \["stores\/\*\.csv"\] \}$/,
  ],
  [
    'no files',
    file('{ files: [] }'),
    /^rollcall.yml:3:20: sources\[0\].file.files: \[\] is not a list of paths such as \["inventory\/\*.json"\]$/,
  ],
  [
    'files that are a text',
    file('{ files: a.json }'),
    /^rollcall.yml:3:20: sources\[0\].file.files: "a.json" is not a list of paths/,
  ],
  [
    'a file that is a number',
    file('{ files: [a.json, 5] }'),
    /^rollcall.yml:3:29: sources\[0\].file.files\[1\]: 5 is not a text$/,
  ],
  [
    'a path that is empty',
    file('{ files: [""] }'),
    /^rollcall.yml:3:21: sources\[0\].file.files\[0\]: "" is not a file; write a path such as "inventory\/hosts.yml" or/,
  ],
  [
    'a folder',
    file('{ files: [inventory/], format: json }'),
    /^rollcall.yml:3:21: sources\[0\].file.files\[0\]: "inventory\/" is not a file; write a path such as/,
  ],
  ['the folder above', file('{ files: [a/..], format: json }'), /files\[0\]: "a\/.." is not a file/],
  [
    'a star in the name of a folder',
    file('{ files: ["*/hosts.json"] }'),
    /files\[0\]: "\*\/hosts.json" has a pattern in the name of a folder; "\*" and "\?" are allowed only after the last "\/"$/,
  ],
  [
    'an ending that says nothing',
    file('{ files: [hosts.dat] }'),
    /^rollcall.yml:3:21: .*"hosts.dat" does not end in .json, .*.csv, .*.xml; set its format: add format$/,
  ],
  ['no ending', file('{ files: ["*"] }'), /files\[0\]: "\*" does not end in .json/],
  [
    'an unknown format',
    file('{ files: [a.xml], format: bson }'),
    /^rollcall.yml:3:37: sources\[0\].file.format: "bson" is not one of json, .*, xml$/,
  ],
  [
    'a delimiter of two characters',
    file('{ files: [a.csv], csv_delimiter: "||" }'),
    /^rollcall.yml:3:44: sources\[0\].file.csv_delimiter: "\|\|" is not one character such as ";" or "\\t"/,
  ],
  [
    'a delimiter that is a quote',
    file(`{ files: [a.csv], csv_delimiter: '"' }`),
    /csv_delimiter: "\\"" is not one/,
  ],
  [
    'a delimiter that is empty',
    file('{ files: [a.csv], csv_delimiter: "" }'),
    /csv_delimiter: "" is not one/,
  ],
  [
    'a delimiter without CSV',
    file('{ files: [a.json], csv_delimiter: ";" }'),
    /^rollcall.yml:3:30: sources\[0\].file.csv_delimiter: has no effect, because no file is CSV; remove it$/,
  ],
  [
    'columns, and no file that is CSV',
    file('{ files: [a.json], columns: [ip] }'),
    /file.columns: has no effect, because no file is CSV; remove it$/,
  ],
  [
    'an unknown encoding',
    file('{ files: [a.json], encoding: ebcdic }'),
    /file.encoding: "ebcdic" is not one of utf-8, utf-16le, utf-16be, latin1$/,
  ],
  [
    'a delimiter and a path that is none',
    file('{ files: [hosts.dat], csv_delimiter: ";" }'),
    /files\[0\]: "hosts.dat" does not end in/,
  ],
  [
    'a size without a unit',
    file('{ files: [a.json], max_size: "5" }'),
    /max_size: "5" is not a size up to 500MB/,
  ],
  [
    'a size that no text can have',
    file('{ files: [a.json], max_size: 1GB }'),
    /^rollcall.yml:3:40: sources\[0\].file.max_size: "1GB" is not a size up to 500MB; write one such as 512KB/,
  ],
  [
    'an unknown key of file',
    file('{ file: [a.json], files: [a.json] }'),
    /^rollcall.yml:3:13: sources\[0\].file.file: there is no such key; did you mean files\?$/,
  ],
  [
    'a file_sd file that the source itself reads',
    file('{ files: ["lists/*.json"] }', '    file_sd: lists/targets.json\n'),
    /^rollcall.yml:4:14: sources\[0\].file_sd: is one of the files that this source reads; write it elsewhere$/,
  ],
  [
    'http_sd without a URL',
    'sources:\n  - name: a\n    http_sd: {}\n',
    /^rollcall.yml:3:14: sources\[0\].http_sd: has no URL of the inventory; add url$/,
  ],
  [
    '51: an http_sd URL with a secret',
    'sources:\n  - name: a\n    http_sd: { url: "ftp://user:hunter2@a/?token=hunter2" }\n',
    /^rollcall.yml:3:21: sources\[0\].http_sd.url: "ftp:\/\/…@a\/\?…" is not an http or https URL/,
  ],
  [
    'a size of http_sd without a unit',
    'sources:\n  - name: a\n    http_sd: { url: http://a, max_response_size: "5" }\n',
    /http_sd.max_response_size: "5" is not a size up to 4GB/,
  ],
  [
    'an unknown key of http_sd',
    'sources:\n  - name: a\n    http_sd: { url: http://a, format: json }\n',
    /^rollcall.yml:3:31: sources\[0\].http_sd.format: there is no such key; the keys here are url, /,
  ],
  [
    'records of http_sd',
    httpSd('    records: items\n'),
    /^rollcall.yml:4:5: sources\[0\].records: has no effect with http_sd, which returns target groups; remove it$/,
  ],
  [
    'records of http_sd that are no expression either',
    httpSd('    records: "items[?"\n'),
    /sources\[0\].records: has no effect with http_sd/,
  ],
  [
    'targets of http_sd',
    httpSd('    targets: ["{host}:1"]\n'),
    /^rollcall.yml:4:5: sources\[0\].targets: has no effect with http_sd/,
  ],
  [
    'a filter of http_sd',
    `sources:\n  - name: a\n    http_sd: { url: http://a }\n    filter: a\n`,
    /^rollcall.yml:4:5: sources\[0\].filter: has no effect with http_sd/,
  ],
  [
    'meta_labels of http_sd',
    httpSd('    meta_labels: false\n'),
    /^rollcall.yml:4:5: sources\[0\].meta_labels: has no effect with http_sd/,
  ],
]
