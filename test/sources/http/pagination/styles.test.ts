import t, { type Test } from 'tap'
import type { Source } from '../../../../src/sources/source.ts'
import { type ApiAnswer, httpSource, serveApi } from '../../../helpers/http-source.ts'
import { type InventoryServer, inventoryServer } from '../../../helpers/inventory-server.ts'

const PAGE_SIZE = 2

/** One way to page: what the configuration says, and how the API knows and tells which page it is. */
interface Style {
  readonly pagination: Record<string, unknown>
  /** Which page a request asks for, from 0. */
  asked(query: URLSearchParams): number
  /** What leads from a page to another one; undefined: to none. Numbered pages lead to themselves. */
  lead(to: number | undefined, origin: string): { readonly json?: object; readonly link?: string }
}

const number = (query: URLSearchParams, name: string) => Number(query.get(name) ?? 0)

const STYLES: Record<string, Style> = {
  link_header: {
    pagination: { link_header: true },
    asked: (query) => number(query, 'page'),
    lead: (to, origin) => (to === undefined ? {} : { link: `<${origin}/list?page=${to}>; rel="next"` }),
  },
  next_url: {
    pagination: { next_url: 'next' },
    asked: (query) => number(query, 'page'),
    lead: (to, origin) => ({ json: { next: to === undefined ? null : `${origin}/list?page=${to}` } }),
  },
  cursor: {
    pagination: { cursor: { value: 'next', parameter: 'after' } },
    asked: (query) => number(query, 'after'),
    lead: (to) => ({ json: { next: to ?? null } }),
  },
  page: {
    pagination: { page: { parameter: 'page', first: 0 } },
    asked: (query) => number(query, 'page'),
    lead: () => ({}),
  },
  offset: {
    pagination: { offset: { parameter: 'offset', overlap: false } },
    asked: (query) => number(query, 'offset') / PAGE_SIZE,
    lead: () => ({}),
  },
}

interface Api {
  readonly items: readonly string[]
  /** How many pages lead to another one; by default all but the last that has items. */
  readonly pages?: number
  /** What a page answers instead. */
  readonly instead?: (page: number) => ApiAnswer | undefined
  /** Where a page leads to instead. */
  readonly leadTo?: (page: number) => number
  /** The origin in the URLs of next pages. */
  readonly origin?: string
  readonly total?: number
}

/** A source that reads a real API in one style. */
async function open(t: Test, style: Style, api: Api) {
  const server: InventoryServer = await inventoryServer(t)
  const pages = api.pages ?? Math.ceil(api.items.length / PAGE_SIZE)
  const requests = serveApi(server, ({ query }) => {
    const page = style.asked(query)
    const replaced = api.instead?.(page)
    if (replaced !== undefined) return replaced
    const next = api.leadTo?.(page) ?? (page + 1 < pages ? page + 1 : undefined)
    const { json = {}, link } = style.lead(next, api.origin ?? server.url.origin)
    const items = api.items.slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    const answer = { json: { items, total: api.total ?? api.items.length, ...json } }
    return link === undefined ? answer : { ...answer, headers: { link } }
  })
  const pagination = { ...style.pagination, items: 'items', total: 'total' }
  return { requests, source: await httpSource(t, { url: `${server.url.origin}/list`, pagination }) }
}

async function itemsOf(source: Source): Promise<string[]> {
  const reading = await source.read(new AbortController().signal)
  if (reading.kind !== 'documents') throw new Error(reading.kind)
  return reading.documents.flatMap(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).items)
}

const FIVE = ['a', 'b', 'c', 'd', 'e']

for (const [name, style] of Object.entries(STYLES)) {
  t.test(`${name}: three pages are read whole, in their order`, async (t) => {
    const { source } = await open(t, style, { items: FIVE })
    t.same(await itemsOf(source), FIVE)
    t.same(await itemsOf(source), FIVE, 'and again')
  })

  t.test(`${name}: an empty last page is the end`, async (t) => {
    const { source, requests } = await open(t, style, { items: FIVE.slice(0, 4), pages: 3 })
    t.same(await itemsOf(source), FIVE.slice(0, 4))
    t.equal(requests.length, 3)
  })

  t.test(`20: ${name}: a failure on page two fails all of it`, async (t) => {
    for (const [instead, reason] of [
      [{ status: 500 }, 'http_status'],
      [{ text: '<html>' }, 'parse'],
    ] as const) {
      const { source } = await open(t, style, {
        items: FIVE,
        instead: (page) => (page === 1 ? instead : undefined),
      })
      await t.rejects(itemsOf(source), { reason, message: /^page 2/ })
    }
  })

  t.test(`21: ${name}: pages that repeat are noticed, not followed for ever`, async (t) => {
    const { source, requests } = await open(t, style, {
      items: FIVE,
      leadTo: () => 1,
      instead: (page) =>
        ['page', 'offset'].includes(name) && page > 0 ? { json: { items: ['a', 'b'], total: 5 } } : undefined,
    })
    await t.rejects(itemsOf(source), {
      reason: 'pagination',
      message: /repeats an earlier one|the same items/,
    })
    t.ok(requests.length <= 3)
  })

  t.test(`23: ${name}: fewer items than the declared total are refused`, async (t) => {
    const { source } = await open(t, style, { items: FIVE, total: 6 })
    await t.rejects(itemsOf(source), { reason: 'pagination', message: /received 5 of 6 items/ })
  })
}

t.test('22: a next link to another origin is refused, and nobody else is asked', async (t) => {
  const other = await inventoryServer(t)
  for (const name of ['link_header', 'next_url']) {
    const style = STYLES[name] as Style
    const { source } = await open(t, style, { items: FIVE, origin: other.url.origin })
    await t.rejects(itemsOf(source), { reason: 'pagination', message: /another origin than that of url/ })
  }
  t.equal(other.requests.length, 0)
})
