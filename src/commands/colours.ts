import { styleText } from 'node:util'

type Style = 'green' | 'red' | 'yellow' | 'bold' | 'dim'

/** What lines that commands print are painted with, by how they begin. */
const STYLES: readonly (readonly [begins: RegExp, style: Style])[] = [
  [/^SUCCESS: /, 'green'],
  [/^(?:FAILED|ERROR): /, 'red'],
  [/^WARNING: /, 'yellow'],
  [/^rollcall: /, 'red'],
  [/^[\w-]+: failed after /, 'red'],
  [/^[\w-]+: record \d+/, 'yellow'],
  [/^ {2}quarantined /, 'red'],
  [/^ {2}verdict /, 'bold'],
  [/^ {2}(?:labels|record|final) /, 'dim'],
  [/^(?:SOURCE +ADDRESS|QUARANTINED$)/, 'bold'],
]

/**
 * Paints what a command prints, where a person reads it at a terminal.
 * @param stream where it goes; with NO_COLOR, or where it is no terminal, nothing is painted
 */
export function painted(text: string, stream: NodeJS.WritableStream): string {
  return text
    .split('\n')
    .map((line) => {
      const style = STYLES.find(([begins]) => begins.test(line))?.[1]
      return style === undefined ? line : styleText(style, line, { stream })
    })
    .join('\n')
}
