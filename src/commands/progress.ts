import { formatDuration } from '../model/duration.ts'

/** Shows on a terminal which sources are being read. */
export interface Progress {
  /** Adds a source that is being read. */
  begin(name: string): void
  end(name: string): void
}

/** The parts of a stream that progress uses; a terminal has columns. */
export interface Terminal {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** Reads that are shorter than this, in milliseconds, show no line. */
const QUIET_MS = 1_000

/** Moves to the beginning of the line and clears it. */
const CLEAR = '\r\u001b[K'

/** No progress is shown when the output is not a terminal. */
const SILENT: Progress = { begin: () => {}, end: () => {} }

/**
 * Shows the sources that are being read, and for how long, on one line that is cleared at the end.
 * @param everyMs the interval of updates
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
