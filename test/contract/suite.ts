import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import type { MappingOptions } from '../../src/mapping/mapping.ts'
import { compileTemplate } from '../../src/mapping/template.ts'
import { compilePlan } from '../../src/pipeline/plan.ts'
import type { Reading, Source, Version } from '../../src/sources/source.ts'
import { encodeGroups } from '../helpers/encode-groups.ts'
import { runPipeline } from '../helpers/pipeline.ts'

/** The most that the sources of the suite may read, in bytes. */
export const MAX_BYTES = 100_000

/** A record as the suite gives it to an inventory. */
export interface SuiteRecord {
  readonly host: string
  readonly port: number
  readonly site: string
}

/** One inventory of a test's own, and the source that reads it. */
export interface Rig {
  readonly source: Source
  /** From now on the inventory works, and holds these records. */
  put(records: readonly SuiteRecord[]): void | Promise<void>
  /** From now on it cannot be read. */
  break(): void
  /** From now on it says nothing; left out by inventories that cannot do so. */
  hang?(): void
  /** From now on it is larger than {@link MAX_BYTES}; left out by inventories that cannot be. */
  huge?(): void
  /** From now on it is something else than an inventory; left out by inventories that cannot be. */
  garbage?(): void
}

/** One kind of source; every kind passes the same checks. */
export interface SourceKind {
  readonly name: string
  /** Whether its records are target groups: `site` is a label of theirs then, not a field. */
  readonly groups?: true
  /** Whether its records have labels of their own, and `site` is one of them. */
  readonly ownLabels?: true
  create(t: Test): Promise<Rig>
}

const RECORDS: readonly SuiteRecord[] = [
  { host: 'a', port: 9100, site: 'x' },
  { host: 'b', port: 9200, site: 'x' },
  { host: 'c', port: 9100, site: 'y' },
]

const BYTES = `[
{"targets":["a:9100","b:9200"],"labels":{"__meta_rollcall_source":"s","site":"x"}},
{"targets":["c:9100"],"labels":{"__meta_rollcall_source":"s","site":"y"}}
]
`

/** Runs every check on one kind of source. */
export function checkSource(t: Test, kind: SourceKind): void {
  const labels = [['site', compileTemplate('{site}')]] as const
  const base = { source: 's', targets: [], metaLabels: false, defaultPort: 1 }
  const mapping: MappingOptions = kind.groups
    ? { ...base, labels: [], groupsOnly: true }
    : { ...base, ...(kind.ownLabels ? { labels: [], ownLabels: true } : { labels }) }
  const plan = compilePlan({ records: undefined, mapping, relabelConfigs: [] })
  const open = async (t: Test) => {
    const rig = await kind.create(t)
    t.teardown(() => rig.source.close())
    return rig
  }
  const read = (rig: Rig, since?: Version) => rig.source.read(new AbortController().signal, since)
  const groupsOf = (reading: Reading) => {
    if (reading.kind !== 'documents') throw new Error('documents were expected')
    return runPipeline(reading.documents, plan).groups
  }
  const bytesOf = async (rig: Rig) => encodeGroups(groupsOf(await read(rig))).toString()

  t.test('all records are read, and in any order they give the same bytes', async (t) => {
    const rig = await open(t)
    await rig.put(RECORDS)
    t.equal(await bytesOf(rig), BYTES)
    await rig.put(RECORDS.toReversed())
    t.equal(await bytesOf(rig), BYTES)
  })

  t.test('an empty inventory is documents without a record', async (t) => {
    const rig = await open(t)
    await rig.put([])
    t.same(groupsOf(await read(rig)), [])
  })

  t.test('unchanged is not empty', async (t) => {
    const rig = await open(t)
    await rig.put(RECORDS)
    const first = await read(rig)
    const version = first.kind === 'documents' ? first.version : undefined
    const second = await read(rig, version)
    if (second.kind === 'documents') t.equal(encodeGroups(groupsOf(second)).toString(), BYTES)
    else t.ok(version, 'it was asked about a version')
    await rig.put([])
    t.same(groupsOf(await read(rig, version)), [], 'and empty is not unchanged')
    await rig.put(RECORDS)
    t.equal(await bytesOf(rig), BYTES, 'without a version nothing is unchanged')
  })

  t.test('what cannot be read whole fails, and works again later', async (t) => {
    const rig = await open(t)
    await rig.put(RECORDS)
    await read(rig)
    rig.break()
    await t.rejects(read(rig), { name: 'RefreshError' })
    await rig.put(RECORDS)
    t.equal(await bytesOf(rig), BYTES)
  })

  t.test('16: more than the limit is not read', async (t) => {
    const rig = await open(t)
    if (rig.huge === undefined) return void t.pass('it cannot be')
    rig.huge()
    await t.rejects(read(rig), { name: 'RefreshError', reason: 'too_large' })
    await rig.put(RECORDS)
    t.equal(await bytesOf(rig), BYTES)
  })

  t.test('14, 15: something else than an inventory fails, and is never empty', async (t) => {
    const rig = await open(t)
    if (rig.garbage === undefined) return void t.pass('it cannot be')
    rig.garbage()
    const failed = bytesOf(rig).then(
      () => 'no failure',
      (error) => error.reason,
    )
    t.match(await failed, /^(parse|shape)$/)
  })

  t.test("11: the deadline ends a read with the signal's reason", async (t) => {
    const rig = await open(t)
    await rig.put(RECORDS)
    rig.hang?.()
    const reason = new Error('too late')
    const controller = new AbortController()
    const reading = rig.source.read(controller.signal)
    controller.abort(reason)
    const end = await Promise.race([
      reading.catch((error) => error),
      delay(5_000, 'still reading', { ref: false }),
    ])
    t.equal(end, reason)
    t.equal(await rig.source.read(controller.signal).catch((error) => error), reason, 'nor does it begin')
    await rig.put(RECORDS)
    t.equal(await bytesOf(rig), BYTES)
  })

  t.test('a source that is closed can be closed again', async (t) => {
    const rig = await open(t)
    await rig.put(RECORDS)
    await read(rig)
    rig.source.watch?.(() => {})
    await rig.source.close()
    await rig.source.close()
    await rig.source.remove?.()
    t.pass('closed twice')
  })
}
