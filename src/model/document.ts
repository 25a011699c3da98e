/** The format of a document. */
export interface Format {
  /** The name of the format. */
  readonly kind: string
  /** The delimiter of a table; by default a comma. */
  readonly delimiter?: string | undefined
  /** The names of the columns, for a table without a header row. */
  readonly columns?: readonly string[] | undefined
  /**
   * The encoding of the text, by its name in the WHATWG Encoding Standard; by default that of a byte order
   * mark, or UTF-8.
   */
  readonly encoding?: string | undefined
}

/** JSON, the format of an HTTP API. */
export const JSON_FORMAT: Format = { kind: 'json' }

/** The headers of a response: names in lower case, repeated headers joined with ", ". */
export type Headers = Readonly<Record<string, string>>

/** The status and headers of a response. */
export interface Answer {
  /** Its URL after redirects, without secrets. */
  readonly url?: string
  readonly status: number
  readonly headers: Headers
}

/** One document of an inventory: a response, a page of it, or a file. */
export interface Document {
  readonly bytes: Uint8Array
  readonly format: Format
  /** Its name in messages: "the answer", "page 2", the path of a file. */
  readonly name: string
  /** Whether its first item repeats the last one of the previous document, as in overlapping pages. */
  readonly isJoined?: boolean
  /** The joined list that it belongs to; undefined: it holds the records themselves. */
  readonly join?: string | undefined
  /** Undefined: it was not read over HTTP. */
  readonly answer?: Answer | undefined
  /** Set when its records were mapped while it arrived; then `bytes` is empty. */
  readonly streamed?: Streamed | undefined
}

/** What is known of the bytes of a document that is not in memory. */
export interface Streamed {
  readonly size: number
  /** Their SHA-256, in hex. */
  readonly digest: string
}
