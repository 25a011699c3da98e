import { type Part, packArchive } from '../../src/backup/archive.ts'
import { sha256 } from '../../src/base/bytes.ts'
import { sealedValue } from '../../src/base/sealed-file.ts'
import { createPacker } from '../../src/pipeline/pack.ts'
import { filesOf, originOf } from '../../src/roll/kept.ts'
import { openRoll } from '../../src/roll/roll.ts'
import { encodeJournal } from '../../src/sources/push/journal.ts'
import { momentOf } from './clock.ts'
import { occasionAt } from './occasion.ts'

/** The files of a source with these targets, that was read a second after the epoch. */
export async function filesOfSource(name: string, targets: readonly string[]): Promise<Part[]> {
  const packer = createPacker()
  for (const [index, address] of targets.entries()) packer.add({ address, labels: [] }, index + 1)
  const reading = { ...packer.pack(), unreadable: new Set<number>(), keyless: 0, idle: 0, isAtRest: true }
  const { roll } = openRoll(reading, occasionAt(0))
  const list = { roll, digest: await sha256([roll.body]), changedAtMs: 500, lastSuccessMs: 1_000 }
  return filesOf(name, originOf(['here']), list, momentOf(0))
}

/** The journal of a push source with these lines. */
export async function journalOf(name: string, lines: readonly string[]): Promise<Part> {
  return { path: `push/${name}.journal`, pieces: [await encodeJournal(lines)] }
}

/** A file of JSON as it is kept. */
export async function keptValue(path: string, value: unknown): Promise<Part> {
  return { path, pieces: await sealedValue(value) }
}

/** A backup with these files. */
export async function backupOf(parts: readonly Part[], key?: string, atMs = 0): Promise<Buffer> {
  return Buffer.concat(await (await packArchive(parts, { rollcall: '1.2.3', atMs }, key)).toArray())
}
