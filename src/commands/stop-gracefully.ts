import closeWithGrace from 'close-with-grace'
import type { LineLogger } from '../base/line-logger.ts'

/**
 * Ends the process on a signal, in time whatever hangs; a second signal ends it at once.
 * @param skip signals that mean something else
 */
export function stopGracefully(
  service: { stop(): Promise<void> },
  times: { readonly shutdownTimeoutMs: number; readonly drainDelayMs: number },
  log: LineLogger,
  skip: 'SIGHUP'[] = [],
): void {
  closeWithGrace(
    {
      delay: times.shutdownTimeoutMs,
      skip,
      logger: {
        error: (message?: unknown) =>
          log.error({ reason: message }, 'stopped before everything was finished'),
      },
    },
    async ({ signal, err }) => {
      if (err !== undefined) {
        // Nothing is known about the state any more: no drain, out with an error.
        log.fatal({ err }, 'unexpected error, stopping')
        return
      }
      log.info({ signal, drainDelayMs: times.drainDelayMs }, 'stopping')
      await service.stop()
      log.info('stopped')
    },
  )
}
