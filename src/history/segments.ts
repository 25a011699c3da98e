import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'
import type { TargetEvent } from '../model/history.ts'

/** The limits of size and age. */
export interface Retention {
  readonly maxAgeMs: number
  readonly maxBytes: number
}

/** The dependencies of segments. */
export interface SegmentsDeps {
  readonly files: Pick<Files, 'read' | 'write' | 'append' | 'remove' | 'list' | 'look'>
  readonly clock: Pick<Clock, 'now'>
}

/** The text of a segment, and the largest id that an event in an older segment can have. */
export interface Piece {
  readonly text: string
  readonly mark: number
}

/**
 * Events in files, one line of JSON each. Files are only appended to. An incomplete last line is ignored, and the next event
 * starts a new file. The oldest files are deleted, so that all together stay within the limits of size and, roughly, of age.
 * Events can arrive out of the order of their ids, because those of other replicas may be late.
 */
export interface Segments {
  /** Reads the files of an earlier process. Call it once, first, and again after a failure. */
  open(): Promise<void>
  /** The largest id of all events; 0: there are none. */
  lastId(): number
  bytes(): number
  /**
   * Appends events. After a failure some may have been written; appending again then writes these twice.
   * @throws Error when they may not be on disk
   */
  append(events: readonly TargetEvent[]): Promise<void>
  /** The segments that may have events since a time, the newest file first. */
  read(sinceMs: number): AsyncIterable<Piece>
  /** The files of the folder. */
  parts(): Promise<{ readonly path: string; readonly pieces: readonly Uint8Array[] }[]>
}

interface Segment {
  readonly name: string
  /** The largest id and time that an event in an older file can have: usually those of the first event. */
  readonly mark: number
  readonly markMs: number
  bytes: number
}

/** Its marks. */
const NAME = /^(\d{16})-(\d{13})\.jsonl$/
const TEMPORARY = /^\d{16}-\d{13}\.jsonl\.[0-9a-f-]{36}\.tmp$/

/** The limits of one file: a share of all, by size and by age, and a size in bytes, because it is read at once. */
const SIZE_SHARE = 8
const AGE_SHARE = 30
const MAX_SEGMENT_BYTES = 2 ** 20

/** Creates the segments of a folder, which may not exist yet. */
export function createSegments(
  folder: string,
  { maxAgeMs, maxBytes }: Retention,
  { files, clock }: SegmentsDeps,
): Segments {
  const segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.floor(maxBytes / SIZE_SHARE))
  // From the first event of a file to its last, when they are in order.
  const spanMs = maxAgeMs / AGE_SHARE
  // Oldest first.
  let segments: Segment[] = []
  let lastId = 0
  let lastAtMs = 0
  // Whether the newest file ends with a complete line.
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
      found.push({ name, mark: Number(id), markMs: Number(atMs), bytes: Number(look.size) })
    }
    return found
  }

  /** Makes room for new bytes. */
  async function prune(bytes: number): Promise<void> {
    const expiredMs = clock.now() - maxAgeMs - spanMs
    for (let [oldest] = segments; oldest !== undefined; [oldest] = segments) {
      if (total() + bytes <= maxBytes && oldest.markMs >= expiredMs) return
      await files.remove(join(folder, oldest.name))
      segments = segments.slice(1)
    }
  }

  async function write(events: readonly TargetEvent[], body: Buffer): Promise<void> {
    await prune(body.length)
    const [first] = events as readonly [TargetEvent]
    // Even if the clock was ahead for a while, no file is kept for longer.
    const markMs = Math.max(0, Math.floor(Math.max(first.atMs, Math.min(lastAtMs, clock.now()))))
    if (!(await tryAppend(body, markMs))) {
      const mark = Math.max(first.id, lastId, (segments.at(-1)?.mark ?? 0) + 1)
      const name = `${String(mark).padStart(16, '0')}-${String(markMs).padStart(13, '0')}.jsonl`
      await files.write(join(folder, name), body, { makeFolder: true })
      segments.push({ name, mark, markMs, bytes: body.length })
      isWhole = true
    }
    note(events)
  }

  function note(events: Iterable<TargetEvent>): void {
    for (const { id, atMs } of events) {
      lastId = Math.max(lastId, id)
      lastAtMs = Math.max(lastAtMs, atMs)
    }
  }

  /** @returns false when a new file is needed */
  async function tryAppend(body: Buffer, atMs: number): Promise<boolean> {
    const newest = segments.at(-1)
    if (newest === undefined || !isWhole || newest.bytes + body.length > segmentBytes) return false
    if (atMs - newest.markMs > spanMs) return false
    newest.bytes += body.length
    try {
      await files.append(join(folder, newest.name), body)
      return true
    } catch {
      // The file may now end with part of a line, or be missing.
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
      // Without a readable line its name has the bounds.
      lastId = newest.mark
      lastAtMs = newest.markMs
      note(eventsIn(text))
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
        const [first] = batch
        const isLong = first !== undefined && event.atMs - first.atMs > spanMs
        if (isLong || (size > 0 && size + line.length > segmentBytes)) {
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
    async *read(sinceMs) {
      let untilMs = sinceMs
      for (const { name, mark, markMs } of [...segments].reverse()) {
        if (untilMs < sinceMs) return
        untilMs = markMs
        const bytes = await files.read(join(folder, name))
        if (bytes !== undefined) yield { text: bytes.toString(), mark }
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
 * The events of a segment, newest first. A bad line is ignored.
 * @param isWanted checks a line before it is parsed
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
