import type { Document, Headers } from '../../../model/document.ts'
import type { Json } from '../../../model/record.ts'

/** One page that was read. */
export interface Page {
  readonly document: Document
  readonly headers: Headers
  /** The URL of the page, after redirects. */
  readonly url: URL
}

/**
 * Looks up a value in a page or in its headers; `name` names the page in messages.
 * @throws RefreshError when the lookup fails
 */
export type Look<Found = Json> = (page: Json, name: string, headers: Headers) => Found

/** Where a request has the cursor, the page number or the offset: in the query of the URL, or in a JSON body. */
export type Place =
  | { readonly in: 'query'; readonly parameter: string }
  | { readonly in: 'body'; readonly path: readonly string[]; readonly body: Json }

/** How the next page is found. */
export type PageStyle =
  /** The `Link` header holds its URL. */
  | { readonly kind: 'link_header' }
  /** The page holds its URL. */
  | { readonly kind: 'next_url'; readonly value: Look }
  /** The page holds the cursor of the next one. */
  | { readonly kind: 'cursor'; readonly value: Look; readonly place: Place }
  /** Pages are numbered, from `first`. */
  | { readonly kind: 'page'; readonly first: number; readonly place: Place }
  /** A page begins after an offset of items, or with the last of them when pages overlap. */
  | {
      readonly kind: 'offset'
      readonly place: Place
      readonly isOverlapping: boolean
      /** The number of items to request, when a range such as 0-49 is sent instead of the offset. */
      readonly range: number | undefined
    }

/** The settings to read an inventory page by page, resolved and checked. */
export interface Pagination {
  readonly style: PageStyle
  /** Decodes a page, when a value must be looked up in it. */
  readonly decode: (document: Document) => Json
  /** All items of a page; called only where items must be counted. */
  readonly items: Look<readonly Json[]>
  /** The list of a page, found without configuration; used to detect that the list moves. */
  readonly list: (page: Json) => readonly Json[]
  /** The totals that a page declares, by the place of each; used when no expression is configured. */
  readonly totals: (page: Json, list: readonly Json[], headers: Headers) => ReadonlyMap<string, number>
  /** Whether the list is known to be complete: then nothing checks whether it moves. */
  readonly isComplete: boolean
  /** The total number of items that the inventory declares; undefined: not configured. */
  readonly total: Look | undefined
  /** Whether there is another page; undefined: the style decides. */
  readonly hasMore: Look | undefined
  /** More pages than this fail the refresh. */
  readonly maxPages: number
}

/** The default limit of pages. */
export const DEFAULT_MAX_PAGES = 1000
