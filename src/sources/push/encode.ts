import { createYielder } from '../../base/yielding.ts'
import type { Registration } from '../../model/registration.ts'

/** How many lines are joined at a time. */
const SLICE = 1_000

/** The record of an instance, as JSON. */
export function encodeRecord(id: string, { address, host, port, labels }: Registration): string {
  return JSON.stringify({ id, address, host, port, labels })
}

/** An instance as it is kept on disk, as JSON: all that its registration says. */
export function encodeKept(id: string, { address, labels }: Registration, ttlMs: number): string {
  return JSON.stringify({ id, ttl_ms: ttlMs, address, labels })
}

/** Joins the lines of a list, with commas between them; the more there are, the more often others get their turn. */
export async function joinLines(before: string, lines: readonly string[], after: string): Promise<Buffer> {
  const yieldAfter = createYielder()
  const pieces = [Buffer.from(before)]
  for (let start = 0; start < lines.length; start += SLICE) {
    const text = lines.slice(start, start + SLICE).join(',\n')
    const piece = Buffer.from(start === 0 ? text : `,\n${text}`)
    pieces.push(piece)
    await yieldAfter(piece.byteLength)
  }
  return Buffer.concat([...pieces, Buffer.from(after)])
}
