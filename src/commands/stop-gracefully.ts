import closeWithGrace from 'close-with-grace'
import type { OwnFiles } from '../base/files.ts'
import type { LineLogger } from '../base/line-logger.ts'

/**
 * Ends the process on a signal within the timeout, even if something hangs; a second signal ends it at once. Operations
 * on file systems that hang are abandoned.
 * @param skip signals that mean something else
 */
export function stopGracefully(
  service: { stop(): Promise<void> },
  {
    shutdownTimeoutMs,
    drainDelayMs,
    files,
  }: {
    readonly shutdownTimeoutMs: number
    readonly drainDelayMs: number
    readonly files: Pick<OwnFiles, 'close' | 'underWay'>
  },
  log: LineLogger,
  skip: 'SIGHUP'[] = [],
): void {
  closeWithGrace(
    {
      delay: shutdownTimeoutMs,
      skip,
      logger: {
        error: (message?: unknown) =>
          log.error({ reason: message }, 'stopped before everything was finished'),
      },
    },
    async ({ signal, err }) => {
      if (err !== undefined) {
        // The state is unknown: exit with an error, without a drain.
        log.fatal({ err }, 'unexpected error, stopping')
        return
      }
      log.info({ signal, drainDelayMs }, 'stopping')
      // SIGINT comes from a person at a terminal.
      if (signal === 'SIGINT')
        log.info('requests are still answered; a second Ctrl-C ends the process at once')
      await service.stop()
      await files.close()
      const paths = files.underWay()
      if (paths.length > 0) log.warn({ paths }, 'not waiting for file systems that hang; check their mounts')
      log.info('stopped')
    },
  )
}
