/** How the bytes of a document are written. */
export interface Format {
  /** The name of one of the formats. */
  readonly kind: string
  /** What stands between two values, in tables; by default a comma. */
  readonly delimiter?: string | undefined
  /** The names of the columns of a table that has no row that names them. */
  readonly columns?: readonly string[] | undefined
  /** How the text is coded, by the names of the WHATWG Encoding Standard; by default UTF-8, or what a mark says. */
  readonly encoding?: string | undefined
}

/** JSON, what an HTTP API answers. */
export const JSON_FORMAT: Format = { kind: 'json' }

/** The headers of an answer: names in lower case, and what came several times joined with ", ". */
export type Headers = Readonly<Record<string, string>>

/** What an answer says beside its body. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
}

/** One piece of an inventory as it was read: an answer, a page of it, or a file. */
export interface Document {
  readonly bytes: Uint8Array
  readonly format: Format
  /** What messages call it: "the answer", "page 2", the path of a file. */
  readonly name: string
  /** Whether its first item is the last one of the document before it, as when pages overlap. */
  readonly isJoined?: boolean
  /** The list that it belongs to, of those that records are joined with; undefined: the records themselves. */
  readonly join?: string | undefined
  /** Undefined: it did not come over HTTP. */
  readonly answer?: Answer | undefined
}
