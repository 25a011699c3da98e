import { makeParts, type Parts, type View } from './view.ts'

/** What a thread needs to make the parts of a list. */
export interface PartsTask {
  readonly body: Uint8Array
  readonly labels: View['labels']
  readonly shards: number
}

/** The work of {@link makeParts} in a thread of its own. */
export function makePartsInThread({ body, labels, shards }: PartsTask): Parts {
  return makeParts(body, labels, shards)
}
