import type { Document, Headers } from '../../../model/document.ts'
import type { Json } from '../../../model/record.ts'

/** One page as it was read. */
export interface Page {
  readonly document: Document
  readonly headers: Headers
  /** Where it came from, after redirects. */
  readonly url: URL
}

/**
 * Looks something up in a page or in its headers; `name` is what messages call the page.
 * @throws RefreshError when it cannot
 */
export type Look<Found = Json> = (page: Json, name: string, headers: Headers) => Found

/** Where in a request a cursor, a page number or an offset is written: the query of the URL, or a JSON body. */
export type Place =
  | { readonly in: 'query'; readonly parameter: string }
  | { readonly in: 'body'; readonly path: readonly string[]; readonly body: Json }

/** How the next page is found. */
export type PageStyle =
  /** The `Link` header holds its URL. */
  | { readonly kind: 'link_header' }
  /** The page holds its URL. */
  | { readonly kind: 'next_url'; readonly value: Look }
  /** The page holds what to ask for it with. */
  | { readonly kind: 'cursor'; readonly value: Look; readonly place: Place }
  /** Pages are numbered, from `first`. */
  | { readonly kind: 'page'; readonly first: number; readonly place: Place }
  /** It begins after so many items, or with the last of them when pages overlap. */
  | {
      readonly kind: 'offset'
      readonly place: Place
      readonly isOverlapping: boolean
      /** How many items are asked for, when a range such as 0-49 is written instead of the offset. */
      readonly range: number | undefined
    }

/** How an inventory that comes in pages is read; every value resolved and checked. */
export interface Pagination {
  readonly style: PageStyle
  /** Reads a page, when something must be looked up in it. */
  readonly decode: (document: Document) => Json
  /** All items of a page; asked for only where items must be counted. */
  readonly items: Look<readonly Json[]>
  /** The list of a page, as far as it is found without being told; it is looked at to see whether it moves. */
  readonly list: (page: Json) => readonly Json[]
  /** How many items a page says that there are, by where it says so, when no expression does. */
  readonly totals: (page: Json, list: readonly Json[], headers: Headers) => ReadonlyMap<string, number>
  /** Whether what is read is known to be all: then it is not looked at to see whether it moves. */
  readonly isComplete: boolean
  /** How many items the inventory declares to have; undefined: it is not asked. */
  readonly total: Look | undefined
  /** Whether there is another page; undefined: the style tells. */
  readonly hasMore: Look | undefined
  /** More pages than this are a fault. */
  readonly maxPages: number
}

/** Pages when nothing else is configured. */
export const DEFAULT_MAX_PAGES = 1000
