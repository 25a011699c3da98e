import type { Family } from '../exposition.ts'

/**
 * One group of metrics, with node_exporter's name for it. It throws, or rejects, when its metrics are not
 * available; then it has none.
 */
export interface Collector {
  readonly name: string
  collect(): readonly Family[] | Promise<readonly Family[]>
}

/** Reads a file of a kernel file system such as /proc, which never blocks; throws the platform's errors. */
export type ReadFile = (path: string) => string

/** The lines of a text that are not empty. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}

/** The words of a line. */
export function wordsOf(line: string): string[] {
  return line.trim().split(/\s+/)
}

/**
 * Parses a number in a file of the kernel.
 * @param what names the value in an error
 * @throws Error when the text is not a number
 */
export function toNumber(text: string | undefined, what: string): number {
  const value = Number(text)
  if (text === undefined || text === '' || Number.isNaN(value)) {
    throw new Error(`${what}: ${JSON.stringify(text)} is not a number`)
  }
  return value
}
