import type { WrongFile } from './row.ts'

/** A file whose `http:` has these keys beside its URL; they begin in column 28 of line 3. */
const http = (keys: string) => `sources:\n  - name: a\n    http: { url: http://a, ${keys} }\n`

/** A file with these keys in `pagination:`, which begin in column 42 of line 3. */
const pages = (keys: string, others = '') => http(`pagination: { ${keys} }${others}`)

const POST = ', method: POST, body: { query: q, variables: x, empty: }'

/** What can be wrong with the request, the format and the pages of an `http:` source. */
export const rows: readonly WrongFile[] = [
  [
    'a method that changes things',
    http('method: PUT'),
    /^rollcall.yml:3:36: sources\[0\].http.method: "PUT" is not GET or POST$/,
  ],
  ['a method in small letters', http('method: post'), /http.method: "post" is not GET or POST$/],
  [
    'a body with GET',
    http('body: x'),
    /^rollcall.yml:3:28: sources\[0\].http.body: cannot be sent with GET; add method: POST$/,
  ],
  [
    'a body with GET that is written out',
    http('method: GET, body: { a: hunter2 }'),
    /:3:41: sources\[0\].http.body: cannot be sent with GET; add method: POST$/,
  ],
  [
    'a body that is a number',
    http('method: POST, body: 5'),
    /^rollcall.yml:3:48: sources\[0\].http.body: <secret> is not a text, or a set of keys or a list, which/,
  ],
  [
    'a body that is empty',
    http('method: POST, body: '),
    /http.body: is empty; expected a text, or a set of keys or a list, which/,
  ],
  [
    'a format that is not known',
    http('format: bson'),
    /^rollcall.yml:3:36: sources\[0\].http.format: "bson" is not one of json, .*, xml$/,
  ],
  [
    'a delimiter of two characters',
    http('format: csv, csv_delimiter: "||"'),
    /:3:56: sources\[0\].http.csv_delimiter: "\|\|" is not one character such as ";"/,
  ],
  ['a delimiter of none', http('format: csv, csv_delimiter: ""'), /csv_delimiter: "" is not one character/],
  [
    'a delimiter that is a quote',
    http("format: csv, csv_delimiter: '\"'"),
    /csv_delimiter: .* is not one character/,
  ],
  [
    'watching with a POST',
    http('method: POST, watch: { header: X-Consul-Index, parameter: index }'),
    /http.watch: cannot be used with method: POST; leave one out$/,
  ],
  [
    'watching the first of many pages',
    http('pagination: { link_header: true }, watch: { header: X-Consul-Index, parameter: index }'),
    /http.watch: cannot be used with pagination; leave one out$/,
  ],
  [
    'a header to watch that is none',
    http('watch: { header: "X Index", parameter: index }'),
    /http.watch.header: "X Index" is not the name of a header/,
  ],
  ['columns without CSV', http('columns: [ip]'), /http.columns: has no effect without format: csv$/],
  [
    'a delimiter without CSV',
    http('csv_delimiter: ";"'),
    /^rollcall.yml:3:28: sources\[0\].http.csv_delimiter: has no effect without format: csv$/,
  ],

  [
    'pagination that is true',
    http('pagination: true'),
    /^rollcall.yml:3:40: sources\[0\].http.pagination: true is not a set of keys$/,
  ],
  [
    'no style',
    pages('max_pages: 5'),
    /^rollcall.yml:3:40: sources\[0\].http.pagination: does not set how the next page is found; add one of link_header, next_url, cursor, page, offset$/,
  ],
  [
    'an unknown style',
    pages('next_link: true'),
    /^rollcall.yml:3:42: sources\[0\].http.pagination.next_link: there is no such key; /,
  ],
  [
    'a style that is misspelt',
    pages('link_headers: true'),
    /pagination.link_headers: there is no such key; did you mean link_header\?$/,
  ],
  [
    'two styles',
    pages('link_header: true, next_url: next'),
    /^rollcall.yml:3:61: sources\[0\].http.pagination.next_url: link_header already sets how the next page is found; leave one of them out$/,
  ],
  [
    'two styles with places',
    pages('page: { parameter: a }, offset: { parameter: b }'),
    /pagination.offset: page already sets how/,
  ],
  [
    'no link header',
    pages('link_header: false'),
    /^rollcall.yml:3:55: sources\[0\].http.pagination.link_header: false is not true; leave the key out/,
  ],
  [
    'a next URL that is a list',
    pages('next_url: [next]'),
    /pagination.next_url: \["next"\] is not a JMESPath expression, or a header/,
  ],

  [
    'a cursor without its value',
    pages('cursor: { parameter: c }'),
    /^rollcall.yml:3:50: sources\[0\].http.pagination.cursor.value: is missing; add it: such as value: pageInfo/,
  ],
  [
    'a cursor that is sent nowhere',
    pages('cursor: { value: next }'),
    /^rollcall.yml:3:50: sources\[0\].http.pagination.cursor: does not set where the value is sent; add parameter, for the URL, or body_field$/,
  ],
  [
    'a page number that is sent nowhere',
    pages('page: {}'),
    /^rollcall.yml:3:48: sources\[0\].http.pagination.page: does not set where the value is sent/,
  ],
  [
    'an offset that is sent to two places',
    pages('offset: { parameter: a, body_field: b }'),
    /^rollcall.yml:3:66: sources\[0\].http.pagination.offset.body_field: parameter already sets where the value is sent; leave one of them out$/,
  ],
  [
    'an unknown key of a cursor',
    pages('cursor: { value: a, paramter: b, parameter: c }'),
    /pagination.cursor.paramter: there is no such key; did you mean parameter\?$/,
  ],
  ['a page that is a text', pages('page: number'), /pagination.page: "number" is not a set of keys$/],
  [
    'a parameter without a name',
    pages('page: { parameter: "" }'),
    /pagination.page.parameter: "" is not the name of a query parameter, such as page$/,
  ],
  [
    'a body field without a name',
    pages('page: { body_field: "a..b" }', POST),
    /pagination.page.body_field: "a..b" is not a key of body, or a path of keys such as page$/,
  ],
  [
    'a body field with GET',
    pages('offset: { body_field: a }'),
    /^rollcall.yml:3:52: sources\[0\].http.pagination.offset.body_field: needs a body that is a set of keys, sent with method: POST$/,
  ],
  [
    'a body field with GET and a body',
    pages('offset: { body_field: a }', ', body: { a: 1 }'),
    /http.body: cannot be sent with GET; add method: POST$/,
  ],
  [
    'a body field of a text',
    pages('offset: { body_field: a }', ', method: POST, body: "a=1"'),
    /offset.body_field: needs a body that is a set of keys/,
  ],
  [
    'a body field of a list',
    pages('offset: { body_field: a }', ', method: POST, body: [a]'),
    /offset.body_field: needs a body that is a set of keys/,
  ],
  [
    'a body field where a text is',
    pages('offset: { body_field: variables.after }', POST),
    /^rollcall.yml:3:64: sources\[0\].http.pagination.offset.body_field: body has a string where the key "after" would be$/,
  ],

  [
    'a first page below zero',
    pages('page: { parameter: a, first: -1 }'),
    /pagination.page.first: -1 is not a whole number, 0 or more$/,
  ],
  [
    'a first page of one and a half',
    pages('page: { parameter: a, first: 1.5 }'),
    /^rollcall.yml:3:\d+: sources\[0\].http.pagination.page.first: 1.5 is not a whole number, 0 or more$/,
  ],
  [
    'a first page that is a text',
    pages('page: { parameter: a, first: "1" }'),
    /page.first: "1" is not a whole number/,
  ],
  [
    'no page at all',
    pages('link_header: true, max_pages: 0'),
    /pagination.max_pages: 0 is not a whole number from 1 to 100000$/,
  ],
  [
    'too many pages',
    pages('link_header: true, max_pages: 100001'),
    /pagination.max_pages: 100001 is not a whole number from 1 to 100000$/,
  ],

  [
    'a next URL that is no expression',
    pages('next_url: "next["'),
    /^rollcall.yml:3:52: sources\[0\].http.pagination.next_url: "next\[" is not a JMESPath expression: /,
  ],
  [
    'a next URL by an unknown function',
    pages('next_url: "follow(@)"'),
    /pagination.next_url: "follow\(@\)" is not .*there is no function follow\(\)$/,
  ],
  [
    'a cursor that is no expression',
    pages('cursor: { value: "a b", parameter: c }'),
    /^rollcall.yml:3:59: sources\[0\].http.pagination.cursor.value: "a b" is not a JMESPath expression/,
  ],
  [
    'items that are no expression',
    pages('page: { parameter: a }, items: "["'),
    /pagination.items: "\[" is not a JMESPath expression/,
  ],
  [
    'a total that is no expression',
    pages('link_header: true, total: "["'),
    /pagination.total: "\[" is not a JMESPath expression/,
  ],
  [
    'a header that is none',
    pages('link_header: true, total: { header: "X Total" }'),
    /pagination.total.header: "X Total" is not the name of a header, such as X-Total-Count$/,
  ],
  [
    'a header with another key',
    pages('next_url: { header: X-Next, field: a }'),
    /pagination.next_url.field: there is no such key/,
  ],
  [
    'a total that is a number',
    pages('link_header: true, total: 5'),
    /pagination.total: 5 is not a JMESPath expression, or a header such as \{ header: X-Total-Count \}$/,
  ],
  [
    'has_more that is no expression',
    pages('page: { parameter: a }, has_more: "["'),
    /pagination.has_more: "\[" is not a JMESPath expression/,
  ],
  [
    'has_more with a Link header',
    pages('link_header: true, has_more: more'),
    /^rollcall.yml:3:61: sources\[0\].http.pagination.has_more: has no effect with link_header, because the last page is the one without a link to another; leave it out$/,
  ],
  [
    'has_more with next URLs',
    pages('next_url: next, has_more: more'),
    /pagination.has_more: has no effect with next_url/,
  ],
  [
    'items that nobody counts',
    pages('next_url: next, items: results'),
    /^rollcall.yml:3:58: sources\[0\].http.pagination.items: has no effect with next_url without total; to select the records for targets, use records$/,
  ],
]
