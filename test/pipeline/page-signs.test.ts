import t from 'tap'
import { type Answer, type Document, JSON_FORMAT } from '../../src/model/document.ts'
import type { Paging } from '../../src/pipeline/page-signs.ts'
import { runPipeline } from '../../src/pipeline/pipeline.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'

type Around = Record<string, unknown>
type Headers = Record<string, string>

const twelve = Array.from({ length: 12 }, (_, index) => ({ host: `sensor-${index}` }))
const PAGES: Paging = { hasMore: false, total: false }

interface Given {
  readonly headers?: Headers
  readonly status?: number
  readonly records?: string
  readonly paging?: Paging
  readonly isComplete?: boolean
  readonly isFile?: boolean
}

/** How many records a source reads in answers with such bodies, all with the same headers. */
function read(
  bodies: readonly unknown[],
  { headers = {}, status = 200, isFile, ...options }: Given = {},
): number {
  const answer: Answer | undefined = isFile ? undefined : { status, headers }
  const documents: Document[] = bodies.map((body, index) => ({
    bytes: Buffer.from(JSON.stringify(body)),
    format: JSON_FORMAT,
    name: bodies.length === 1 ? 'the answer' : `page ${index + 1}`,
    answer,
  }))
  const plan = compilePlan({
    records: undefined,
    mapping: { source: 'a', targets: [], labels: [], metaLabels: false, defaultPort: 9100 },
    relabelConfigs: [],
    ...options,
  })
  return runPipeline(documents, plan).report.records
}

/** Where a part says that it is one, and what the message names: the place, the value and the keys that read the rest. */
const IN_BODY: [around: Around, place: string, value: string, yaml: string][] = [
  [{ total: '20' }, 'total', '"20"', 'offset: { parameter: offset }'],
  [{ meta: { page: { total: 20 } } }, 'meta.page.total', '20', 'offset: {'],
  [{ response: { numFound: 20 } }, 'response.numFound', '20', 'offset: {'],
  [{ numberMatched: 20, numberReturned: 12 }, 'numberMatched', '20', 'offset: {'],
  [{ nbHits: 20, hitsPerPage: 12 }, 'nbHits', '20', 'offset: {'],
  [{ nbPages: 2, page: 0 }, 'nbPages', '2', 'page: { parameter: page }'],
  [{ total: { value: 20, relation: 'eq' } }, 'total', '{"value":20,"relation":"eq"}', 'offset: {'],
  [{ '@odata.count': 20 }, '@odata.count', '20', 'offset: {'],
  [{ remaining: 8 }, 'remaining', '8', 'offset: {'],
  [{ metadata: { remainingItemCount: 8 } }, 'metadata.remainingItemCount', '8', 'offset: {'],
  [{ next: '/list?page=2' }, 'next', '"/list?…"', 'next_url: next }'],
  [{ next: '/list?page=2', total: 12 }, 'next', '"/list?…"', 'next_url: next }'],
  [{ next_offset: 12 }, 'next_offset', '12', 'cursor: { value: next_offset, parameter: cursor }'],
  [{ next_page: 2 }, 'next_page', '2', 'cursor: { value: next_page, parameter: page }'],
  [{ NextMarker: 'x' }, 'NextMarker', '"x"', 'cursor: { value: NextMarker, parameter: cursor }'],
  [{ meta: { nextCursor: 'abc' } }, 'meta.nextCursor', '"abc"', 'cursor: { value: meta.nextCursor,'],
  [{ metadata: { continue: 'x' } }, 'metadata.continue', '"x"', 'cursor: { value: metadata.continue,'],
  [{ '@odata.nextLink': 'http://a/2' }, '@odata.nextLink', '"http://a/2"', `next_url: '"@odata.nextLink"' }`],
  [{ $skipToken: 'ew0' }, '$skipToken', '"ew0"', `cursor: { value: '"$skipToken"', parameter: cursor }`],
  [{ _links: { next: { href: '/?page=2' } } }, '_links.next', '{"href":"/?…"}', 'next_url: _links.next.href'],
  [
    { paging: { next: { after: 'NTI1' } } },
    'paging.next',
    '{"after":"NTI1"}',
    'cursor: { value: paging.next.after,',
  ],
  [{ paging: { cursors: { before: 'a', after: 'b' } } }, 'paging.cursors.after', '"b"', 'cursor: {'],
  [{ offset: 'itr1/rec1' }, 'offset', '"itr1/rec1"', 'cursor: { value: offset, parameter: cursor }'],
  [{ _scroll_id: 'DXF1' }, '_scroll_id', '"DXF1"', 'cursor: { value: _scroll_id,'],
  [{ has_more: 'true' }, 'has_more', '"true"', 'offset: {'],
  [{ pageInfo: { hasNextPage: true } }, 'pageInfo.hasNextPage', 'true', 'offset: {'],
  [{ info: { more_records: true } }, 'info.more_records', 'true', 'offset: {'],
  [{ exceededTransferLimit: true }, 'exceededTransferLimit', 'true', 'offset: {'],
  [{ isLastPage: false }, 'isLastPage', 'false', 'offset: {'],
  [{ last: 'False' }, 'last', '"False"', 'offset: {'],
  [{ done: false }, 'done', 'false', 'offset: {'],
  [{ IsTruncated: 'true' }, 'IsTruncated', '"true"', 'offset: {'],
  [{ incomplete_results: true }, 'incomplete_results', 'true', 'offset: {'],
  [{ list_info: { has_more_rows: true } }, 'list_info.has_more_rows', 'true', 'offset: {'],
  [{ meta: { total_matching: 20 } }, 'meta.total_matching', '20', 'offset: {'],
  [{ 'prtg-version': '23', treesize: 20 }, 'treesize', '20', 'offset: {'],
  [{ next_page_id: '78' }, 'next_page_id', '"78"', 'cursor: { value: next_page_id, parameter: cursor }'],
  [{ page_no: 1, record_count: 20 }, 'record_count', '20', 'offset: {'],
  [{ metadata: { grand_total_entities: 20, count: 12 } }, 'metadata.grand_total_entities', '20', 'offset: {'],
  [{ metadata: { total_entities: 20 } }, 'metadata.total_entities', '20', 'offset: {'],
  [{ size: 12, next_idx: 12 }, 'next_idx', '12', 'cursor: { value: next_idx, parameter: cursor }'],
  [{ size: 12, matched_count: 20, next_idx: 11 }, 'matched_count', '20', 'offset: {'],
  [{ total: 40, subtotal: 20, page: 1, per_page: 12 }, 'subtotal', '20', 'offset: {'],
  [{ total: 20, subtotal: 'some' }, 'total', '20', 'offset: {'],
  [{ total: 20, costs: { subtotal: 5 } }, 'total', '20', 'offset: {'],
  [{ status: 'partial' }, 'status', '"partial"', 'offset: {'],
  [{ timed_out: true }, 'timed_out', 'true', 'offset: {'],
  [{ page: 1, pages: 2 }, 'pages', '2', 'page: {'],
  [{ page: 2, pages: 2 }, 'pages', '2', 'page: {'],
  [{ page: '1', page_count: '2' }, 'page_count', '"2"', 'page: {'],
  [{ pageNumber: 1, totalPages: 2, total: 12 }, 'totalPages', '2', 'page: {'],
  [{ total_pages: 2, per_page: 12 }, 'total_pages', '2', 'page: {'],
]

const told = (place: string, value: string) =>
  ` has 12 records, and ${place} is ${value}. Say in a configuration file`

t.test('74: a part of an inventory that says that it is one is refused, wherever it says so', async (t) => {
  for (const [around, place, value, yaml] of IN_BODY) {
    const rows: [what: string, body: unknown, given: Given, place: string, yaml: string][] = [
      ['a list that is recognised', { ...around, devices: twelve }, {}, place, yaml],
      ['one that is configured', { ...around, devices: twelve }, { records: 'devices' }, place, yaml],
      [
        'one that is filtered',
        { ...around, devices: twelve },
        { records: "devices[?host != 'a']" },
        place,
        yaml,
      ],
      [
        'one that is made anew',
        { ...around, devices: twelve },
        { records: 'devices[].{host: host}' },
        place,
        yaml,
      ],
      [
        'edges',
        { ...around, edges: twelve.map((node) => ({ node })) },
        { records: 'edges[].node' },
        place,
        yaml,
      ],
      ['values', { ...around, devices: { ...twelve } }, { records: 'values(devices)' }, place, yaml],
      [
        'a list far below',
        { a: { b: { c: { ...around, d: twelve } } } },
        { records: 'a.b.c.d' },
        `a.b.c.${place}`,
        '',
      ],
    ]
    for (const [what, body, given, where, keys] of rows) {
      const label = `${what}: ${JSON.stringify(around)}`
      const error = { reason: 'pagination', message: told(where, value) } as const
      t.throws(() => read([body], given), error, label)
      t.throws(() => read([body], given), { message: `pagination: { ${keys}` }, label)
      t.equal(read([body], { ...given, isComplete: true }), 12, `${label}, that is known to be whole`)
    }
  }
})

t.test('74: a next link in a list of links is one too', async (t) => {
  for (const [relation, key] of [
    ['relation', 'url'],
    ['rel', 'href'],
  ] as const) {
    const links = [
      { [relation]: 'self', [key]: '/1' },
      { [relation]: 'next', [key]: '/2' },
    ]
    t.throws(() => read([{ meta: { links }, devices: twelve }], { records: 'devices' }), {
      reason: 'pagination',
      message: `meta.links is "/2". Say in a configuration file how the next page is found, with a line in http such as: pagination: { next_url: 'meta.links[?${relation}==''next''].${key} | [0]' }`,
    })
    t.throws(() => read([{ servers_links: links, servers: twelve }], { records: 'servers' }), {
      message: `next_url: 'servers_links[?${relation}==''next''].${key} | [0]' }`,
    })
    t.equal(read([{ servers_links: links.slice(0, 1), servers: twelve }], { records: 'servers' }), 12)
    t.equal(read([{ links: [{ [relation]: 'next' }, 5], devices: twelve }], { records: 'devices' }), 12)
  }
})

t.test('74: what a message shows of a sign holds no query, no user and no password', async (t) => {
  const rows: [next: unknown, told: string][] = [
    [
      `https://user:pa55@host/${'path/'.repeat(8)}?page=2&api_key=key-1234`,
      `"https://…@host/${'path/'.repeat(8)}?…"`,
    ],
    ['?page=2&api_key=key-1234', '"?…"'],
    ['page=2&api_key=key-1234', '"…"'],
    ['/x&api_key=key-1234', '"/x…"'],
    ['ZXZlbg==', '"ZXZlbg=="'],
    [{ href: '/2?api_key=key-1234', n: 5 }, '{"href":"/2?…","n":5}'],
    [{ a: { b: ['/2?api_key=key-1234', null, [['key-1234']]] } }, '{"a":{"b":["/2?…",null,"…"]}}'],
  ]
  for (const [next, told] of rows) {
    const message = `next is ${told}. `
    t.throws(() => read([{ next, devices: twelve }]), { message }, told)
    const last = [{ devices: twelve }, { next, devices: [{ host: 'a' }] }]
    t.throws(() => read(last, { paging: PAGES }), { message }, told)
  }
})

t.test('an expression that finds no next page is named, with the keys of the last page', async (t) => {
  const next = { key: 'next_url', expression: 'nxt' }
  t.throws(() => read([{ items: ['a'], next: '/2', total: 2 }], { paging: { ...PAGES, next } }), {
    message:
      /total is 2\. pagination\.next_url "nxt" found nothing in the answer \(its keys: items, next, total\)\. Correct it, or, if these are all, write/,
  })
})

t.test('74: only a text, a number or a boolean is read as a word', async (t) => {
  const odd = { toString: 1 }
  for (const name of [
    'has_more',
    'last',
    'content_range',
    'contentRange',
    'total',
    'status',
    'success',
    'ok',
  ]) {
    for (const value of [odd, [odd], {}, [], null]) {
      const label = JSON.stringify([name, value])
      if (value === odd) t.equal(read([{ [name]: value, devices: twelve }]), 12, label)
      t.equal(read([{ [name]: value, devices: twelve }], { records: 'devices' }), 12, label)
      const last = { [name]: value, devices: twelve }
      t.equal(read([last], { records: 'devices', paging: PAGES }), 12, label)
    }
  }
  t.throws(() => read([{ next: odd, devices: twelve }]), {
    reason: 'pagination',
    message: 'next is {"toString":1}',
  })
})

t.test('74: a file that says that it is a part is refused', async (t) => {
  t.throws(() => read([{ total: 20, devices: twelve }], { isFile: true }), {
    message:
      'total is 20. Put all records into it; or, if these are all, write for this source: complete: true',
  })
  t.equal(read([{ total: 12, devices: twelve }], { isFile: true }), 12)
})

t.test('74: lists in the records do not hide that there are more of them', async (t) => {
  const tagged = twelve.map((one) => ({ ...one, tags: ['a', 'b', 'c'] }))
  const wide = { ifs: twelve, tags: Array.from({ length: 300 }, (_, index) => `tag-${index}`) }
  const rows: [body: unknown, records: string][] = [
    [{ hits: { total: { value: 20 }, hits: tagged.map((_source) => ({ _source })) } }, 'hits.hits[]._source'],
    [
      { hits: { total: { value: 20 }, hits: tagged.map((_source) => ({ _source })) } },
      "hits.hits[]._source | [?host != 'sensor-0']",
    ],
    [{ total: 20, devices: tagged }, "devices[?host != 'sensor-0'].merge(@, {port: '1'})"],
    [{ total: 20, devices: tagged }, "devices[?host == 'none']"],
    [{ total: 500, results: [wide, wide] }, 'results[].ifs[]'],
    [{ total: 500, results: [wide, { tags: [] }] }, "results[].ifs[?host != 'sensor-0'][]"],
  ]
  for (const [body, records] of rows) {
    t.throws(() => read([body], { records }), { reason: 'pagination', message: 'total' }, records)
    t.ok(read([body], { records, isComplete: true }) >= 0)
  }
})

const IN_HEADERS: [headers: Headers, place: string, value: string, yaml: string][] = [
  [{ 'x-total-count': '20' }, 'its header X-Total-Count', '"20"', 'offset: { parameter: offset }'],
  [{ 'x-total': '20' }, 'its header X-Total', '"20"', 'offset: {'],
  [{ 'x-wp-total': '20' }, 'its header X-WP-Total', '"20"', 'offset: {'],
  [{ 'x-wp-totalpages': '2' }, 'its header X-WP-Totalpages', '"2"', 'page: { parameter: page }'],
  [{ 'x-total-pages': '2' }, 'its header X-Total-Pages', '"2"', 'page: {'],
  [{ 'x-pages': '2' }, 'its header X-Pages', '"2"', 'page: {'],
  [{ 'x-pagination-total-count': '20' }, 'its header X-Pagination-Total-Count', '"20"', 'offset: {'],
  [{ 'x-has-more': 'true' }, 'its header X-Has-More', '"true"', 'offset: {'],
  [
    { 'x-next-page': '2' },
    'its header X-Next-Page',
    '"2"',
    'cursor: { value: { header: X-Next-Page }, parameter: page }',
  ],
  [
    { 'x-next-cursor': 'abc' },
    'its header X-Next-Cursor',
    '"abc"',
    'cursor: { value: { header: X-Next-Cursor },',
  ],
  [{ 'x-next-url': '/2' }, 'its header X-Next-Url', '"/2"', 'next_url: { header: X-Next-Url }'],
  [
    { 'x-ms-continuation': 'a' },
    'its header x-ms-continuation',
    '"a"',
    'cursor: { value: { header: x-ms-continuation },',
  ],
  [{ 'x-ms-continuationtoken': 'a' }, 'its header x-ms-continuationtoken', '"a"', 'cursor: {'],
  [
    { 'x-ms-continuation-nextpartitionkey': 'a' },
    'its header x-ms-continuation-nextpartitionkey',
    '"a"',
    'cursor: {',
  ],
  [{ 'x-records': '20' }, 'its header X-Records', '"20"', 'offset: {'],
  [{ 'x-page-total': '20', 'x-page-limit': '12' }, 'its header X-Page-Total', '"20"', 'offset: {'],
  [
    { 'opc-next-page': 'AAA' },
    'its header Opc-Next-Page',
    '"AAA"',
    'cursor: { value: { header: Opc-Next-Page }, parameter: page }',
  ],
  [
    { 'x-nomad-nexttoken': 'a' },
    'its header X-Nomad-Nexttoken',
    '"a"',
    'cursor: { value: { header: X-Nomad-Nexttoken },',
  ],
  [
    { 'sensu-continue': 'a' },
    'its header Sensu-Continue',
    '"a"',
    'cursor: { value: { header: Sensu-Continue },',
  ],
  [{ 'x-pagination': '{"TotalCount":20}' }, 'its header X-Pagination.TotalCount', '20', 'offset: {'],
  [{ 'x-pagination': '{"total_pages":2,"page":1}' }, 'its header X-Pagination.total_pages', '2', 'page: {'],
  [{ 'x-pagination': '{"HasNext":true}' }, 'its header X-Pagination.HasNext', 'true', 'offset: {'],
  [{ 'x-pagination': '{"nextPageLink":"/2"}' }, 'its header X-Pagination.nextPageLink', '"/2"', 'offset: {'],
  [{ 'content-range': 'items 0-11/20' }, 'its header Content-Range', '"items 0-11/20"', 'offset: {'],
  [{ 'content-range': 'devices 8-19/20' }, 'its header Content-Range', '"devices 8-19/20"', 'offset: {'],
  [{ 'content-range': '0-11/20' }, 'its header Content-Range', '"0-11/20"', 'offset: {'],
  [{ link: '<http://a/?page=2>; rel="next"' }, 'its header Link', '"http://a/?…"', 'link_header: true }'],
  [
    { link: '</>; rel="first", </?page=2>; REL=Next; title="more"' },
    'its header Link',
    '"/?…"',
    'link_header',
  ],
  [{ link: '</?page=2>; rel="last next"' }, 'its header Link', '"/?…"', 'link_header: true'],
]

t.test('73: a part is refused when its headers say so, whatever selects the records', async (t) => {
  for (const [headers, place, value, yaml] of IN_HEADERS) {
    const label = JSON.stringify(headers)
    for (const [body, records] of [
      [twelve, undefined],
      [twelve, "[?host != 'a']"],
      [{ devices: twelve }, 'devices'],
    ] as const) {
      const given = { headers, ...(records && { records }) }
      t.throws(() => read([body], given), { reason: 'pagination', message: told(place, value) }, label)
      t.throws(() => read([body], given), { message: `pagination: { ${yaml}` }, label)
      t.equal(read([body], { ...given, isComplete: true }), 12, label)
    }
  }
  t.throws(() => read([twelve], { headers: { link: '</?page=2; rel="next"' } }), {
    reason: 'pagination',
    message: /^the answer: its Link header is malformed/,
  })
})

t.test('73: an answer of 206 is a part, unless its range says that it is all', async (t) => {
  t.throws(() => read([twelve], { status: 206, headers: {} }), {
    reason: 'pagination',
    message: told('its status', '206'),
  })
  t.throws(() => read([twelve], { status: 206, headers: { 'content-range': '0-11/*' } }), { message: '206' })
  t.throws(() => read([twelve], { status: 206, headers: { 'content-range': '*/20' } }), { message: '*/20' })
  t.throws(() => read([twelve], { status: 206, headers: { 'content-range': 'some' } }), { message: '206' })
  t.equal(read([twelve], { status: 206, headers: { 'content-range': '0-11/12' } }), 12)
  t.equal(read([twelve], { status: 206, headers: { 'content-range': '0-11/*' }, paging: PAGES }), 12)
  t.equal(
    read([twelve, []], { status: 206, headers: { 'content-range': 'items 12-11/12' }, paging: PAGES }),
    12,
  )
})

t.test('74: an answer that is whole is never refused, whatever selects its records', async (t) => {
  const rows: Around[] = [
    { total: 12, count: 12, page: 1, pages: 1, per_page: 50, next: null, prev: null, has_more: false },
    { total: '12', truncated: false, remaining: 0, next_offset: null, isLastPage: true, partial: 'false' },
    { total: { value: 12, relation: 'eq' }, timed_out: false, _scroll_id: 'DXF1' },
    { total: 'many', count: { of: 'what' }, remaining: null, pages: 'all', page: 'first' },
    { page: 0, totalPages: 1, number: 0, last: true },
    { meta: { page: { total: 12 }, pagination: { next: null, total_pages: 1 } } },
    { links: { next: null, last: '/?page=1' }, _links: { next: { href: null } }, has_next: 'False' },
    { nextPageStart: -1, next_offset: '0', NextMarker: '', IsTruncated: 'false', incomplete_results: false },
    { current_page: 1, last_page: 1, next_page_url: null },
    { total: 12, total_pages: 2 },
    { nbHits: 12, nbPages: 1, page: 0, numberMatched: 12, exceededTransferLimit: false, more_records: false },
    { paging: { cursors: { before: 'a', after: 'b' }, next: null } },
    { pageInfo: { hasNextPage: false, endCursor: 'b' } },
    { done: true, searchAfter: 'x' },
    { recordsTotal: 90, recordsFiltered: 12, draw: 1 },
    { total: 90, subtotal: 12, page: 1, per_page: 20, search: 'os = x' },
    { metadata: { grand_total_entities: 90, total_entities: 12, count: 12 } },
    { list_info: { has_more_rows: false, row_count: 12 }, meta: { total_matching: 12, total_returned: 12 } },
    { treesize: 12, next_page_id: '', record_count: 12, status: 'complete' },
    { size: 12, matched_count: 12, next_idx: 11, status: 'success' },
    { status: { indicator: 'partial' }, upstream: { status: 'partial' } },
    { success: 1, ok: '1' },
    { ok: 0, warning: 3, critical: 9 },
    { pages: 40, page_count: 12 },
    { marker: 'sensor_0', cursor: 'abc', done: true, limit: 100, offset: 0 },
    { rate_limit: { remaining: 4999, total: 5000 }, quota: { remaining: 3 } },
    { storage: { total: 5000, remaining: 70 }, alerts: { count: 44 } },
    { maintenance: { next: '2026-12-01', more: true, partial: true, done: false } },
    { other: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`next${index}`, { next: '/2' }])) },
    { a: { b: { c: { total: 20, next: '/2' } } } },
  ]
  for (const around of rows) {
    const label = JSON.stringify(around)
    t.equal(read([{ ...around, devices: twelve }]), 12, label)
    t.equal(read([{ ...around, devices: twelve }], { records: "devices[?host != 'sensor-0']" }), 11, label)
    t.equal(read([{ ...around, devices: twelve }], { records: 'devices[?host].{host: host}' }), 12, label)
    t.equal(read([{ ...around, devices: { ...twelve } }], { records: 'values(devices)' }), 12, label)
  }
  const says = { total: 20, next: '/2', has_more: true, page: 1, pages: 2, host: 'a' }
  t.equal(read([{ devices: [says, says] }]), 2, 'records are never looked into')
  t.equal(read([{ devices: { next: says, more: says } }], { records: 'values(devices)' }), 2, 'nor as values')
  t.equal(read([{ next: says, more: says }], { records: 'values(@)' }), 2)
  t.equal(read([{ ...says, targets: ['a:1'], labels: {} }]), 1, 'nor one that is alone')
  t.equal(read([[says]]), 1)
  const racks = [{ devices: twelve.slice(0, 5) }, { devices: twelve.slice(5) }]
  t.equal(read([{ total: 12, racks }], { records: "racks[].devices[?host != 'sensor-0'][]" }), 11)
  t.equal(read([{ total: 12, racks }], { records: 'racks[].devices[].{host: host}' }), 12)
})

t.test('73: headers that a whole answer has too do not fail it', async (t) => {
  const rows: Headers[] = [
    {
      'x-total-count': '12',
      'x-total': '12',
      'x-total-pages': '1',
      'x-next-page': '',
      'x-has-more': 'false',
    },
    { 'x-total-pages': '1', 'x-page': '1', 'x-per-page': '100', 'x-next-cursor': 'null', 'x-next-url': '' },
    { 'x-wp-total': '12', 'x-wp-totalpages': '1' },
    { 'x-pagination': '{"TotalCount":12,"TotalPages":1,"CurrentPage":1,"HasNext":false}' },
    { 'x-pagination': 'page 1 of many', 'x-paging': '[1]' },
    {
      'x-ratelimit-remaining': '59',
      'x-rate-limit-limit': '60',
      'x-quota-total': '900',
      'x-remaining': '12',
    },
    { 'content-range': 'items 0-11/12' },
    { 'content-range': 'items 0-11/*' },
    { 'content-range': '0-49/12' },
    { 'x-records': '12', 'opc-next-page': '', 'x-nomad-nexttoken': '', 'sensu-continue': '' },
    { 'x-page-total': '12', 'x-page-limit': '100', 'x-page-page': '1' },
    { 'x-page-total': '20' },
    { link: '</style.css>; rel="preload", </?page=1>; rel="last"' },
    { link: '</next>; rel="self"' },
    { link: '</other>; rel="next"; anchor="/another"' },
    { link: 'what is malformed' },
    { etag: '"20"', 'content-length': '9000', age: '20', 'x-request-id': '77' },
  ]
  for (const headers of rows) {
    t.equal(read([twelve], { headers }), 12, JSON.stringify(headers))
    t.equal(
      read([{ d: twelve }], { headers, records: "d[?host != 'sensor-0']" }),
      11,
      JSON.stringify(headers),
    )
  }
})

t.test('74: the pages of a list are all of it, or the last one says that there is more', async (t) => {
  const [first, second] = [twelve.slice(0, 6), twelve.slice(6)]
  const pages = (last: Around, around: Around = {}) => [
    { next: '/2', total_pages: 2, ...around, devices: first },
    { ...around, ...last, devices: second },
  ]
  const parts: [last: Around, around: Around, headers: Headers, place: string][] = [
    [{ next: '/3' }, {}, {}, 'next is "/3"'],
    [{ next: null }, { count: 20 }, {}, 'count is 20'],
    [{}, {}, { 'x-total-count': '20' }, 'its header X-Total-Count is "20"'],
    [{}, {}, { 'content-range': 'items 6-11/20' }, 'its header Content-Range is "items 6-11/20"'],
    [{}, {}, { link: '</3>; rel=next' }, 'its header Link is "/3"'],
    [{ total_pages: 3 }, {}, {}, 'total_pages is 3'],
    [{ has_more: true }, {}, {}, 'has_more is true'],
    [{}, { total: 40, subtotal: 20 }, {}, 'subtotal is 20'],
    [{ status: 'partial' }, {}, {}, 'status is "partial"'],
    [{ last: false }, {}, {}, 'last is false'],
  ]
  for (const [last, around, headers, place] of parts) {
    for (const records of [undefined, 'devices', "devices[?host != 'sensor-0']"]) {
      const given = { headers, paging: PAGES, ...(records && { records }) }
      t.throws(() => read(pages(last, around), given), {
        reason: 'pagination',
        message: `they have 12 records, and after page 2 ${place}. Check how pagination finds`,
      })
      t.ok(read(pages(last, around), { ...given, isComplete: true }))
    }
  }
  const whole: [last: Around, around: Around, paging: Paging][] = [
    [{ next: null, total_pages: 2, last: true }, { count: 12, limit: 6 }, PAGES],
    [{ next: 'x', _scroll_id: 'x', has_more: true }, {}, { hasMore: true, total: false }],
    [{}, { total: 20 }, { hasMore: false, total: true }],
    [{ count: 6 }, { count: 12 }, PAGES],
    [{}, { total: 40, subtotal: 12 }, PAGES],
    [{ next_idx: 11 }, { matched_count: 12 }, PAGES],
    [{}, { pages: 40, cursor: 'x', _scroll_id: 'y' }, PAGES],
  ]
  for (const [last, around, paging] of whole) {
    t.equal(read(pages(last, around), { paging }), 12, JSON.stringify([last, around]))
  }
  const beyond = [...pages({ next: '/3' }), { next: '/4', devices: [] }]
  t.equal(read(beyond, { paging: PAGES }), 12, 'an empty page leads nowhere')
  t.equal(read([], { paging: PAGES }), 0)
})

t.test('a long list that is read in parts is whole, or is not', async (t) => {
  const long = Array.from({ length: 20_000 }, (_, index) => ({ host: `sensor-${index}` }))
  t.equal(read([{ total: 20_000, devices: long }]), 20_000)
  t.throws(() => read([{ total: 20_001, devices: long }]), { message: 'total is 20001' })
  t.throws(() => read([{ data: { total: 20_001, devices: long } }], { records: 'data.devices' }), {
    message: 'data.total is 20001',
  })
  t.equal(read([long], { headers: { 'x-total-count': '20000' } }), 20_000)
  t.throws(() => read([long], { headers: { 'x-total-count': '20001' } }), { message: 'X-Total-Count' })
})
