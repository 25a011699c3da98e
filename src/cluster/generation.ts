import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'
import type { Moment } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Change, SharedList } from '../refresh/sharing.ts'
import { type Held, type Roll, shiftedRoll } from '../roll/roll.ts'
import type { Absence } from '../roll/rules.ts'
import { type Snapshot, thaw } from '../snapshot/freeze.ts'
import type { Generation } from './store.ts'

// A generation as it is stored: a line of JSON and the numbers of the targets, four bytes each, the lowest first, behind
// a signature of all that. The groups of the list travel beside it, compressed as they are served.

/** The version of the format; a generation of a newer one is not read. */
const FORMAT = 1

/** The bytes of a signature (HMAC-SHA-256). */
const MAC_BYTES = 32

/** The line of JSON. Its times are on the clock of the store, in milliseconds. */
interface Head extends Pick<Roll, 'groups' | 'seen' | 'accepted' | 'history'> {
  readonly format: number
  readonly generation: number
  readonly digest: string
  /** The CRC-32 of the groups, and the SHA-256 of the compressed groups: nothing of the groups themselves is summed again. */
  readonly crc: number
  readonly packedDigest: string
  /** The length of the groups, in bytes. */
  readonly length: number
  readonly changedAtMs: number
  readonly lastSuccessMs: number
  readonly targets: number
  readonly absences: readonly Absence[]
  readonly held: readonly Held[]
  readonly change: Change
  /** Those that it has all of, the newest first; {@link NOTHING} is the last of them when the first is known. */
  readonly ancestors: readonly number[]
}

/** What was before a list that began without any: it has nothing of those that it does not name. */
export const NOTHING = 0

/** So many ancestors are told; who serves an older one was only slow. */
const MAX_ANCESTORS = 200

/** A list that was stored, and the generations before it. */
export interface StoredList extends SharedList {
  readonly ancestors: readonly number[]
}

/**
 * Whether a generation has all that another one has, which is served: otherwise both were made of an older one, and
 * what only one of them has must not vanish.
 */
export function descends(ancestors: readonly number[], served: number): boolean {
  return ancestors.includes(served) || ancestors.every((one) => one > served)
}

/** Who signs, and the time. */
export interface Signing {
  readonly source: string
  /** What all replicas know, and nobody else. */
  readonly key: string
  /** The same time on the clock of the store, in milliseconds, and on both of this process. */
  readonly storeMs: number
  readonly now: Moment
}

/** A generation that was stored cannot be used: why, for people. */
export class GenerationError extends Error {
  override readonly name = 'GenerationError'
  /** Whether a newer version of Rollcall wrote it. */
  readonly isNewer: boolean

  constructor(message: string, isNewer = false) {
    super(message)
    this.isNewer = isNewer
  }
}

/** What is stored of a list. */
export function encodeGeneration(
  list: SharedList,
  generation: number,
  ancestors: readonly number[],
  signing: Signing,
): Generation {
  const { snapshot, lastSuccess, change } = list
  const { keys, absenceOf, ...roll } = shiftedRoll(list.roll, signing.storeMs - signing.now.monotonicMs)
  const { groups, seen, accepted, history, absences, held } = roll
  const head: Head = {
    format: FORMAT,
    generation,
    digest: snapshot.digest,
    crc: snapshot.part.checksum.crc,
    packedDigest: digestOf(snapshot.part.deflated),
    length: snapshot.part.checksum.length,
    changedAtMs: snapshot.changedAtMs,
    lastSuccessMs: signing.storeMs - (signing.now.monotonicMs - lastSuccess.monotonicMs),
    targets: keys.length,
    ancestors: ancestors.slice(0, MAX_ANCESTORS),
    ...{ change, groups, seen, accepted, history, absences, held },
  }
  const said = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), asBuffer(keys), asBuffer(absenceOf)])
  return { generation, head: signed(said, signing), digest: snapshot.digest, list: snapshot.part.deflated }
}

/**
 * Reads what is stored of a list.
 * @param known the list of the same digest, when it is here already
 * @throws GenerationError when it is not what a replica with the same key wrote
 */
export async function decodeGeneration(
  { generation, head: bytes, digest, list }: Generation,
  known: Snapshot | undefined,
  signing: Signing,
): Promise<StoredList> {
  const said = saidIn(bytes, signing)
  if (said === undefined) throw new GenerationError('its signature is not that of this signing_key_file')
  const end = said.indexOf('\n') + 1
  const head = JSON.parse(said.toString('utf8', 0, end)) as Head
  const { format, changedAtMs, lastSuccessMs, targets, change, ancestors } = head
  if (format !== FORMAT)
    throw new GenerationError(
      `its format is ${format}, not ${FORMAT}: another version of Rollcall wrote it`,
      format > FORMAT,
    )
  if (head.generation !== generation || head.digest !== digest)
    throw new GenerationError('it is signed for another generation or list')
  const snapshot = known?.digest === digest ? changedAt(known, changedAtMs) : await readList(head, list)
  const numbers = new Uint8Array(said.subarray(end)).buffer
  const { groups, seen, accepted, history, absences, held } = head
  const stored: Roll = {
    ...{ groups, seen, accepted, history, absences, held },
    body: snapshot.body,
    keys: new Uint32Array(numbers, 0, targets),
    absenceOf: new Int32Array(numbers, 4 * targets),
  }
  const roll = shiftedRoll(stored, signing.now.monotonicMs - signing.storeMs)
  const ageMs = Math.max(0, signing.storeMs - lastSuccessMs)
  const { wallMs, monotonicMs } = signing.now
  const lastSuccess = { wallMs: wallMs - ageMs, monotonicMs: monotonicMs - ageMs }
  return { roll, snapshot, lastSuccess, change, ancestors }
}

/** A list that is here already; the very same, unless it was first served at another time. */
function changedAt(known: Snapshot, changedAtMs: number): Snapshot {
  return known.changedAtMs === changedAtMs ? known : { ...known, changedAtMs }
}

/** @throws GenerationError when it is not the list that was signed */
async function readList(head: Head, list: Buffer | undefined): Promise<Snapshot> {
  if (list === undefined) throw new GenerationError('its list is missing')
  if (digestOf(list) !== head.packedDigest)
    throw new GenerationError('its list is not the one that was signed')
  const { groups, targets, changedAtMs } = head
  try {
    return await thaw(list, head, { groups, targets }, changedAtMs)
  } catch (error) {
    throw new GenerationError(`its list cannot be read: ${messageOf(error)}`)
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function sign(said: Uint8Array, { source, key }: Signing): Buffer {
  return createHmac('sha256', key).update(`${source}\n`).update(said).digest()
}

/** What is said, behind its signature. */
export function signed(said: Uint8Array, signing: Signing): Buffer {
  return Buffer.concat([sign(said, signing), said])
}

/** What is said behind a signature; undefined when it is not signed with this key. */
export function saidIn(bytes: Buffer, signing: Signing): Buffer | undefined {
  const said = bytes.subarray(MAC_BYTES)
  const mac = bytes.subarray(0, MAC_BYTES)
  return mac.length === MAC_BYTES && timingSafeEqual(mac, sign(said, signing)) ? said : undefined
}
