import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Files } from '../../src/base/files.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { Secret } from '../../src/base/secret.ts'
import { readRegistration } from '../../src/model/registration.ts'
import { createPushReport } from '../../src/sources/push/report.ts'
import { createPushSource, type PushSource, type PushSourceOptions } from '../../src/sources/push/source.ts'
import { manualClock } from './clock.ts'
import { seriesValue } from './exposition.ts'
import { diskFiles } from './files.ts'
import { recordingLog } from './log.ts'

/** A push source called `devices` over a real folder, and what it tells; the test moves its clock. */
export function pushSource(
  t: Test,
  given: Partial<PushSourceOptions> = {},
  setup: { folder?: string | undefined; files?: Files; before?: PushSource } = {},
) {
  // Before there is a folder: what is registered first is done first, and a folder in use cannot be removed.
  t.teardown(() => source.close())
  const { folder = t.testdir(), files = diskFiles, before } = setup
  const clock = manualClock()
  const metrics = createMetrics('test')
  const { log, lines, messages } = recordingLog()
  const options = {
    token: Secret.of('right'),
    ttlMs: 90_000,
    maxTtlMs: 3_600_000,
    maxInstances: 100,
    ...given,
  }
  const storage = folder === '' ? undefined : { folder }
  const report = createPushReport('devices', metrics, log)
  const create = (more: Partial<PushSourceOptions> = {}, inherited = before?.register) =>
    createPushSource(
      { kind: 'push', name: 'devices', ...options, ...more },
      { clock, files, storage, report },
      inherited,
    )
  const source = create()
  const path = join(folder, 'push', 'devices.json')
  return {
    source,
    create,
    clock,
    folder,
    lines,
    messages,
    path,
    kept: () => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).instances : undefined),
    /** Registers an address under its own name. */
    put: (id: string, body: Record<string, string> = {}, to = source) =>
      to.instances.register(id, readRegistration({ address: `${id}:9100`, ...body })),
    read: (from = source) => from.read(new AbortController().signal),
    metric: async (name: string, labels = {}) =>
      seriesValue(await metrics.registry.metrics(), `rollcall_${name}`, { source: 'devices', ...labels }),
  }
}

/** The ids in what was read. */
export async function idsIn(reading: ReturnType<PushSource['read']>): Promise<string[]> {
  const read = await reading
  if (read.kind === 'unchanged') throw new Error('documents were expected')
  const text = Buffer.from(read.documents[0]?.bytes ?? []).toString()
  return (JSON.parse(text) as { id: string }[]).map(({ id }) => id)
}
