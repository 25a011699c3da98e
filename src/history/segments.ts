import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { TargetEvent } from '../model/history.ts'

/** How much is kept, and for how long. */
export interface Retention {
  readonly maxAgeMs: number
  readonly maxBytes: number
}

/** What segments need from outside. */
export interface SegmentsDeps {
  readonly files: Pick<Files, 'read' | 'write' | 'append' | 'remove' | 'list' | 'look'>
  readonly clock: Pick<Clock, 'now'>
}

/** The text of a segment, of which only events with a smaller id count. */
export interface Piece {
  readonly text: string
  readonly before: number
}

/**
 * Events in files, a line of JSON each. A file is only appended to; a line that a process did not finish is left out,
 * and the next event begins another file. The oldest files are deleted, so that all of them together are never larger,
 * nor much older, than they may be.
 */
export interface Segments {
  /** Finds what an earlier process wrote; to be called once, first, again after it failed. */
  open(): Promise<void>
  /** The id of the newest event; 0: there is none. */
  lastId(): number
  bytes(): number
  /**
   * Appends events, in order of their ids.
   * @throws Error when they may not be on disk
   */
  append(events: readonly TargetEvent[]): Promise<void>
  /** What there may be of events before an id that are not older than a time, the newest first. */
  read(before: number, sinceMs: number): AsyncIterable<Piece>
  /** The files, as they are in the folder. */
  parts(): Promise<{ readonly path: string; readonly pieces: readonly Uint8Array[] }[]>
}

interface Segment {
  readonly name: string
  readonly firstId: number
  readonly firstAtMs: number
  bytes: number
}

/** The id and the time of its first event. */
const NAME = /^(\d{16})-(\d{13})\.jsonl$/
const TEMPORARY = /^\d{16}-\d{13}\.jsonl\.[0-9a-f-]{36}\.tmp$/

/** A file takes at most such a share of all, of size and of age, and at most so many bytes: it is read in one go. */
const SIZE_SHARE = 8
const AGE_SHARE = 30
const MAX_SEGMENT_BYTES = 2 ** 20

/** Creates the segments of a folder, which need not be there. */
export function createSegments(
  folder: string,
  { maxAgeMs, maxBytes }: Retention,
  { files, clock }: SegmentsDeps,
): Segments {
  const segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.floor(maxBytes / SIZE_SHARE))
  // From the first event of a file to its last.
  const spanMs = maxAgeMs / AGE_SHARE
  // The oldest first.
  let segments: Segment[] = []
  let lastId = 0
  // Whether the newest one ends with a whole line.
  let isWhole = false

  const total = () => segments.reduce((sum, { bytes }) => sum + bytes, 0)

  async function find(): Promise<Segment[]> {
    const names = await files.list(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    for (const name of names) if (TEMPORARY.test(name)) await files.remove(join(folder, name))
    const found: Segment[] = []
    for (const name of names.sort()) {
      const [, id, atMs] = NAME.exec(name) ?? []
      const look = id === undefined ? undefined : await files.look(join(folder, name))
      if (look === undefined) continue
      found.push({ name, firstId: Number(id), firstAtMs: Number(atMs), bytes: Number(look.size) })
    }
    return found
  }

  /** Makes room for so many bytes. */
  async function prune(bytes: number): Promise<void> {
    const expiredMs = clock.now() - maxAgeMs - spanMs
    for (let [oldest] = segments; oldest !== undefined; [oldest] = segments) {
      if (total() + bytes <= maxBytes && oldest.firstAtMs >= expiredMs) return
      await files.remove(join(folder, oldest.name))
      segments = segments.slice(1)
    }
  }

  async function write(events: readonly TargetEvent[], body: Buffer): Promise<void> {
    const [first] = events as readonly [TargetEvent]
    await prune(body.length)
    if (!(await tryAppend(body))) {
      const atMs = String(Math.max(0, Math.floor(first.atMs))).padStart(13, '0')
      const name = `${String(first.id).padStart(16, '0')}-${atMs}.jsonl`
      await files.write(join(folder, name), body, { makeFolder: true })
      segments.push({ name, firstId: first.id, firstAtMs: first.atMs, bytes: body.length })
      isWhole = true
    }
    lastId = first.id + events.length - 1
  }

  /** @returns false when another file has to be begun */
  async function tryAppend(body: Buffer): Promise<boolean> {
    const newest = segments.at(-1)
    if (newest === undefined || !isWhole || newest.bytes + body.length > segmentBytes) return false
    if (clock.now() - newest.firstAtMs > spanMs) return false
    newest.bytes += body.length
    try {
      await files.append(join(folder, newest.name), body)
      return true
    } catch {
      // A part of a line may be there now, or the file may be missing.
      isWhole = false
      return false
    }
  }

  return {
    async open() {
      segments = await find()
      const newest = segments.at(-1)
      if (newest === undefined) return
      const text = (await files.read(join(folder, newest.name)))?.toString() ?? ''
      // Without a readable line its name says what its first event was.
      lastId = eventsIn(text).next().value?.id ?? newest.firstId
      isWhole = text.endsWith('\n')
      await prune(0)
    },
    lastId: () => lastId,
    bytes: total,
    async append(events) {
      let batch: TargetEvent[] = []
      let lines: Buffer[] = []
      let size = 0
      for (const event of events) {
        const line = Buffer.from(`${JSON.stringify(event)}\n`)
        if (size > 0 && size + line.length > segmentBytes) {
          await write(batch, Buffer.concat(lines))
          batch = []
          lines = []
          size = 0
        }
        batch.push(event)
        lines.push(line)
        size += line.length
      }
      if (batch.length > 0) await write(batch, Buffer.concat(lines))
    },
    async *read(before, sinceMs) {
      let next: Pick<Segment, 'firstId' | 'firstAtMs'> | undefined
      for (const segment of [...segments].reverse()) {
        // Of what was written in part, and then again, the file that came later counts.
        const end = Math.min(before, next?.firstId ?? before)
        if ((next?.firstAtMs ?? sinceMs) < sinceMs) return
        next = segment
        if (segment.firstId >= before) continue
        const bytes = await files.read(join(folder, segment.name))
        if (bytes !== undefined) yield { text: bytes.toString(), before: end }
      }
    },
    async parts() {
      const parts = []
      for (const { name } of [...segments]) {
        const bytes = await files.read(join(folder, name))
        if (bytes !== undefined) parts.push({ path: name, pieces: [bytes] })
      }
      return parts
    },
  }
}

/**
 * The events of a segment, the newest first. A line that is none is left out.
 * @param isWanted looks at a line before it is parsed
 */
export function* eventsIn(
  text: string,
  isWanted = (_line: string) => true,
): Generator<TargetEvent, undefined> {
  let end = text.lastIndexOf('\n')
  while (end > 0) {
    const start = text.lastIndexOf('\n', end - 1) + 1
    const line = text.slice(start, end)
    const event = isWanted(line) ? parse(line) : undefined
    if (event !== undefined) yield event
    end = start - 1
  }
  return undefined
}

function parse(line: string): TargetEvent | undefined {
  try {
    const event = JSON.parse(line) as TargetEvent | null
    return typeof event?.id === 'number' && typeof event.address === 'string' ? event : undefined
  } catch {
    return undefined
  }
}
