import t, { type Test } from 'tap'
import type { Source } from '../../../../src/sources/source.ts'
import { readUsable } from '../../../../src/sources/source.ts'
import { manualClock } from '../../../helpers/clock.ts'
import { type ApiAnswer, type ApiRequest, httpSource, serveApi } from '../../../helpers/http-source.ts'
import { type InventoryServer, inventoryServer } from '../../../helpers/inventory-server.ts'

/** Reads everything; the pages as parsed, with their names. */
async function pagesOf(source: Source, signal = new AbortController().signal) {
  const reading = await source.read(signal)
  if (reading.kind !== 'documents') throw new Error(reading.kind)
  return reading.documents.map(({ bytes, name }) => [name, JSON.parse(Buffer.from(bytes).toString())])
}

interface Setup {
  readonly server: InventoryServer
  readonly source: Source
  readonly requests: readonly ApiRequest[]
}

/** An API and a source that reads it with these keys of `http:`; `query` is that of its URL. */
async function setUp(
  t: Test,
  { query = '', ...http }: Record<string, unknown>,
  answer: (request: ApiRequest, count: number) => ApiAnswer,
): Promise<Setup> {
  const server = await inventoryServer(t)
  const requests = serveApi(server, answer)
  return { server, requests, source: await httpSource(t, { url: `${server.url.href}${query}`, ...http }) }
}

const ITEMS = ['a', 'b', 'c', 'd', 'e']

t.test('pages are followed by their Link header', async (t) => {
  const { source, requests, server } = await setUp(
    t,
    { pagination: { link_header: true } },
    ({ query }, count) => {
      if (count === 3) return { json: ['e'], headers: { link: '</inventory>; rel="first"' } }
      const next = new URL(`?page=${count + 1}`, server.url).href
      t.equal(query.get('page'), count === 1 ? null : '2')
      return {
        json: ITEMS.slice(count * 2 - 2, count * 2),
        headers: { link: ['<?page=1>; rel="first"', `<${next}>; rel="next"`] },
      }
    },
  )
  t.same(await pagesOf(source), [
    ['page 1', ['a', 'b']],
    ['page 2', ['c', 'd']],
    ['page 3', ['e']],
  ])
  t.equal(requests.length, 3)
})

t.test(
  'a list that fits one page has no Link header; what is no JSON is then nobody’s business here',
  async (t) => {
    const { source } = await setUp(t, { pagination: { link_header: true } }, () => ({ text: 'sensor_1' }))
    const reading = await source.read(new AbortController().signal)
    t.match(reading, { kind: 'documents', documents: [{ name: 'page 1', format: { kind: 'json' } }] })
  },
)

t.test(
  'pages are followed by the URL in them, absolute or relative, with the same credentials',
  async (t) => {
    const server = await inventoryServer(t)
    const base = new URL('/api/devices/', server.url)
    const requests = serveApi(server, (_request, count) => ({
      json: {
        count: 5,
        next: [new URL('?limit=2&offset=2', base).href, '?limit=2&offset=4#top', null][count - 1],
        results: ITEMS.slice(count * 2 - 2, count * 2),
      },
    }))
    const url = new URL('?limit=2#all', base)
    url.username = 'us%20er'
    url.password = 'hunter2'
    const source = await httpSource(t, { url: url.href, pagination: { next_url: 'next', total: 'count' } })
    t.equal((await pagesOf(source)).length, 3)
    t.same(
      requests.map(({ path }) => path),
      ['/api/devices/?limit=2', '/api/devices/?limit=2&offset=2', '/api/devices/?limit=2&offset=4'],
    )
    const expected = `Basic ${Buffer.from('us er:hunter2').toString('base64')}`
    t.same([...new Set(server.requests.map(({ headers }) => headers.authorization))], [expected])
  },
)

t.test('pages are followed by a cursor in a query parameter', async (t) => {
  for (const end of [null, undefined, '', false]) {
    const { source, requests } = await setUp(
      t,
      { pagination: { cursor: { value: 'meta.next_page', parameter: 'page[number]' } } },
      (_request, count) => ({ json: { servers: [count], meta: { next_page: count < 3 ? count + 1 : end } } }),
    )
    t.equal((await pagesOf(source)).length, 3)
    t.same(
      requests.map(({ query }) => query.get('page[number]')),
      [null, '2', '3'],
    )
  }
})

t.test('pages of a Relay connection are followed by its cursor in the body', async (t) => {
  const query = 'query($after: String) { devices(first: 2, after: $after) { nodes { name } } }'
  const { source, requests, server } = await setUp(
    t,
    {
      method: 'POST',
      body: { query, variables: { site: 'x' } },
      pagination: {
        cursor: {
          value: 'data.devices.pageInfo | hasNextPage && endCursor',
          body_field: 'variables.after',
        },
      },
    },
    (_request, count) => ({
      json: {
        data: {
          devices: { nodes: [{ name: count }], pageInfo: { hasNextPage: count < 3, endCursor: `c${count}` } },
        },
      },
    }),
  )
  t.equal((await pagesOf(source)).length, 3)
  t.same(
    requests.map(({ body }) => JSON.parse(body)),
    [
      { query, variables: { site: 'x' } },
      { query, variables: { site: 'x', after: 'c1' } },
      { query, variables: { site: 'x', after: 'c2' } },
    ],
  )
  t.match(server.requests[2], { method: 'POST', headers: { 'content-type': 'application/json' } })
})

/** Answers with the items from the offset in a query parameter on, two at a time. */
function byOffset({ query }: ApiRequest): string[] {
  const offset = Number(query.get('offset'))
  return ITEMS.slice(offset, offset + 2)
}

/** Answers with the page in a query parameter, two items on each. */
function byPage({ query }: ApiRequest): string[] {
  const page = Number(query.get('page'))
  return ITEMS.slice(page * 2 - 2, page * 2)
}

const PAGE = { page: { parameter: 'page' } }
const OFFSET = { offset: { parameter: 'offset', overlap: false } }
const CURSOR = { cursor: { value: 'next', parameter: 'cursor' } }

t.test('numbered pages end with the first empty one; a short page is not the end', async (t) => {
  const pages: Record<string, string[]> = { 1: ['a', 'b'], 2: ['c'], 3: ['d', 'e'] }
  const { source, requests } = await setUp(
    t,
    { query: '?page=9&q=a%20b%5Ec&&limit=2', pagination: PAGE },
    ({ query }) => ({ json: pages[String(query.get('page'))] ?? [] }),
  )
  t.same((await pagesOf(source)).at(-1), ['page 4', []])
  t.equal(requests.length, 8, 'the list may have moved, so it is read again')
  t.same((await pagesOf(source)).at(-1), ['page 4', []])
  t.same(
    requests.slice(8).map(({ path }) => path),
    [1, 2, 3, 4].map((page) => `/inventory?q=a%20b%5Ec&limit=2&page=${page}`),
    'the rest of the query stays as it is written',
  )
})

t.test('the first page may have another number, and the number may be in the body', async (t) => {
  const { source, requests } = await setUp(
    t,
    {
      method: 'POST',
      body: '{"paging": null}',
      pagination: { page: { body_field: 'paging.number', first: 0 } },
    },
    (_request, count) => ({ json: { items: count < 3 ? [count] : [] } }),
  )
  t.equal((await pagesOf(source)).length, 3)
  t.same(
    requests.map(({ body }) => body),
    [0, 1, 2].map((number) => `{"paging":{"number":${number}}}`),
  )
})

t.test('an offset is what was received so far, whatever the size of a page', async (t) => {
  const { source, requests } = await setUp(t, { pagination: OFFSET }, ({ query }) => {
    const offset = Number(query.get('offset'))
    return { json: ITEMS.slice(offset, offset + (offset === 2 ? 1 : 2)) }
  })
  t.same((await pagesOf(source)).length, 4)
  t.same((await pagesOf(source)).length, 4)
  const offsets = ['0', '2', '3', '5']
  t.same(
    requests.map(({ query }) => query.get('offset')),
    [...offsets, ...offsets, ...offsets],
    'that a page in the middle is short is found to be usual',
  )
})

t.test(
  'a total, a cursor, has_more and the URL of the next page may be in headers; a page may be of 206',
  async (t) => {
    const rows: [what: string, pagination: object, headers: (page: number) => Record<string, string>][] = [
      ['a total', { ...PAGE, total: { header: 'X-Total-Count' } }, () => ({ 'x-total-count': '5' })],
      [
        'a range',
        { ...PAGE, total: { header: 'content-range' } },
        (page) => ({ 'content-range': `${page}-9/5` }),
      ],
      [
        'has_more',
        { ...PAGE, has_more: { header: 'X-Has-More' } },
        (page) => ({ 'x-has-more': page < 3 ? 'True' : 'false' }),
      ],
      [
        'has_more in digits',
        { ...PAGE, has_more: { header: 'more' } },
        (page) => ({ more: page < 3 ? '1' : '0' }),
      ],
      [
        'has_more by a range',
        { ...PAGE, has_more: { header: 'Content-Range' } },
        (page) => ({ 'content-range': `${page * 2 - 2}-${Math.min(page * 2, 5) - 1}/5` }),
      ],
      [
        'a cursor',
        { cursor: { value: { header: 'x-ms-continuationtoken' }, parameter: 'page' } },
        (page): Record<string, string> => (page < 3 ? { 'x-ms-continuationtoken': String(page + 1) } : {}),
      ],
      [
        'a URL',
        { next_url: { header: 'X-Next' } },
        (page): Record<string, string> => ({ 'x-next': page < 3 ? `?page=${page + 1}` : '' }),
      ],
    ]
    for (const [what, pagination, headers] of rows) {
      const { source } = await setUp(t, { pagination }, ({ query }) => {
        const page = Number(query.get('page') ?? 1)
        return { status: 206, json: ITEMS.slice(page * 2 - 2, page * 2), headers: headers(page) }
      })
      t.same(
        (await pagesOf(source)).flatMap(([, items]) => items),
        ITEMS,
        what,
      )
    }
  },
)

t.test('23: a total in a header is held to, and a header that makes no sense is told', async (t) => {
  const rows: [pagination: object, headers: Record<string, string>, message: RegExp][] = [
    [{ total: { header: 'X-Total' } }, { 'x-total': '6' }, /^received 5 of 6 items/],
    [{ total: { header: 'Content-Range' } }, { 'content-range': '0-5/6' }, /^received 5 of 6 items/],
    [{ total: { header: 'X-Total' } }, { 'x-total': 'many' }, /pagination\.total gave a string/],
    [{ total: { header: 'Content-Range' } }, { 'content-range': 'bytes' }, /pagination\.total gave a string/],
    [{ total: { header: 'X-Total' } }, {}, /^page 1: pagination\.total gave null/],
    [{ has_more: { header: 'X-More' } }, { 'x-more': 'yes' }, /pagination\.has_more gave a string/],
    [{ has_more: { header: 'Content-Range' } }, { 'content-range': 'bytes' }, /has_more gave a string/],
  ]
  for (const [keys, headers, message] of rows) {
    const { source } = await setUp(t, { pagination: { ...PAGE, ...keys } }, (request) => ({
      json: byPage(request),
      headers,
    }))
    await t.rejects(pagesOf(source), { reason: 'pagination', message }, JSON.stringify(headers))
  }
})

t.test('a total that is too small ends nothing: some servers cap it', async (t) => {
  const pagination = { ...OFFSET, items: 'rows', total: 'n' }
  const { source, requests } = await setUp(t, { pagination }, (request) => ({
    json: { rows: byOffset(request), n: 2, errors: [] },
  }))
  t.same((await pagesOf(source)).length, 4)
  t.equal(requests.length, 4)
})

t.test('the last page once more, beyond the end, is no fault when the total is reached', async (t) => {
  const pagination = { ...PAGE, items: 'rows', total: 'n' }
  const { source } = await setUp(t, { pagination }, (_request, count) => ({
    json: { rows: count === 1 ? ['a', 'b'] : ['c'], n: 3 },
  }))
  t.equal((await pagesOf(source)).length, 3)
})

t.test('has_more spares the empty page at the end', async (t) => {
  const more = await setUp(t, { pagination: { ...PAGE, has_more: 'page < last' } }, (request) => {
    const page = Number(request.query.get('page'))
    return { json: { items: page === 2 ? [] : byPage(request), page, last: 3 } }
  })
  t.equal((await pagesOf(more.source)).length, 3, 'an empty page in the middle is not the end')
  const cursor = await setUp(t, { pagination: { ...CURSOR, has_more: 'more' } }, (_request, count) => ({
    json: { next: `c${count}`, more: count < 3 },
  }))
  t.equal((await pagesOf(cursor.source)).length, 3, 'a cursor that is always there')
})

t.test('an empty inventory is one empty page', async (t) => {
  for (const pagination of [PAGE, OFFSET, { ...PAGE, total: 'total' }, { link_header: true }]) {
    const { source, requests } = await setUp(t, { pagination }, () => ({ json: { items: [], total: 0 } }))
    t.equal((await pagesOf(source)).length, 1)
    t.equal(requests.length, 1)
  }
})

t.test('20: a page that fails, fails the whole reading, and is named', async (t) => {
  const rows: [what: string, second: ApiAnswer, error: { reason: string; message: RegExp }][] = [
    ['500', { status: 500 }, { reason: 'http_status', message: /^page 2: GET http:.*: HTTP 500/ }],
    ['401', { status: 401 }, { reason: 'auth', message: /^page 2: / }],
    ['HTML', { text: '<html>' }, { reason: 'parse', message: /^page 2 looks like HTML or XML, not JSON/ }],
    [
      'JSON cut short',
      { text: '{"items": ["a",' },
      { reason: 'parse', message: /^page 2 is not valid JSON/ },
    ],
    ['an empty body', { text: '' }, { reason: 'parse', message: /^page 2 is empty/ }],
    [
      'another shape',
      { json: { error: 'maintenance' } },
      { reason: 'refused', message: /^page 2 says that it failed: .*Say which in pagination/ },
    ],
  ]
  for (const [what, second, error] of rows) {
    const { source } = await setUp(t, { pagination: PAGE }, (request, count) =>
      count === 2 ? second : { json: { items: byPage(request) } },
    )
    await t.rejects(pagesOf(source), { name: 'RefreshError', ...error }, what)
  }
})

t.test('20: a page after the last one that is not there is told, and what to write then', async (t) => {
  const rows: [what: string, pagination: object, list: (items: string[]) => unknown, has_more: string][] = [
    ['a list', PAGE, (items) => items, 'length(@) == `2`'],
    ['an object', PAGE, (items) => ({ items }), 'length(items) == `2`'],
    ['offsets', OFFSET, (items) => items, 'length(@) == `2`'],
    ['offsets that overlap', { offset: { parameter: 'offset' } }, (items) => items, 'length(@) == `2`'],
  ]
  for (const [what, pagination, list, has_more] of rows) {
    for (const status of [400, 404, 416]) {
      const answer = (request: ApiRequest) => {
        const items = request.query.has('page') ? byPage(request) : byOffset(request)
        return items.length === 0 ? { status, json: { detail: 'no such page' } } : { json: list(items) }
      }
      const { source } = await setUp(t, { pagination }, answer)
      const error = await pagesOf(source).catch((thrown) => thrown)
      t.match(error, { reason: 'http_status', message: `HTTP ${status} (no such page); check the URL` }, what)
      t.ok(
        error.message.endsWith(`false on that page, such as: has_more: "${has_more}"`),
        `${what}: ${error.message}`,
      )
      const told = await setUp(t, { pagination: { ...pagination, has_more } }, answer)
      const pages = await pagesOf(told.source)
      t.same([...new Set(pages.flatMap(([, page]) => page.items ?? page))], ITEMS, 'and it works when typed')
    }
  }
  for (const [what, pagination, answer] of [
    ['the last page is as long as the first', PAGE, ['a', 'b']],
    ['a list far below', { ...PAGE, items: 'data.items' }, { data: { items: ['a'] } }],
    ['a key that needs quotes', PAGE, { 'the items': ['a'] }],
  ] as const) {
    const { source } = await setUp(t, { pagination }, (_request, count) =>
      count === 1 ? { json: answer } : { status: 404 },
    )
    await t.rejects(
      pagesOf(source),
      { message: /if page 1 was the last one, add has_more .* that is false on that page$/ },
      what,
    )
  }
  for (const pagination of [CURSOR, { ...PAGE, has_more: 'more' }]) {
    const { source } = await setUp(t, { pagination }, (_request, count) =>
      count === 1 ? { json: { items: ['a'], next: 'x', more: true } } : { status: 404 },
    )
    await t.rejects(pagesOf(source), { message: /HTTP 404; check the URL, and the inventory's own log$/ })
  }
  const { source } = await setUp(t, { pagination: PAGE }, () => ({ status: 404 }))
  await t.rejects(pagesOf(source), { message: /^page 1: .*own log$/ })
})

t.test('20: a page that asks for patience says for how long', async (t) => {
  const { source } = await setUp(t, { pagination: PAGE }, (request, count) =>
    count === 2 ? { status: 429, headers: { 'retry-after': '7' } } : { json: byPage(request) },
  )
  await t.rejects(pagesOf(source), { reason: 'rate_limited', message: /^page 2: /, retryAfterMs: 7_000 })
})

t.test('20: the deadline is for all pages together, and tells which page it met', async (t) => {
  const clock = manualClock()
  const { source } = await setUp(t, { pagination: PAGE }, (request) => ({ json: byPage(request) }))
  const slow = await inventoryServer(t)
  slow.handle((request, response) => {
    if (request.url?.endsWith('page=1')) response.end('["a"]')
    else response.write('["b",', () => clock.advance(10_000))
  })
  const slowSource = await httpSource(t, { url: slow.url.href, pagination: PAGE })
  const { signal: stop } = new AbortController()
  const read = (source: Source) =>
    readUsable({ source, timeoutMs: 10_000 }, { clock, stop }, async (reading) => reading)
  t.match(await read(source), { kind: 'documents' })
  await t.rejects(read(slowSource), {
    reason: 'timeout',
    message: /^page 2: no whole answer within 10s; /,
  })
})

t.test('a reading that is stopped for another reason blames no page', async (t) => {
  const server = await inventoryServer(t)
  const controller = new AbortController()
  server.handle(() => controller.abort(new Error('stopped')))
  const source = await httpSource(t, { url: server.url.href, pagination: PAGE })
  await t.rejects(pagesOf(source, controller.signal), { message: 'stopped' })
})

t.test('21: pages that go in a circle are noticed at once', async (t) => {
  const rows: [what: string, http: Record<string, unknown>, answer: ApiAnswer, message: RegExp][] = [
    [
      'a cursor',
      { pagination: CURSOR },
      { json: { next: 'x' } },
      /^page 2: its cursor repeats an earlier one/,
    ],
    [
      'the URL of the first page',
      { pagination: { next_url: 'next' } },
      { json: { next: '/inventory' } },
      /^page 1: the URL of its next page repeats an earlier one/,
    ],
    [
      'the URL of the second page',
      { pagination: { link_header: true } },
      { json: [], headers: { link: '<?page=2>; rel=next' } },
      /^page 2: the URL of its next page repeats an earlier one/,
    ],
    [
      'an offset',
      { pagination: { ...OFFSET, has_more: 'more' } },
      { json: { items: [], more: true } },
      /^page 1: the offset after it repeats an earlier one, so the pages would never end/,
    ],
  ]
  for (const [what, http, answer, message] of rows) {
    const { source, requests } = await setUp(t, http, () => answer)
    await t.rejects(pagesOf(source), { reason: 'pagination', message }, what)
    t.ok(requests.length <= 2, what)
  }
})

t.test('21: pages that never end are stopped', async (t) => {
  for (const pagination of [PAGE, CURSOR, { link_header: true }]) {
    const { source, requests } = await setUp(
      t,
      { pagination: { ...pagination, max_pages: 4 } },
      (_, count) => ({
        json: { items: [count], next: count },
        headers: { link: `<?page=${count + 1}>; rel=next` },
      }),
    )
    await t.rejects(pagesOf(source), {
      reason: 'pagination',
      message: /^there are more than 4 pages; .*raise pagination\.max_pages/,
    })
    t.equal(requests.length, 4)
  }
})

t.test('21: exactly as many pages as there may be are no fault', async (t) => {
  const { source } = await setUp(t, { pagination: { ...CURSOR, max_pages: 3 } }, (_request, count) => ({
    json: { next: count < 3 ? count : null },
  }))
  t.equal((await pagesOf(source)).length, 3)
})

t.test('22: a next page elsewhere is refused, and nobody else is asked', async (t) => {
  const other = await inventoryServer(t, [])
  const { port } = other
  const rows: [what: string, next: (own: number) => string, message: RegExp][] = [
    [
      'another port',
      () => `http://127.0.0.1:${port}/inventory`,
      /^page 1: its next page is at http:\/\/127\.0\.0\.1:(\d+), another origin than that of url, http:\/\/127\.0\.0\.1:(?!\1).*Write http:.* into url, or configure/,
    ],
    ['another host', () => `//localhost:${port}/inventory`, /at http:\/\/localhost:\d+, another origin/],
    [
      'another scheme',
      (own) => `https://127.0.0.1:${own}/inventory`,
      /If the inventory is behind a proxy, let the proxy send its scheme \(X-Forwarded-Proto\); or write https:\/\/127/,
    ],
    ['no web', () => 'file:///etc/passwd', /is one with the scheme file:, not http or https/],
    ['no URL', () => 'http://', /is not a URL, not http or https/],
    ['a user', (own) => `http://admin:x@127.0.0.1:${own}/`, /has a user or password of its own/],
  ]
  for (const [what, next, message] of rows) {
    for (const pagination of [{ next_url: 'next' }, { link_header: true }]) {
      const server = await inventoryServer(t)
      const target = next(server.port)
      serveApi(server, () => ({ json: { next: target }, headers: { link: `<${target}>; rel=next` } }))
      const url = new URL(server.url)
      url.username = 'user'
      url.password = 'hunter2'
      const source = await httpSource(t, { url: url.href, pagination })
      const error = await pagesOf(source).catch((thrown) => thrown)
      t.match(error, { reason: 'pagination', message }, what)
      t.notMatch(error.message, 'hunter2', what)
      t.equal(server.requests.length, 1, what)
    }
  }
  t.equal(other.requests.length, 0)
})

t.test('22: a next page with the user and password of url is the same inventory', async (t) => {
  const server = await inventoryServer(t)
  const url = new URL(server.url)
  url.username = 'user'
  url.password = 'hunter2'
  serveApi(server, (_request, count) => ({ json: { next: count === 1 ? `${url.href}?page=2` : null } }))
  const source = await httpSource(t, { url: url.href, pagination: { next_url: 'next' } })
  t.equal((await pagesOf(source)).length, 2)
})

t.test('23: fewer items than the declared total are refused', async (t) => {
  const message = /^received 5 of 6 items; the inventory changed while it was read, or/
  const totals = { items: 'items', total: 'total' }
  for (const pagination of [PAGE, CURSOR, { link_header: true }, { next_url: 'url' }]) {
    const { source } = await setUp(t, { pagination: { ...pagination, ...totals } }, (_, count) => ({
      json: {
        items: ITEMS.slice(count * 2 - 2, count * 2),
        total: 6,
        ...(count < 3 && { next: count, url: `?${count}` }),
      },
      headers: count < 3 ? { link: `<?page=${count + 1}>; rel=next` } : {},
    }))
    await t.rejects(pagesOf(source), { reason: 'pagination', message })
  }
})

t.test('23: a total that changes while the pages are read may hide an item', async (t) => {
  const read = async (totals: number[]) => {
    const { source } = await setUp(t, { pagination: { ...CURSOR, total: 'total' } }, ({ query }) => {
      const page = Number(query.get('cursor') ?? 0)
      const items = ITEMS.slice(page * 2, page * 2 + 2)
      return { json: { items, total: totals[page], next: page < 2 ? page + 1 : null } }
    })
    return pagesOf(source)
  }
  const message = /^pagination.total was 6 on page 1 and is 5 on page 3, 3 times in a row/
  await t.rejects(read([6, 6, 5]), { reason: 'pagination', message })
  t.equal((await read([3, 4, 4])).length, 3, 'one that only grows, at the second time')
  await t.rejects(read([4, 5, 4]), {
    message: /^pagination.total was 5 on page 2 and is 4 on page 3, 3 times in a row:/,
  })
  t.equal((await read([3, 3, 3])).length, 3, 'more than declared')
  t.equal((await read([5, 3, 1])).length, 3, 'how many are left')
})

const OVERLAPPING = { offset: { parameter: 'offset' } }

t.test('an inventory that ignores the page or the offset is noticed', async (t) => {
  for (const [pagination, parameter] of [
    [PAGE, 'page'],
    [OFFSET, 'offset'],
    [OVERLAPPING, 'offset'],
    [{ ...PAGE, total: 'total' }, 'page'],
  ] as const) {
    const { source, requests } = await setUp(t, { pagination }, (_request, count) => ({
      json: { at: count, items: ITEMS, total: 100 },
    }))
    await t.rejects(pagesOf(source), {
      reason: 'pagination',
      message:
        pagination === OVERLAPPING
          ? /^page 2 holds the same items .*check the name in parameter or body_field \(set offset: { overlap: false } if the inventory accepts only multiples/
          : /^page 2 holds the same items as the page before it: .*check the name in parameter or body_field$/,
    })
    t.same(
      requests.map(({ query }) => query.has(parameter)),
      [true, true],
    )
  }
})

t.test('what is looked up in a page must make sense', async (t) => {
  const rows: [what: string, pagination: Record<string, unknown>, page: unknown, message: RegExp][] = [
    [
      'no total',
      { ...PAGE, total: 'total' },
      [1],
      /^page 1: pagination\.total gave null, not a whole number; use to_number/,
    ],
    [
      'a total that is a text',
      { ...PAGE, total: 'total' },
      { total: '5', items: [] },
      /gave a string, not a whole/,
    ],
    ['half a total', { ...PAGE, total: 'total' }, { total: 1.5, items: [] }, /gave 1\.5, not a whole number/],
    ['a total below nothing', { ...PAGE, total: 'total' }, { total: -1, items: [] }, /gave -1, not a whole/],
    [
      'no has_more',
      { ...PAGE, has_more: 'more' },
      [1],
      /^page 1: pagination\.has_more gave null, not true or false$/,
    ],
    ['has_more in a text', { ...CURSOR, has_more: 'more' }, { more: 'false' }, /has_more gave a string, not/],
    [
      'more without a cursor',
      { ...CURSOR, has_more: 'more' },
      { more: true },
      /cursor\.value gave null, not a text/,
    ],
    [
      'more with an empty cursor',
      { ...CURSOR, has_more: 'more' },
      { more: true, next: '' },
      /gave "", not a text/,
    ],
    [
      'a cursor that is a list',
      CURSOR,
      { next: ['x'] },
      /^page 1: pagination\.cursor\.value gave a list, not a text or/,
    ],
    ['a cursor that is true', CURSOR, { next: true }, /gave a boolean, not a text/],
    [
      'a cursor beyond 2^53 whose digits are not written',
      CURSOR,
      { next: 1e21 },
      /gave 1e\+21, not a text or a number of at most/,
    ],
    [
      'a URL that is a number',
      { next_url: 'next' },
      { next: 5 },
      /^page 1: pagination\.next_url gave a number, not a URL$/,
    ],
    ['a URL that is an object', { next_url: 'next' }, { next: {} }, /gave an object, not a URL$/],
    [
      'a function of the wrong type',
      { next_url: 'length(next)' },
      { next: 5 },
      /^the pagination\.next_url expression "length\(next\)" fails on page 1: /,
    ],
  ]
  for (const [what, pagination, page, message] of rows) {
    const { source } = await setUp(t, { pagination }, () => ({ json: page }))
    await t.rejects(pagesOf(source), { reason: 'pagination', message }, what)
  }
  const { source } = await setUp(t, { pagination: { ...PAGE, items: 'rows' } }, () => ({
    json: { items: [] },
  }))
  await t.rejects(pagesOf(source), {
    reason: 'shape',
    message:
      /pagination\.items expression "rows" gave null, not a list; page 1 has no rows \(its keys: items\)/,
  })
  const malformed = await setUp(t, { pagination: { link_header: true } }, () => ({
    json: [],
    headers: { link: 'http://a/2; rel=next' },
  }))
  await t.rejects(pagesOf(malformed.source), { reason: 'pagination', message: /^page 1: its Link header/ })
})

t.test('16: the size is bounded for all pages together', async (t) => {
  const items = 'x'.repeat(1_100)
  const setting = { pagination: CURSOR, max_response_size: '4KB' }
  const { source, requests } = await setUp(t, setting, (_request, count) => ({
    json: { items, next: count },
  }))
  await t.rejects(pagesOf(source), {
    reason: 'too_large',
    message: /^page 4: all pages together are larger than 4KB; raise max_response_size if this is expected$/,
  })
  t.equal(requests.length, 4)
})

t.test(
  'a page that says "unchanged" would prove nothing about the others, so none is asked to',
  async (t) => {
    const { source, server } = await setUp(t, { pagination: { link_header: true } }, () => ({
      json: ['a'],
      headers: { etag: '"v1"' },
    }))
    const { signal } = new AbortController()
    t.match(await source.read(signal), { kind: 'documents', version: undefined })
    t.equal((await source.read(signal, { etag: '"v1"' })).kind, 'documents')
    t.equal(server.requests[1]?.headers['if-none-match'], undefined)
  },
)

t.test('a redirect of a page is followed, and its next page is relative to where it led', async (t) => {
  const { source, requests } = await setUp(t, { pagination: { next_url: 'next' } }, ({ path }) => {
    if (path === '/inventory') return { status: 308, headers: { location: '/v2/list' }, json: null }
    return { json: { next: path === '/v2/list' ? '?page=2' : null } }
  })
  t.equal((await pagesOf(source)).length, 2)
  t.same(requests.map(({ path }) => path).at(-1), '/v2/list?page=2')
})
