import type { Format } from '../model/document.ts'
import type { Json } from '../model/record.ts'

/** All that is known of one format of documents. A new one is a file with this, and its line in `decode.ts`. */
export interface FormatRules {
  /** How the names of such files end, in lower case. */
  readonly extensions: readonly string[]
  /** The `Accept` header; it ends with any type, since many servers do not know the right one. */
  readonly accept: string
  /** Whether a document that was cut cannot be read any more; otherwise it may look like a shorter list. */
  readonly failsWhenCut: boolean
  /**
   * The most bytes that are worked on in the main thread: about 10 ms of work, less than it takes to start a thread
   * (`npm run bench` shows both).
   */
  readonly inlineBytes: number
  /**
   * Reads one document.
   * @param name what messages call it
   * @throws RefreshError `parse` that says what is wrong, and where
   */
  decode(text: string, name: string, format: Format): Json
}
