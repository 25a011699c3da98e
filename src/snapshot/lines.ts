/** One group of an encoded list. */
export interface EncodedGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** An encoded list as it is written: one group a line, without what stands between them. */
export type Lines = readonly string[]

/** An empty list, which Prometheus reads as "delete every target". */
const EMPTY = '[]'

/** What stands between the targets and the labels of a group; a text in either has a backslash before its `"`. */
const LABELS = '],"labels":'

/** Writes a group as one line. */
export function lineOf(targets: readonly string[], labels: string): string {
  return `{"targets":${JSON.stringify(targets)},"labels":${labels}}`
}

/** The encoded list of these lines. */
export function encodeLines(lines: Lines): Buffer {
  return Buffer.from(lines.length === 0 ? EMPTY : `[\n${lines.join(',\n')}\n]\n`)
}

/** The lines of an encoded list. */
export function linesOf(body: Uint8Array): Lines {
  const lines = textOf(body).split('\n')
  return lines.slice(1, -2).map((line) => (line.endsWith(',') ? line.slice(0, -1) : line))
}

/** The labels of a line, still encoded. */
export function labelsIn(line: string): string {
  return line.slice(line.indexOf(LABELS) + LABELS.length, -1)
}

/** The group that is written in a line. */
export function parseLine(line: string): EncodedGroup {
  return JSON.parse(line)
}

/** The groups of an encoded list. */
export function groupsIn(body: Uint8Array): readonly EncodedGroup[] {
  return JSON.parse(textOf(body))
}

/** Joins encoded lists into one encoded list, without decoding them. */
export function joinEncoded(bodies: readonly Buffer[]): Buffer {
  const filled = bodies.filter((body) => body.byteLength > EMPTY.length)
  if (filled.length === 0) return Buffer.from(EMPTY)
  const pieces = filled.flatMap((body, index) => [
    Buffer.from(index === 0 ? '[\n' : ',\n'),
    body.subarray(2, body.byteLength - 3),
  ])
  return Buffer.concat([...pieces, Buffer.from('\n]\n')])
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
}
