import t from 'tap'
import type { Json } from '../../src/model/record.ts'
import { createSelect, RECORDS } from '../../src/pipeline/select.ts'

type Around = Record<string, Json>

const select = createSelect(undefined)
const twelve = Array.from({ length: 12 }, (_, index) => `sensor_${index}`)

const PARTS: [around: Around, sign: string][] = [
  [{ total: '20' }, 'total'],
  [{ meta: { page: { total: 20 } } }, 'meta.page.total'],
  [{ meta: { page: { totalElements: 20 } } }, 'meta.page.totalElements'],
  [{ response: { numFound: 20 } }, 'response.numFound'],
  [{ numFound: 20 }, 'numFound'],
  [{ total: { value: 20, relation: 'eq' } }, 'total'],
  [{ '@odata.count': 20 }, '@odata.count'],
  [{ remaining: 8 }, 'remaining'],
  [{ metadata: { remainingItemCount: 8 } }, 'metadata.remainingItemCount'],
  [{ next_offset: 12 }, 'next_offset'],
  [{ nextPageStart: 12 }, 'nextPageStart'],
  [{ NextMarker: 'sensor_12' }, 'NextMarker'],
  [{ next_page_url: '/?page=2' }, 'next_page_url'],
  [{ meta: { pagination: { next: '/?page=2' } } }, 'meta.pagination.next'],
  [{ _links: { next: { href: '/?page=2' } } }, '_links.next'],
  [{ has_more: 'true' }, 'has_more'],
  [{ more: true }, 'more'],
  [{ isLastPage: false }, 'isLastPage'],
  [{ isLast: false }, 'isLast'],
  [{ last: 'False' }, 'last'],
  [{ done: false }, 'done'],
  [{ truncated: true }, 'truncated'],
  [{ IsTruncated: 'true' }, 'IsTruncated'],
  [{ partial: true }, 'partial'],
  [{ incomplete: true }, 'incomplete'],
  [{ incomplete_results: true }, 'incomplete_results'],
  [{ timed_out: true }, 'timed_out'],
  [{ page: 1, pages: 2 }, 'pages'],
  [{ page: 0, pages: 2 }, 'pages'],
  [{ page: 2, pages: 2 }, 'pages'],
  [{ page: '1', page_count: '2' }, 'page_count'],
  [{ current_page: 1, last_page: 2 }, 'last_page'],
  [{ pageNumber: 1, totalPages: 2, total: 12 }, 'totalPages'],
  [{ meta: { pagination: { page: 1, total_pages: 2 } } }, 'meta.pagination.total_pages'],
  [{ total_pages: 2 }, 'total_pages'],
  [{ total_pages: 2, per_page: 12 }, 'total_pages'],
]

t.test('a part of an inventory that says that it is one is refused, wherever it says so', async (t) => {
  for (const [around, sign] of PARTS) {
    const document = { ...around, devices: twelve }
    t.throws(
      () => select(document, 'the answer'),
      {
        reason: 'pagination',
        message: `the answer seems to be one page of several: it has 12 records, and ${sign} says that there are more. Say in a configuration file how the next page is found (pagination), or, if these are all, where the records are (records)`,
      },
      JSON.stringify(around),
    )
    const paged = createSelect(undefined, { ...RECORDS, isPaged: true })
    t.equal(paged(document, 'page 1').length, 12, 'with pagination configured it is fine')
    const configured = createSelect((found) => (found as { devices: Json }).devices)
    t.equal(configured(document, 'the answer').length, 12, 'and with records configured too')
  }
})

t.test('an answer that is whole is never refused', async (t) => {
  const rows: Around[] = [
    { total: 12, count: 12, page: 1, pages: 1, per_page: 50, next: null, prev: null, has_more: false },
    { total: '12', truncated: false, remaining: 0, next_offset: null, isLastPage: true, partial: 'false' },
    { total: { value: 12, relation: 'eq' }, timed_out: false },
    { total: 'many', count: { of: 'what' }, remaining: null, pages: 'all', page: 'first' },
    { page: 0, totalPages: 1, number: 0, last: true },
    { meta: { page: { total: 12 }, pagination: { next: null, total_pages: 1 } } },
    { links: { next: null, last: '/?page=1' }, _links: { next: { href: null } } },
    { nextPageStart: -1, next_offset: '0', NextMarker: '', IsTruncated: 'false', incomplete_results: false },
    { current_page: 1, last_page: 1, next_page_url: null },
    { total: 12, total_pages: 2 },
    { pages: 40, page_count: 12 },
    { marker: 'sensor_0', cursor: 'abc', done: true, limit: 100, offset: 0 },
    { rate_limit: { remaining: 4999, total: 5000 }, quota: { remaining: 3 } },
    { a: { b: { c: { total: 20, next: '/2' } } } },
  ]
  for (const around of rows) {
    t.equal(select({ ...around, devices: twelve }, 'the answer').length, 12, JSON.stringify(around))
  }
  const says = { total: 20, next: '/2', has_more: true, page: 1, pages: 2 }
  t.equal(select({ devices: [says, says] }, 'the answer').length, 2, 'records are never looked into')
  t.equal(select([says], 'the answer').length, 1)
})
