import { type Logger, type LoggerOptions, pino } from 'pino'

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
  const options: LoggerOptions = { level, base: null }
  if (format === 'pretty' || (format === 'auto' && process.stderr.isTTY)) {
    // Loaded only here: a server that logs JSON never pays for the formatter.
    const { build } = await import('pino-pretty')
    return pino(
      options,
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
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    pino.destination({ dest: 2, sync: true }),
  )
}
