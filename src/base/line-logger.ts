import { LOG_LEVELS, type LogLevel } from './logger.ts'
import { printable } from './printable.ts'

/** Logs an event: its details and a constant sentence; or the sentence alone. */
type Log = {
  (details: object, message: string): void
  (message: string): void
}

/** The part of the logger that small programs use. */
export type LineLogger = Readonly<Record<'info' | 'warn' | 'error' | 'fatal', Log>>

/**
 * A logger of JSON lines in the format of `createLogger`, without the library, which takes a tenth of the
 * memory that a sensor may use.
 * @param write takes one line with its end
 */
export function createLineLogger(level: LogLevel, write: (line: string) => void): LineLogger {
  const least = LOG_LEVELS.indexOf(level)
  const logAt = (name: LogLevel): Log => {
    if (LOG_LEVELS.indexOf(name) < least) return () => {}
    return (details: object | string, message?: string) => {
      const known = typeof details === 'string' ? {} : details
      const msg = typeof details === 'string' ? details : message
      const line = JSON.stringify({ level: name, time: new Date().toISOString(), ...known, msg }, plain)
      write(`${printable(line, '\\')}\n`)
    }
  }
  return { info: logAt('info'), warn: logAt('warn'), error: logAt('error'), fatal: logAt('fatal') }
}

/** Converts an error, which has no fields that JSON would show. */
function plain(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return { type: value.name, message: value.message, stack: value.stack }
}
