import { formatDuration } from '../model/duration.ts'

/** Says on a terminal what is waited for. */
export interface Progress {
  /** One source more is waited for. */
  begin(name: string): void
  end(name: string): void
}

/** What progress needs of a stream; a terminal has columns. */
export interface Terminal {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** What takes no longer than this, in milliseconds, is not worth a line. */
const QUIET_MS = 1_000

/** Back to the beginning of the line, and nothing behind. */
const CLEAR = '\r\u001b[K'

/** Nothing is said where nobody watches. */
const SILENT: Progress = { begin: () => {}, end: () => {} }

/**
 * Shows what is waited for, and since when, on one line that is cleared at the end.
 * @param everyMs how often the line is renewed
 */
export function createProgress(terminal: Terminal, everyMs = QUIET_MS): Progress {
  if (terminal.isTTY !== true) return SILENT
  const waitsFor = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let seconds = 0
  let isShown = false

  function show(): void {
    seconds += everyMs / 1000
    isShown = true
    const names = [...waitsFor].join(', ')
    const line = `reading ${names}: ${formatDuration(Math.round(seconds) * 1000)}`
    terminal.write(CLEAR + line.slice(0, (terminal.columns ?? 80) - 1))
  }

  return {
    begin(name) {
      waitsFor.add(name)
      timer ??= setInterval(show, everyMs).unref()
    },
    end(name) {
      waitsFor.delete(name)
      if (waitsFor.size > 0) return
      clearInterval(timer)
      timer = undefined
      if (isShown) terminal.write(CLEAR)
      isShown = false
    },
  }
}
