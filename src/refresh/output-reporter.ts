import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Store } from '../snapshot/store.ts'
import type { Output, OutputKind, OutputReporter } from './outputs.ts'

/** What is to be known of a source whose files are reported on. */
interface Reported {
  readonly name: string
  readonly outputs: readonly Pick<Output, 'kind' | 'path'>[]
}

interface OutputReporterDeps {
  readonly store: Pick<Store, 'setFileError'>
  readonly writeFailures: Metrics['source']['writeFailures']
  readonly log: Logger
}

/** Tells how the files of one source are: in its state, in a metric, and in the log when that changes. */
export function createOutputReporter({ name, outputs }: Reported, deps: OutputReporterDeps): OutputReporter {
  const { store, writeFailures, log } = deps
  const failing = new Set<OutputKind>()
  const replaced = new Set<OutputKind>()

  function noteError(file: OutputKind, error: unknown) {
    const path = outputs.find(({ kind }) => kind === file)?.path
    const message = messageOf(error)
    store.setFileError(name, file, { path, error: message })
    return { path, error: message }
  }

  return {
    written(file, wasReplaced) {
      store.setFileError(name, file, undefined)
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
      writeFailures.inc({ source: name, file })
      const noted = noteError(file, error)
      if (!failing.has(file)) log.warn({ file, ...noted }, 'file not written; check its folder and the disk')
      failing.add(file)
    },
    notRestored(error) {
      log.warn(noteError('storage', error), 'the list that was kept on disk is not used')
    },
  }
}
