import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Document } from '../../../../src/model/document.ts'
import { compilePlan } from '../../../../src/pipeline/plan.ts'
import type { Source } from '../../../../src/sources/source.ts'
import { type ApiRequest, httpSource, serveApi } from '../../../helpers/http-source.ts'
import { type InventoryServer, inventoryServer } from '../../../helpers/inventory-server.ts'
import { runPipeline } from '../../../helpers/pipeline.ts'
import { holdsAsync } from '../../../helpers/property.ts'

interface Device {
  readonly id: number
  readonly host: string
}

const device = (id: number): Device => ({ id, host: `sensor-${id}` })

/** A way to read an inventory in pages of two. */
interface Style {
  readonly pagination: Record<string, unknown>
  /** Whether a reading that counts can lack nothing that was there all along. */
  readonly isProven: boolean
  page(list: readonly Device[], query: URLSearchParams): { items: readonly Device[]; next?: unknown }
}

const SIZE = 2

function from(list: readonly Device[], offset: number) {
  return {
    items: list.slice(offset, offset + SIZE),
    next: offset + SIZE < list.length ? offset + SIZE : null,
  }
}

const STYLES: Record<string, Style> = {
  offset: {
    pagination: { offset: { parameter: 'at' } },
    isProven: true,
    page: (list, query) => ({ items: from(list, Number(query.get('at'))).items }),
  },
  key: {
    pagination: { cursor: { value: 'items[-1].id', parameter: 'at' } },
    isProven: true,
    page: (list, query) => ({
      items: list.filter(({ id }) => id > Number(query.get('at') ?? -1)).slice(0, SIZE),
    }),
  },
  'plain offset': {
    pagination: { offset: { parameter: 'at', overlap: false } },
    isProven: false,
    page: (list, query) => ({ items: from(list, Number(query.get('at'))).items }),
  },
  page: {
    pagination: { page: { parameter: 'at', first: 0 } },
    isProven: false,
    page: (list, query) => ({ items: from(list, Number(query.get('at')) * SIZE).items }),
  },
  cursor: {
    pagination: { cursor: { value: 'next', parameter: 'at' } },
    isProven: false,
    page: (list, query) => from(list, Number(query.get('at') ?? 0)),
  },
  next_url: {
    pagination: { next_url: 'next' },
    isProven: false,
    page(list, query) {
      const { items, next } = from(list, Number(query.get('at') ?? 0))
      return { items, next: next === null ? null : `?at=${next}` }
    },
  },
}

/** What happens to an inventory between two requests. */
type Change = { readonly kind: 'none' } | { readonly kind: 'add' | 'remove'; readonly at: number }

/** An inventory in the order of its ids that changes before each request, but for the first. */
interface Model {
  readonly requests: readonly ApiRequest[]
  readonly source: Source
  /** What was there from the first request on. */
  always(): readonly string[]
}

async function model(
  t: Test,
  server: InventoryServer,
  {
    style,
    length,
    changes,
    isCounted,
  }: { style: Style; length: number; changes: readonly Change[]; isCounted: boolean },
): Promise<Model> {
  // Ids have room between them, for those that are added.
  let list = Array.from({ length }, (_, index) => device(index * 1_000))
  const kept = new Set(list.map(({ host }) => host))
  const isOrdered = style.pagination.cursor !== undefined
  const change = (one: Change) => {
    if (one.kind === 'remove' && list.length > 0) {
      const gone = list[one.at % list.length] as Device
      kept.delete(gone.host)
      list = list.filter((other) => other !== gone)
    }
    if (one.kind === 'add') {
      const at = one.at % (list.length + 1)
      const before = list[at - 1]?.id ?? -1_000
      const after = list[at]?.id ?? before + 1_000
      list = list.toSpliced(at, 0, device((before + after) / 2))
    }
  }
  const requests = serveApi(server, ({ query }, count) => {
    if (count > 1) change(changes[count - 2] ?? { kind: 'none' })
    const { items, next } = style.page(isOrdered ? list.toSorted((a, b) => a.id - b.id) : list, query)
    return { json: { items, ...(next !== undefined && { next }), ...(isCounted && { total: list.length }) } }
  })
  const source = await httpSource(t, { url: server.url.href, pagination: style.pagination })
  return { requests, source, always: () => [...kept] }
}

const options = {
  paging: { hasMore: false, total: false },
  mapping: { source: 'a', targets: [], labels: [], metaLabels: false, defaultPort: 9100 },
  relabelConfigs: [],
}
const plan = compilePlan({ ...options, records: 'items' })

async function documentsOf(source: Source): Promise<readonly Document[]> {
  const reading = await source.read(new AbortController().signal)
  if (reading.kind !== 'documents') throw new Error(reading.kind)
  return reading.documents
}

/** The hosts of a reading; undefined when it does not count. */
async function hostsOf(source: Source): Promise<string[] | undefined> {
  try {
    return runPipeline(await documentsOf(source), plan)
      .groups.flatMap(({ targets }) => targets)
      .map((one) => one.replace(':9100', ''))
  } catch (error) {
    if ((error as { reason?: string }).reason !== 'pagination') throw error
    return undefined
  }
}

const A_DELETED_0_ADDED: readonly Change[] = [
  { kind: 'remove', at: 0 },
  { kind: 'add', at: 0 },
]

for (const [name, style] of Object.entries(STYLES)) {
  t.test(`68: ${name}: the first is deleted after page one, another one added after page two`, async (t) => {
    for (const isCounted of [true, false]) {
      const server = await inventoryServer(t)
      const { source, always, requests } = await model(t, server, {
        style,
        length: 6,
        changes: A_DELETED_0_ADDED,
        isCounted,
      })
      const hosts = (await hostsOf(source)) ?? []
      t.same(
        always().filter((host) => !hosts.includes(host)),
        [],
        'nothing that was there all along is missing',
      )
      t.ok(requests.length >= 3)
    }
  })
}

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'none' } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('add' as const), at: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), at: fc.nat(12) }) },
)

for (const [name, style] of Object.entries(STYLES)) {
  t.test(
    `68: ${name}: whatever moves while a list is read, no reading that counts lacks what was there`,
    async (t) => {
      const server = await inventoryServer(t)
      let readings = 0
      const property = fc.asyncProperty(
        fc.nat(9),
        fc.array(change, { maxLength: 14 }),
        fc.boolean(),
        async (length, changes, isCounted) => {
          const { source, always, requests } = await model(t, server, { style, length, changes, isCounted })
          const hosts = await hostsOf(source)
          if (hosts === undefined) return
          readings++
          const missing = always().filter((host) => !hosts.includes(host))
          if (style.isProven) return missing.length === 0
          // What cannot be seen is missed; where nothing moved, or one more total shows it, nothing is.
          const seen = changes.slice(0, requests.length - 1)
          const isStill = seen.every(({ kind }) => kind === 'none')
          const kinds = new Set(seen.map(({ kind }) => kind))
          return !(isStill || (isCounted && kinds.size === 1)) || missing.length === 0
        },
      )
      await holdsAsync(t, name, property, { numRuns: 150 })
      t.ok(readings > 20, 'most readings count')
    },
  )
}

/** A source of an API that answers as told, and the items that its readings have. */
async function reading(
  t: Test,
  pagination: object,
  answer: (query: URLSearchParams, count: number) => { json: unknown; headers?: Record<string, string> },
) {
  const server = await inventoryServer(t)
  const requests = serveApi(server, ({ query }, count) => answer(query, count))
  const source = await httpSource(t, { url: server.url.href, pagination })
  return {
    requests,
    async read() {
      const documents = await documentsOf(source)
      return runPipeline(documents, compilePlan({ ...options, records: undefined })).report.records
    },
  }
}

const LIST = ['a', 'b', 'c', 'd', 'e']
const named = (host: string) => ({ name: 'web', host })
const cut = (query: URLSearchParams, list: readonly unknown[] = LIST) => {
  const at = Number(query.get('at') ?? 0)
  return list.slice(at, at + 2)
}

t.test('68: a list that moves while it is read is read again, three times at most', async (t) => {
  const { read, requests } = await reading(t, { page: { parameter: 'page' } }, (query, count) => {
    const page = Number(query.get('page'))
    const moved = count < 8 ? ['0', ...LIST] : LIST
    return { json: page === 1 ? LIST.slice(0, 2) : moved.slice(page * 2 - 2, page * 2) }
  })
  t.equal(await read(), 5)
  t.same(
    requests.map(({ query }) => query.get('page')),
    ['1', '2', '3', '1', '2', '3', '1', '2', '3', '4'],
  )
  const never = await reading(t, { page: { parameter: 'page' } }, (query) => {
    const page = Number(query.get('page'))
    return { json: page === 3 ? ['a'] : LIST.slice(page * 2 - 2, page * 2) }
  })
  await t.rejects(never.read(), {
    reason: 'pagination',
    message: /^record 1 of page 3 was on an earlier page already, 3 times in a row: .*complete: true$/,
  })
  t.equal(never.requests.length, 9)
})

t.test('68: what shows that a list moved is named', async (t) => {
  const [page, offset] = [{ page: { parameter: 'at', first: 0 } }, { offset: { parameter: 'at' } }]
  const at = (query: URLSearchParams) => Number(query.get('at'))
  const byPage = (query: URLSearchParams) => LIST.slice(at(query) * 2, at(query) * 2 + 2)
  const rows: [pagination: object, answer: Parameters<typeof reading>[2], message: RegExp][] = [
    [
      page,
      (query) => ({ json: byPage(query), headers: { 'x-total-count': String(7 - at(query)) } }),
      /^its header X-Total-Count was 7 on page 1 and is 6 on page 2, 3 times in a row:/,
    ],
    [
      page,
      (query) => ({ json: { items: byPage(query), meta: { total: 5 - at(query) } } }),
      /^meta\.total was 5 on page 1 and is 4 on page 2, 3 times in a row:/,
    ],
    [
      page,
      (query, count) => ({
        json: [['a', 'b'], ['c'], ['d', 'e'].slice(Math.ceil(count / 4) % 2), []][at(query)],
      }),
      /^page 2 has 1 records, fewer than others, and is not the last, 3 times in a row:/,
    ],
    [
      offset,
      (query) => ({ json: at(query) === 0 ? ['a', 'b'] : ['c'] }),
      /^page 2 does not begin with the last record/,
    ],
    [
      offset,
      (query) => ({ json: at(query) === 0 ? [named('a'), named('b')] : [named('c'), named('d')] }),
      /^page 2 does not begin with the last record/,
    ],
    [
      offset,
      (query) => ({ json: at(query) === 0 ? ['a', 'b'] : [] }),
      /^page 2 does not begin with the last record/,
    ],
    [
      { next_url: 'next' },
      (query) => ({
        json: {
          items: cut(query),
          next: ['?at=1', '?at=3', '?at=5', '?at=6'][at(query) === 0 ? 0 : at(query) === 1 ? 1 : 3],
        },
      }),
      /^page 2 begins with the last record of the page before it, 3 times in a row:/,
    ],
  ]
  for (const [pagination, answer, message] of rows) {
    const { read } = await reading(t, pagination, answer)
    await t.rejects(read(), { reason: 'pagination', message }, String(message))
  }
})

t.test('68: what does not show that a list moved is no reason to read it again', async (t) => {
  const at = (query: URLSearchParams) => Number(query.get('at') ?? 0)
  const next = (query: URLSearchParams, step = 2) => (at(query) + step < 5 ? `?at=${at(query) + step}` : null)
  const twice = ['a', 'a', 'b', 'a', 'c']
  const rows: [
    what: string,
    pagination: object,
    answer: Parameters<typeof reading>[2],
    records: number,
    requests: number,
  ][] = [
    [
      'a list that has records twice on one page',
      { next_url: 'next' },
      (query) => ({ json: { items: cut(query, twice), next: next(query) } }),
      5,
      3,
    ],
    [
      'a key that is in the next page too',
      { next_url: 'next' },
      (query) => ({ json: { items: cut(query), next: next(query, 1) } }),
      9,
      5,
    ],
    [
      'others of the same name',
      { next_url: 'next' },
      (query) => ({
        json: {
          items: cut(
            query,
            LIST.map((host) => ({ name: 'web', host })),
          ),
          next: next(query),
        },
      }),
      5,
      3,
    ],
    [
      'records of one id on pages that follow',
      { next_url: 'next' },
      (query) => ({
        json: {
          items: cut(
            query,
            [1, 1, 1, 2, 3].map((id, svc) => ({ id, host: `sensor-${svc}` })),
          ),
          next: next(query),
        },
      }),
      5,
      3,
    ],
    [
      'a total that only the first page tells',
      { next_url: 'next' },
      (query) => ({ json: { items: cut(query), next: next(query), ...(at(query) === 0 && { total: 5 }) } }),
      5,
      3,
    ],
    [
      'a count of the page',
      { next_url: 'next' },
      (query) => ({ json: { items: cut(query), next: next(query), count: cut(query).length } }),
      5,
      3,
    ],
    [
      'a count of what is left',
      { cursor: { value: 'items[-1].id', parameter: 'at' } },
      (query) => {
        const rest = [1, 2, 3, 4, 5].filter((id) => id > at(query)).map((id) => ({ id, host: `h${id}` }))
        return { json: { items: rest.slice(0, 2), count: rest.length } }
      },
      5,
      4,
    ],
    [
      'a total before a search, beside one after it',
      { next_url: 'next' },
      (query) => ({ json: { items: cut(query), next: next(query), total: 40 - at(query), subtotal: 5 } }),
      5,
      3,
    ],
    [
      'no list at all',
      { link_header: true },
      (query) => ({
        json: { targets: [`a:${at(query)}`], labels: {} },
        headers: at(query) < 4 ? { link: `<?at=${at(query) + 2}>; rel="next"` } : {},
      }),
      3,
      3,
    ],
  ]
  for (const [what, pagination, answer, records, requests] of rows) {
    const api = await reading(t, pagination, answer)
    t.equal(await api.read(), records, what)
    t.equal(api.requests.length, requests, what)
  }
})

t.test('23, 68: a key and a total of what is left: what goes behind the key is no matter', async (t) => {
  const ids = [1, 2, 3, 4, 5]
  const read = async (totals: readonly number[]) => {
    const pagination = { cursor: { value: 'items[-1]', parameter: 'at' }, items: 'items', total: 'left' }
    const api = await reading(t, pagination, (query, count) => ({
      json: {
        items: ids
          .filter((id) => id > Number(query.get('at') ?? 0))
          .slice(0, 2)
          .map(String),
        left: totals[count - 1],
      },
    }))
    return api.read()
  }
  t.equal(await read([5, 3, 1, 0]), 5)
  t.equal(await read([6, 3, 1, 0]), 5, 'one that was not read yet is gone')
  await t.rejects(read([6, 4, 2, 1]), { message: /^received 5 of 6 items/ })
})

t.test('68: pages that overlap are one list, and prove that nothing was missed between them', async (t) => {
  const offset = (keys: object = {}) => ({ offset: { parameter: 'at', ...keys } })
  const start = (query: URLSearchParams) => Number.parseInt(String(query.get('at')), 10)
  const page = (list: readonly unknown[]) => (query: URLSearchParams) => ({
    json: cut(new URLSearchParams({ at: String(start(query)) }), list),
  })
  const ids = LIST.map((host, id) => ({ id, host }))
  const changing = (query: URLSearchParams, count: number) => ({
    json: cut(
      query,
      LIST.map((host) => ({ host, uptime: count })),
    ),
  })
  const rows: [
    what: string,
    pagination: object,
    answer: Parameters<typeof reading>[2],
    records: number,
    offsets: string,
  ][] = [
    ['texts', offset(), page(LIST), 5, '0 1 2 3 4 5'],
    ['records', offset(), page(ids), 5, '0 1 2 3 4 5'],
    ['records that change all the time', offset(), changing, 5, '0 1 2 3 4 5'],
    ['without overlap', offset({ overlap: false }), page(LIST), 5, '0 2 4 5'],
    ['a range', offset({ range: 2 }), page(LIST), 5, '0-1 1-2 2-3 3-4 4-5 5-6'],
    ['a range without overlap', offset({ range: 2, overlap: false }), page(LIST), 5, '0-1 2-3 4-5 5-6'],
    ['one record', offset(), page(['a']), 1, '0 1'],
    ['none', offset(), page([]), 0, '0'],
    [
      'pages of one',
      offset(),
      (query) => ({ json: LIST.slice(start(query), start(query) + 1) }),
      5,
      '0 1 2 3 4 5',
    ],
    [
      'a page in the middle is short',
      offset(),
      (query) => ({ json: LIST.slice(start(query), start(query) + (start(query) === 1 ? 1 : 2)) }),
      5,
      '0 1 2 3 4 5',
    ],
    [
      'what is declared comes and goes',
      { ...offset(), items: 'items', total: 'total' },
      (query, count) => ({ json: { items: cut(query), total: [5, 6, 5, 7, 5, 5][count - 1] } }),
      5,
      '0 1 2 3 4 5',
    ],
  ]
  for (const [what, pagination, answer, records, offsets] of rows) {
    const api = await reading(t, pagination, answer)
    t.equal(await api.read(), records, what)
    t.equal(api.requests.map(({ query }) => query.get('at')).join(' '), offsets, what)
  }
  const missing = await reading(t, offset(), (query) => ({ json: { items: cut(query), count: 6 } }))
  await t.rejects(missing.read(), { message: /they have 5 records, and after page 6 count is 6/ })
})

t.test('68: a total that only grows, at each reading, does not refuse the list for ever', async (t) => {
  const api = await reading(t, { next_url: 'next' }, (query, count) => {
    const at = Number(query.get('at') ?? 0)
    const all = Array.from({ length: 4 + count }, (_, index) => `sensor-${index}`)
    const items = all.slice(at, at + 4)
    return { json: { items, total: all.length, next: at + 4 < all.length ? `?at=${at + 4}` : null } }
  })
  t.equal(await api.read(), 4 + api.requests.length, 'all that there are at the end')
  const starts = api.requests.filter(({ query }) => !query.has('at'))
  t.equal(starts.length, 2, 'it is read twice')
})

t.test('68: in an overlap, others of the same id are not the record that was last', async (t) => {
  const rows: [what: string, size: number, ids: string][] = [
    ['on the page before', 6, '1a 1b 1c 1d 2a 2b 2c 2d 3a 3b 3c 3d'],
    ['on the page itself', 3, '1a 2a 3a 3b 3c 3d'],
    ['on neither, but on an earlier one', 3, '1a 1b 2a 2b 3a 3b'],
  ]
  for (const [what, size, ids] of rows) {
    const all = ids.split(' ').map((text) => ({ id: Number(text[0]), host: text, seen: 1 }))
    const api = await reading(t, { offset: { parameter: 'at' } }, (query, count) => {
      const at = Number(query.get('at'))
      return { json: all.slice(count === 1 ? 0 : 1).slice(at, at + size) }
    })
    t.equal(await api.read(), all.length - 1, what)
    t.equal(api.requests[2]?.query.get('at'), '0', `${what}: it is read again`)
  }
  const changing = await reading(t, { offset: { parameter: 'at' } }, (query, seen) => ({
    json: cut(
      query,
      LIST.map((host, id) => ({ id, host, seen })),
    ),
  }))
  t.equal(await changing.read(), 5, 'one that changes, the only one of its id')
})

t.test('68: a source that is complete is read as it is', async (t) => {
  const server = await inventoryServer(t)
  const pages = [['a', 'b'], ['a'], ['a', 'c'], []]
  const requests = serveApi(server, ({ query }) => ({ json: pages[Number(query.get('at'))] }))
  const pagination = { page: { parameter: 'at', first: 0 } }
  const source = await httpSource(t, { url: server.url.href, pagination }, { complete: true })
  t.equal((await documentsOf(source)).length, 4)
  t.equal(requests.length, 4)
})
