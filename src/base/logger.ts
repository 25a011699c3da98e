import type { Logger, LoggerOptions } from 'pino'
import { printable } from './printable.ts'

export type { Logger }

/** The log levels, least to most severe; as in Prometheus, plus `fatal` and `silent` of pino. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** `auto` is `pretty` on a terminal and `json` elsewhere. */
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/**
 * A logger that writes to standard error, so that standard output stays for results.
 * JSON lines carry `level` as a word and `time` in RFC 3339, which log shippers read as they are.
 */
export async function createLogger(level: LogLevel, format: LogFormat): Promise<Logger> {
  // Loaded only here: this module also defines the levels, and a sensor must not spend memory on the library.
  // From the default export: bundled, a CommonJS package that is loaded late has no others.
  const { pino } = (await import('pino')).default
  const options: LoggerOptions = { level, base: null }
  if (format === 'pretty' || (format === 'auto' && process.stderr.isTTY)) {
    // Loaded only here: a server that logs JSON never pays for the formatter.
    const { build } = await import('pino-pretty')
    return pino(
      { ...options, hooks: { streamWrite: (line) => harmless(line, '\\\\') } },
      build({
        destination: 2,
        sync: true,
        translateTime: 'SYS:HH:MM:ss.l',
        singleLine: true,
        errorLikeObjectKeys: [], // the text of an error stays in its line
      }),
    )
  }
  return pino(
    {
      ...options,
      hooks: { streamWrite: (line) => harmless(line, '\\') },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  )
}

/**
 * Escapes characters that JSON allows but a terminal obeys or takes for a line end, such as U+009B.
 * @param backslash how one is written: doubled if the line is parsed again before it is shown
 */
function harmless(line: string, backslash: string): string {
  return `${printable(line.slice(0, -1), backslash)}\n`
}
