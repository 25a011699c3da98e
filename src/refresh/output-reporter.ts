import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import type { OutputKind, OutputReporter } from './outputs.ts'

/** Tells how the writes of one source went: in a metric, and in the log when that changes. */
export function createOutputReporter(
  labels: { readonly source: string },
  writeFailures: Metrics['source']['writeFailures'],
  log: Logger,
): OutputReporter {
  const failing = new Set<OutputKind>()
  const replaced = new Set<OutputKind>()

  return {
    written(file, wasReplaced) {
      if (failing.delete(file)) log.info({ file }, 'file written again')
      if (!wasReplaced) return void replaced.delete(file)
      if (!replaced.has(file)) {
        const error =
          'it was removed or replaced; each Rollcall needs a file_sd and a --storage.path of its own'
        log.warn({ file, error }, 'file was not as it was left; written again')
      }
      replaced.add(file)
    },
    writeFailed(file, error) {
      writeFailures.inc({ ...labels, file })
      if (!failing.has(file)) {
        log.warn({ file, error: messageOf(error) }, 'file not written; check its folder and the disk')
      }
      failing.add(file)
    },
  }
}
