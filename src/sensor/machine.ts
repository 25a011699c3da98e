import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { LineLogger } from '../base/line-logger.ts'
import type { Collector } from './collectors/collector.ts'
import { exposition, type Family } from './exposition.ts'

/** The resource metrics of a machine; several sensors of one process may share them. */
export interface Machine {
  /** The metrics in the text format. Concurrent calls share one collection. */
  metrics(): Promise<string>
}

/** The dependencies of a machine. */
export interface MachineDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Pick<LineLogger, 'info' | 'warn'>
}

/** The outcome of one collector. */
interface Result {
  readonly name: string
  readonly families: readonly Family[]
  readonly error: unknown
  readonly seconds: number
}

/**
 * Combines collectors: one that fails has no metrics and is reported as failed, and the others go on.
 * @param maxAgeMs for how long collected metrics are reused; 0: never
 */
export function createMachine(collectors: readonly Collector[], deps: MachineDeps, maxAgeMs = 0): Machine {
  const { clock } = deps
  const note = createNotes(deps)
  let collecting: Promise<string> | undefined
  let last: { readonly atMs: number; readonly text: string } | undefined

  async function collect(): Promise<string> {
    try {
      const results = await Promise.all(collectors.map((collector) => attempt(collector, clock)))
      for (const result of results) note(result)
      const text = exposition([...results.flatMap(({ families }) => families), ...describe(results)])
      last = { atMs: clock.monotonic(), text }
      return text
    } finally {
      collecting = undefined
    }
  }

  return {
    async metrics() {
      if (last !== undefined && clock.monotonic() - last.atMs < maxAgeMs) return last.text
      collecting ??= collect()
      return collecting
    },
  }
}

async function attempt({ name, collect }: Collector, clock: MachineDeps['clock']): Promise<Result> {
  const startMs = clock.monotonic()
  const ended = (families: readonly Family[], error?: unknown): Result => ({
    name,
    families,
    error,
    seconds: (clock.monotonic() - startMs) / 1000,
  })
  try {
    const collected = collect()
    // Synchronous collectors are timed without the time that others wait.
    return ended(collected instanceof Promise ? await collected : collected)
  } catch (error) {
    return ended([], error)
  }
}

/**
 * Logs a collector that begins to fail, or works again. One whose files do not exist on this machine is not
 * logged.
 */
function createNotes({ log }: MachineDeps): (result: Result) => void {
  const failing = new Set<string>()
  return ({ name, error }) => {
    const isMissing = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
    if (error === undefined) {
      if (failing.delete(name)) log.info({ collector: name }, 'a collector works again')
    } else if (!isMissing && !failing.has(name)) {
      failing.add(name)
      log.warn({ collector: name, error: messageOf(error) }, 'a collector fails; its metrics are left out')
    }
  }
}

function describe(results: readonly Result[]): Family[] {
  const family = (name: string, help: string, value: (result: Result) => number): Family => ({
    name: `node_scrape_collector_${name}`,
    type: 'gauge',
    help,
    series: results.map((result) => ({ labels: { collector: result.name }, value: value(result) })),
  })
  return [
    family('duration_seconds', 'Duration of a collector scrape.', ({ seconds }) => seconds),
    family('success', 'Whether a collector succeeded.', ({ error }) => Number(error === undefined)),
  ]
}
