import { RefreshError } from '../../../base/errors.ts'
import type { HttpAnswer } from '../requester.ts'
import { findNextLink } from './link-header.ts'

type Headers = HttpAnswer['headers']

/** The items that are in an answer, and how many there are: `items 0-11/20`. */
const CONTENT_RANGE = /^\s*\S+\s+(\d+)-(\d+)\/(\d+)\s*$/

/**
 * Looks at the headers of an answer that is believed to be all: one page of several must not be taken for the whole
 * inventory.
 * @param name what messages call the answer
 * @throws RefreshError `pagination`
 */
export function assertAll(headers: Headers, name: string): void {
  const sign = nextLinkIn(headers, name) ?? nextPageIn(headers) ?? rangeIn(headers)
  if (sign === undefined) return
  throw new RefreshError(
    'pagination',
    `${name} seems to be one page of several: ${sign}. Say in a configuration file how the next page is found (pagination), such as pagination: {link_header: true}, or ask for all in one page`,
  )
}

/** A header that is malformed matters only where it may lead to another page. */
function nextLinkIn({ link }: Headers, name: string): string | undefined {
  if (!/next/i.test(String(link)) || findNextLink(link, name) === undefined) return undefined
  return 'its header Link has a link to the next one (rel="next")'
}

function nextPageIn(headers: Headers): string | undefined {
  if (Number(headers['x-next-page']) > 0) return 'its header X-Next-Page names the next one'
  return Number(headers['x-total-pages']) > 1 ? 'its header X-Total-Pages says how many there are' : undefined
}

function rangeIn(headers: Headers): string | undefined {
  const range = CONTENT_RANGE.exec(String(headers['content-range']))
  if (range === null) return undefined
  const [first, last, total] = range.slice(1).map(Number) as [number, number, number]
  return last - first + 1 < total ? `its header Content-Range says that there are ${total}` : undefined
}
