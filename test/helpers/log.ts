import { pino } from 'pino'

/** A real logger whose lines a test can read. */
export function recordingLog(level = 'info') {
  const lines: Record<string, unknown>[] = []
  const log = pino(
    { level, base: null, timestamp: false },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  return { log, lines, messages: () => lines.map((line) => line.msg) }
}
