import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Draft } from '../model/history.ts'
import { GenerationError, type Signing, saidIn, signed } from './generation.ts'
import type { StoredEvents } from './store.ts'

// The events of a generation as they are stored: a line with its number, and JSON, compressed, behind a signature of all
// that. The line begins as no list does, which the same key signs.

/** The most that the events of one generation have uncompressed, in bytes. */
const MAX_BYTES = 64 * 2 ** 20

/** What is stored of events. */
export function encodeEvents(events: readonly Draft[], generation: number, signing: Signing): Buffer {
  const said = Buffer.concat([Buffer.from(lineOf(generation)), deflateRawSync(JSON.stringify(events))])
  return signed(said, signing)
}

/**
 * Reads what is stored of events.
 * @throws GenerationError when it is not what a replica with the same key wrote
 */
export function decodeEvents({ generation, events }: StoredEvents, signing: Signing): readonly Draft[] {
  const said = saidIn(events, signing)
  const line = lineOf(generation)
  if (said?.toString('latin1', 0, line.length) !== line)
    throw new GenerationError('the signature of its events is not that of this signing_key_file')
  const json = inflateRawSync(said.subarray(line.length), { maxOutputLength: MAX_BYTES })
  return JSON.parse(json.toString()) as Draft[]
}

const lineOf = (generation: number) => `events ${generation}\n`
