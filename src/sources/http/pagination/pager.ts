import { RefreshError } from '../../../base/errors.ts'
import type { PageHabits } from './moves.ts'
import { firstLead, type Lead, nextLead } from './next-request.ts'
import type { Page, PageStyle, Pagination } from './options.ts'
import { createPageCount } from './page-count.ts'
import type { PageRequest } from './place.ts'

/** Goes from page to page of one reading. */
export interface Pager {
  readonly first: Lead
  /**
   * The way to what follows a page; undefined when it was the last one.
   * @throws RefreshError when the pages do not add up, or what is needed is not in the page
   */
  after(page: Page): Lead | undefined
  /** What to write when the inventory answers that the page which was asked for last is not there. */
  hint(): string
}

/** What a style goes by, and may come upon twice; page numbers only ever rise. */
const GOES_BY: Record<PageStyle['kind'], string> = {
  link_header: 'the URL of its next page',
  next_url: 'the URL of its next page',
  cursor: 'its cursor',
  page: 'its page number',
  offset: 'the offset after it',
}

/**
 * Creates the state machine of one reading; it does no I/O.
 * @param start the request as it is configured
 * @param habits what is known of its pages; it is kept for the next reading
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
      return `; if page ${count.pages()} was the last one, write in pagination has_more, an expression that is false there${suchAs}`
    },
    after(page) {
      const { name } = page.document
      // A list that fits on one page is left to those who read it in parts.
      const isAlone = count.pages() === 0 && !/next/i.test(page.headers.link ?? '')
      const content = looksInside || !isAlone ? pagination.decode(page.document) : null
      count.add(content, page, page.document.isJoined === true)
      const lead = nextLead({ pagination, start, page, content, count })
      if (lead === undefined) {
        count.assertComplete()
        return undefined
      }
      if (seen.has(lead.key)) {
        const told = `${name}: ${GOES_BY[style.kind]} was used already, so the pages would never end`
        throw new RefreshError('pagination', `${told}; check what pagination says of it`)
      }
      seen.add(lead.key)
      if (count.pages() < maxPages) return lead
      throw new RefreshError(
        'pagination',
        `there are more than ${maxPages} pages; ask for larger ones, or raise pagination.max_pages if there should be so many`,
      )
    },
  }
}
