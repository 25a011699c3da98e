import { styleText } from 'node:util'

type Style = 'green' | 'red' | 'yellow' | 'bold' | 'dim'

/** The style of printed lines, by their beginning. */
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
 * Colours the output of a command on a terminal.
 * @param stream the output; with NO_COLOR, or when it is not a terminal, the text is unchanged
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
