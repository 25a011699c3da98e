import { RefreshError } from '../../../base/errors.ts'
import type { PageHabits } from './moves.ts'
import { firstLead, type Lead, nextLead } from './next-request.ts'
import type { Page, PageStyle, Pagination } from './options.ts'
import { createPageCount } from './page-count.ts'
import type { PageRequest } from './place.ts'

/** Steps through the pages of one reading. */
export interface Pager {
  readonly first: Lead
  /**
   * The request for the next page; undefined when this page was the last one.
   * @throws RefreshError when the pages are inconsistent, or a value is missing from the page
   */
  after(page: Page): Lead | undefined
  /** The advice when the inventory answers that the last requested page does not exist. */
  hint(): string
}

/** The value that may repeat, by style. A page number cannot: it only rises. */
const GOES_BY: Record<PageStyle['kind'], string> = {
  link_header: 'the URL of its next page',
  next_url: 'the URL of its next page',
  cursor: 'its cursor',
  page: 'its page number',
  offset: 'the offset after it',
}

/**
 * Creates the state machine of one reading; it does no I/O.
 * @param start the configured request
 * @param habits what earlier readings showed; updated for the next one
 */
export function createPager(pagination: Pagination, start: PageRequest, habits: PageHabits): Pager {
  const { style, maxPages } = pagination
  const looksInside = style.kind !== 'link_header' || pagination.total !== undefined
  const count = createPageCount(pagination, habits)
  const first = firstLead(style, start)
  const seen = new Set([first.key])

  return {
    first,
    hint() {
      const isTold = pagination.hasMore !== undefined || count.pages() === 0
      if (isTold || (style.kind !== 'page' && style.kind !== 'offset')) return ''
      const example = count.endsWith()
      const suchAs = example === undefined ? '' : `, such as: has_more: "${example}"`
      return `; if page ${count.pages()} was the last one, add has_more to pagination, an expression that is false on that page${suchAs}`
    },
    after(page) {
      const { name } = page.document
      // A list that fits on one page is not decoded here: the parser that reads it in pieces does that.
      const isAlone = count.pages() === 0 && !/next/i.test(page.headers.link ?? '')
      const content = looksInside || !isAlone ? pagination.decode(page.document) : null
      count.add(content, page, page.document.isJoined === true)
      const lead = nextLead({ pagination, start, page, content, count })
      if (lead === undefined) {
        count.assertComplete()
        return undefined
      }
      if (seen.has(lead.key)) {
        const told = `${name}: ${GOES_BY[style.kind]} repeats an earlier one, so the pages would never end`
        throw new RefreshError('pagination', `${told}; check its key in pagination`)
      }
      seen.add(lead.key)
      if (count.pages() < maxPages) return lead
      throw new RefreshError(
        'pagination',
        `there are more than ${maxPages} pages; request larger pages, or raise pagination.max_pages if this is expected`,
      )
    },
  }
}
