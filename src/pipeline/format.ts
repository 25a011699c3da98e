import type { Format } from '../model/document.ts'
import type { Json } from '../model/record.ts'

/** The rules of one document format. A new format is a file with its rules, and its line in `decode.ts`. */
export interface FormatRules {
  /** The extensions of such files, in lower case. */
  readonly extensions: readonly string[]
  /** The `Accept` header; it ends with any type, since many servers do not know the right one. */
  readonly accept: string
  /** Whether decoding fails on a truncated document; otherwise it may look like a shorter list. */
  readonly failsWhenCut: boolean
  /**
   * The largest document that is decoded in the main thread, in bytes: about 10 ms of work, less than it
   * takes to start a thread (`npm run bench` shows both).
   */
  readonly inlineBytes: number
  /**
   * Decodes one document.
   * @param name its name in messages
   * @throws RefreshError `parse` that says what is wrong, and where
   */
  decode(text: string, name: string, format: Format): Json
}
