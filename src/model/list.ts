import { asBuffer } from '../base/bytes.ts'
import type { Labels } from './labels.ts'

/** One group of an encoded list. */
export interface EncodedGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** The groups of an encoded list, one a line, without separators. */
export type Lines = readonly string[]

/** An empty list, which Prometheus reads as "delete every target". */
export const EMPTY = '[]'

/** The text before, between and after the lines of any other list. A line has no line break in it. */
export const BEFORE = '[\n'
export const BETWEEN = ',\n'
export const AFTER = '\n]\n'

/** A list is decoded in pieces of at least this many bytes. */
const TEXT_BYTES = 65_536

/**
 * The text before the targets of a group, and between its targets and its labels. It cannot occur in a JSON
 * string, where each `"` has a backslash before it.
 */
const TARGETS = '{"targets":'
const LABELS = '],"labels":'

/** Each pair is encoded by itself: an object would lose a label named __proto__ and reorder numbers. */
export function encodeLabels(labels: Labels): string {
  return `{${labels.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
}

/** Encodes a group as one line. */
export function lineOf(targets: readonly string[], labels: string): string {
  return lineWith(JSON.stringify(targets), labels)
}

/**
 * Encodes a group as one line.
 * @param targets as JSON
 */
export function lineWith(targets: string, labels: string): string {
  return `${TARGETS}${targets},"labels":${labels}}`
}

/**
 * Joins lines to an encoded list: the JSON that `http_sd_configs` and `file_sd_configs` read, one group a line so that grep
 * and diff work on it. Unless it is empty, all threads share its memory: it travels between them without being
 * copied. The lines are written to their places one by one, since as one text they would be in memory once more.
 */
export function encodeLines(lines: Lines): Buffer {
  if (lines.length === 0) return Buffer.from(EMPTY)
  const size = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + BETWEEN.length, 0)
  const body = Buffer.from(new SharedArrayBuffer(BEFORE.length + size - BETWEEN.length + AFTER.length))
  let at = body.write(BEFORE)
  for (const [index, line] of lines.entries()) {
    if (index > 0) at += body.write(BETWEEN, at)
    at += body.write(line, at)
  }
  body.write(AFTER, at)
  return body
}

/** Splits an encoded list into lines. */
export function linesOf(body: Uint8Array): Lines {
  return [...eachLine(body)]
}

/** Yields the lines of an encoded list. It is decoded in pieces, since it may be large. */
export function* eachLine(body: Uint8Array): Generator<string> {
  const bytes = asBuffer(body)
  const end = bytes.length - AFTER.length
  for (let at = BEFORE.length; at < end; ) {
    const next = bytes.indexOf(BETWEEN, Math.min(end, at + TEXT_BYTES))
    const to = next === -1 ? end : next
    yield* bytes.toString('utf8', at, to).split(BETWEEN)
    at = to + BETWEEN.length
  }
}

/** The encoded labels of a line. */
export function labelsIn(line: string): string {
  return line.slice(line.indexOf(LABELS) + LABELS.length, -1)
}

/** The targets of a line. */
export function targetsIn(line: string): readonly string[] {
  return JSON.parse(line.slice(TARGETS.length, line.indexOf(LABELS) + 1))
}

/**
 * Counts the targets of a line. Unless a text contains a quotation mark, which is escaped, `","` occurs only
 * between two targets.
 */
export function countIn(line: string): number {
  if (line.includes('\\"')) return targetsIn(line).length
  const end = line.indexOf(LABELS)
  let count = 1
  // Starts after the first quotation mark: a text may be a single comma.
  for (
    let at = line.indexOf('","', TARGETS.length + 2);
    at !== -1 && at < end;
    at = line.indexOf('","', at + 3)
  )
    count++
  return count
}

/** Parses a line. */
export function parseLine(line: string): EncodedGroup {
  return JSON.parse(line)
}

/** Parses an encoded list. */
export function groupsIn(body: Uint8Array): readonly EncodedGroup[] {
  return JSON.parse(textOf(body))
}

function textOf(body: Uint8Array): string {
  return asBuffer(body).toString()
}
