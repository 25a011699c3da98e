import { asBuffer } from '../base/bytes.ts'
import type { Labels } from './labels.ts'
import type { TargetGroup } from './target-group.ts'

/** One group of an encoded list. */
export interface EncodedGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** An encoded list as it is written: one group a line, without what stands between them. */
export type Lines = readonly string[]

/** An empty list, which Prometheus reads as "delete every target". */
const EMPTY = '[]'

/** What stands before the targets of a group, and between its targets and its labels; a text in either has a backslash before its `"`. */
const TARGETS = '{"targets":'
const LABELS = '],"labels":'

/**
 * Encodes groups as the JSON that `http_sd_configs` and `file_sd_configs` read: each group exactly
 * `targets` and `labels`, one group a line so that grep and diff work on it.
 */
export function encodeGroups(groups: readonly TargetGroup[]): Buffer {
  return encodeLines(groups.map(({ targets, labels }) => lineOf(targets, encodeLabels(labels))))
}

/** Pairs are written one by one: an object would lose a label called __proto__ and reorder numbers. */
export function encodeLabels(labels: Labels): string {
  return `{${labels.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
}

/** Writes a group as one line. */
export function lineOf(targets: readonly string[], labels: string): string {
  return `${TARGETS}${JSON.stringify(targets)},"labels":${labels}}`
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

/** The targets of a line. */
export function targetsIn(line: string): readonly string[] {
  return JSON.parse(line.slice(TARGETS.length, line.indexOf(LABELS) + 1))
}

/** How many targets a line has. Without a quotation mark in a text, which has a backslash before it, `","` stands only between two. */
export function countIn(line: string): number {
  if (line.includes('\\"')) return targetsIn(line).length
  const end = line.indexOf(LABELS)
  let count = 1
  // After the first quotation mark: a text may be nothing but a comma.
  for (
    let at = line.indexOf('","', TARGETS.length + 2);
    at !== -1 && at < end;
    at = line.indexOf('","', at + 3)
  )
    count++
  return count
}

/** The group that is written in a line. */
export function parseLine(line: string): EncodedGroup {
  return JSON.parse(line)
}

/** The groups of an encoded list. */
export function groupsIn(body: Uint8Array): readonly EncodedGroup[] {
  return JSON.parse(textOf(body))
}

function textOf(body: Uint8Array): string {
  return asBuffer(body).toString()
}
