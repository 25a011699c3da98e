import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Files } from '../../src/base/files.ts'
import { createMetrics } from '../../src/base/metrics.ts'
import { Secret } from '../../src/base/secret.ts'
import { type Caller, readRegistration } from '../../src/model/registration.ts'
import { createPushReport } from '../../src/sources/push/report.ts'
import { createPushSource, type PushSource, type PushSourceOptions } from '../../src/sources/push/source.ts'
import { manualClock } from './clock.ts'
import { seriesValue } from './exposition.ts'
import { diskFiles } from './files.ts'
import { recordingLog } from './log.ts'

/** A push source called `devices`, in memory unless there is a folder, and what it reports; the test moves its clock. */
export function pushSource(
  t: Test,
  given: Partial<PushSourceOptions> = {},
  setup: { folder?: string | undefined; files?: Files; before?: PushSource } = {},
) {
  // Before there is a folder: what is registered first is done first, and a folder in use cannot be removed.
  t.teardown(() => source.close())
  const { folder = '', files = diskFiles, before } = setup
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
  const create = (more: Partial<PushSourceOptions> = {}, inherited = before?.registry) =>
    createPushSource(
      { kind: 'push', name: 'devices', ...options, ...more },
      { clock, files, storage, report },
      inherited,
    )
  const source = create()
  const path = join(folder, 'push', 'devices.journal')
  return {
    source,
    create,
    clock,
    folder,
    lines,
    messages,
    path,
    /** What the journal has of each instance that is registered. */
    journaled: () => (existsSync(path) ? replayed(readFileSync(path, 'utf8')) : undefined),
    /** Registers an address under its own name. */
    put: (id: string, body: object = {}, caller?: Caller, to = source) =>
      to.instances.register(id, readRegistration({ address: `${id}:9100`, ...body } as never), caller),
    read: (from = source) => from.read(new AbortController().signal),
    metric: async (name: string, labels = {}) =>
      seriesValue(await metrics.registry.metrics(), `rollcall_${name}`, { source: 'devices', ...labels }),
  }
}

/** The ids in what was read. */
export async function idsIn(reading: ReturnType<PushSource['read']>): Promise<string[]> {
  return (await recordsIn(reading)).map(({ id }) => id)
}

/** The records that a source gave. */
export async function recordsIn(
  reading: ReturnType<PushSource['read']>,
): Promise<{ readonly id: string; readonly address: string }[]> {
  const read = await reading
  if (read.kind === 'unchanged') throw new Error('documents were expected')
  return JSON.parse(Buffer.from(read.documents[0]?.bytes ?? []).toString())
}

/** The lines of the registrations that a journal comes to, by id. */
export function replayed(text: string): Record<string, Record<string, unknown>> {
  const instances: Record<string, Record<string, unknown>> = {}
  for (const line of text.trimEnd().split('\n').slice(1)) {
    const { id, left, ...rest } = JSON.parse(line)
    if (left === true) delete instances[id]
    else instances[id] = rest
  }
  return instances
}

/** A push source at work whose journal is empty, so that there is a list at once. */
export async function openSource(
  t: Test,
  given: Partial<PushSourceOptions> = {},
  setup: { folder?: string; files?: Files } = {},
) {
  const { folder = t.testdir() } = setup
  const path = join(folder, 'push', 'devices.journal')
  if (setup.files === undefined && !existsSync(path)) {
    mkdirSync(join(folder, 'push'), { recursive: true })
    writeFileSync(path, '{"format":2}\n')
  }
  const rig = pushSource(t, given, { ...setup, folder })
  await rig.source.open?.()
  let refreshes = 0
  rig.source.watch?.(() => refreshes++)
  return { ...rig, refreshes: () => refreshes }
}
