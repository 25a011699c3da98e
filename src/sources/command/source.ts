import type { Clock } from '../../base/clock.ts'
import { codeOf, fileReason, messageOf, RefreshError } from '../../base/errors.ts'
import { createMutex } from '../../base/mutex.ts'
import { printable, shownValue } from '../../base/printable.ts'
import { createRedactor } from '../../base/redactor.ts'
import type { Secret } from '../../base/secret.ts'
import type { Format } from '../../model/document.ts'
import { maskText } from '../../model/mask-text.ts'
import { formatSize } from '../../model/size.ts'
import { gunzipped } from '../gunzip.ts'
import type { Source } from '../source.ts'
import { type Ended, run } from './run.ts'

/** The settings of a command source, resolved and checked. */
export interface CommandOptions {
  readonly kind: 'command'
  /** The program and its arguments. */
  readonly argv: readonly string[]
  /** The complete environment of the program. */
  readonly env: Readonly<Record<string, string | Secret>>
  /** Its working directory. */
  readonly folder: string
  readonly format: Format
  /** Limit for its output, in bytes. */
  readonly maxBytes: number
}

/** The default limit for the output, in bytes. */
export const DEFAULT_MAX_OUTPUT_BYTES = 256 * 2 ** 20

/** How much of standard error a message shows, in UTF-16 units. */
const MAX_SHOWN = 300

/** Appended to the message about output that is too large. */
const ADVICE = '; raise max_size if this is expected'

/** Creates a command source. One program runs at a time, and no process is left when a read has ended. */
export function createCommandSource(options: CommandOptions, { clock }: { readonly clock: Clock }): Source {
  const { argv, folder, format, maxBytes } = options
  const name = shownValue(argv[0])
  const redactor = createRedactor()
  const mutex = createMutex()
  const closing = new AbortController()

  async function environment(): Promise<Record<string, string>> {
    const entries = Object.entries(options.env).map(
      async ([key, value]) =>
        [key, typeof value === 'string' ? value : await redactor.reveal(value)] as const,
    )
    return Object.fromEntries(await Promise.all(entries))
  }

  async function readOnce(signal: AbortSignal): Promise<Buffer> {
    const program = { argv, env: await environment(), folder, maxBytes }
    const ended = await run(program, clock, signal).catch((error) => {
      throw signal.aborted ? signal.reason : notStarted(name, error)
    })
    const errors = shortened(maskText(redactor.redact(ended.errors), () => {}))
    const fault = faultOf(ended, maxBytes)
    if (fault !== undefined)
      throw new RefreshError(fault.reason, `${name} ${fault.message}${errors}${fault.advice}`)
    return gunzipped(ended.output, `the output of ${name}`, maxBytes, ADVICE)
  }

  return {
    async read(signal) {
      const either = AbortSignal.any([signal, closing.signal])
      const bytes = await mutex(() => readOnce(either))
      return { kind: 'documents', documents: [{ bytes, format, name: `the output of ${name}` }] }
    },
    redact: (text) => redactor.redact(text),
    async close() {
      closing.abort(new RefreshError('command', `${name} was ended because its source is closed`))
      await mutex(async () => {})
    },
  }
}

function notStarted(name: string, error: unknown): RefreshError {
  const why =
    codeOf(error) === 'ENOENT' ? 'it was not found; install it, or write its full path' : messageOf(error)
  const reason = fileReason(error) === 'local' ? 'local' : 'command'
  return new RefreshError(reason, `${name} cannot be started: ${why}`, { cause: error })
}

interface Fault {
  readonly reason: 'command' | 'too_large'
  readonly message: string
  readonly advice: string
}

/** Why the output of a program cannot be used; undefined: it can. */
function faultOf({ status, signal, isTooMuch, hasLeftOthers }: Ended, maxBytes: number): Fault | undefined {
  if (isTooMuch)
    return { reason: 'too_large', message: `wrote more than ${formatSize(maxBytes)}`, advice: ADVICE }
  if (signal !== null) return { reason: 'command', message: `was ended by ${signal}`, advice: '' }
  if (status !== 0) return { reason: 'command', message: `ended with exit status ${status}`, advice: '' }
  if (!hasLeftOthers) return undefined
  const message = 'left processes behind, which were ended'
  return { reason: 'command', message, advice: '; let it wait for the processes that it starts' }
}

/** The standard error of a program on one line, to append to a message; empty when there was none. */
function shortened(errors: string): string {
  const line = printable(errors.replace(/\s+/g, ' ').trim())
  if (line === '') return ''
  if (line.length <= MAX_SHOWN) return `: ${line}`
  const half = MAX_SHOWN / 2
  return `: ${line.slice(0, half).toWellFormed()} … ${line.slice(-half).toWellFormed()}`
}
