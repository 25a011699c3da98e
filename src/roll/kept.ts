import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { asBuffer, sha256 } from '../base/bytes.ts'
import type { FileMark, Files } from '../base/files.ts'
import { countIn, linesOf } from '../model/list.ts'
import { isObject, type Json } from '../model/record.ts'
import type { FleetMemory } from './fleet.ts'
import type { Roll } from './roll.ts'
import { type Absence, type Circumstances, countedAnew, type History, type Tally } from './rules.ts'

/**
 * The list of a source on disk, with its roll. Two files: the groups, which are a valid `file_sd` file, named by their
 * digest and never changed; and the roll, which names them in its first line and is replaced atomically. A process that
 * dies leaves the old list or the new one.
 */

/** The version of the format; files of another version are not read. */
const FORMAT = 3

/** What the list of a source is kept as. */
export interface Kept {
  readonly roll: Roll
  /** On the wall clock, in milliseconds. */
  readonly changedAtMs: number
  readonly lastSuccessMs: number
  /** Set when it is the list of another inventory: tells it apart from other such lists. */
  readonly otherOrigin: string | undefined
}

/** What is to be kept. */
export interface Keepable {
  readonly roll: Pick<
    Roll,
    'body' | 'groups' | 'keys' | 'absent' | 'absenceOf' | 'absences' | 'seen' | 'history' | 'accepted'
  >
  /** SHA-256 of the body in hex. */
  readonly digest: string
  readonly changedAtMs: number
  readonly lastSuccessMs: number
}

/** The list of one source on disk. */
export interface Shelf {
  /**
   * Keeps a list, in place of the one before. Only what changed is written; that it is still right, once a minute.
   * @param nowMs on the monotonic clock
   * @returns whether what was kept before had been removed, or another had been written in its place
   */
  keep(list: Keepable, nowMs: number): Promise<boolean>
  /**
   * Reads what is kept.
   * @param nowMs on the monotonic clock
   * @returns undefined when nothing is
   * @throws Error when what is there is not whole, or was changed
   */
  load(nowMs: number): Promise<Kept | undefined>
  /** Removes it all. */
  remove(): Promise<void>
}

/** The first line of the file of a roll. */
interface Pointer {
  readonly format: number
  readonly file: string
  readonly sha256: string
  readonly groups: number
  readonly targets: number
  /** SHA-256 of all that follows, in hex. */
  readonly roll: string
  /** Which inventory the list is of: a digest of its address with this salt. */
  readonly origin: string
  readonly salt: string
  readonly changedAtMs: number
  readonly lastSuccessMs: number
}

/** What was written. */
interface Saved {
  /** Of the file of the roll. */
  readonly mark: FileMark
  /** The name of the list, and how long it is. */
  readonly file: string
  readonly size: number
  /** A digest of what of the roll is not time. */
  readonly id: string
  readonly lastSuccessMs: number
}

/** How old the time may be at which the list on disk was last right, in milliseconds. */
const CONFIRM_MS = 60_000

/** The end of the name of the file of a roll. */
const ENDING = '.snapshot'

/** The names of the sources of which a list is kept in a folder. */
export async function keptIn(files: Pick<Files, 'list'>, folder: string): Promise<string[]> {
  const names = await files.list(folder).catch((): string[] => [])
  return names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length))
}

/**
 * Keeps the list of a source in a folder.
 * @param address tells inventories apart; empty: whichever was kept is of this one
 */
export function createShelf(
  files: Pick<Files, 'read' | 'write' | 'remove' | 'list' | 'look'>,
  folder: string,
  source: string,
  address: string,
): Shelf {
  const path = join(folder, source + ENDING)
  const salt = randomBytes(16).toString('hex')
  // What is on disk, as far as it is known.
  let saved: Saved | undefined

  async function isThere({ mark, file, size }: Saved): Promise<boolean> {
    // Not by its presence alone: it may be that of an older list, or of another process.
    const [roll, list] = [await files.look(path), await files.look(join(folder, file))]
    const isSame = roll?.ino === mark.ino && roll.mtimeNs === mark.mtimeNs && roll.size === mark.size
    return isSame && list?.size === BigInt(size)
  }

  return {
    async keep({ roll, digest, changedAtMs, lastSuccessMs }, nowMs) {
      const file = `${source}.${digest.slice(0, 16)}.json`
      const { bytes, timeless } = encodeRoll(roll, nowMs)
      const id = await sha256(timeless)
      const isGone = saved !== undefined && !(await isThere(saved))
      const before = isGone ? undefined : saved
      const isSame = before?.file === file && before.id === id
      if (isSame && lastSuccessMs - before.lastSuccessMs < CONFIRM_MS) return false
      saved = undefined
      if (before?.file !== file) await files.write(join(folder, file), roll.body, { makeFolder: true })
      const pointer: Pointer = {
        format: FORMAT,
        file,
        sha256: digest,
        groups: roll.groups,
        targets: roll.keys.length,
        roll: await sha256([bytes]),
        origin: originOf(salt, address),
        salt,
        changedAtMs,
        lastSuccessMs,
      }
      const line = Buffer.from(`${JSON.stringify(pointer)}\n`)
      const mark = await files.write(path, Buffer.concat([line, bytes]))
      saved = { mark, file, size: roll.body.byteLength, id, lastSuccessMs }
      // What is there is known from then on: a folder of many sources is not searched for each change of one.
      if (before === undefined) await removeOthers(files, folder, source, file)
      else if (before.file !== file) await Promise.allSettled([files.remove(join(folder, before.file))])
      return isGone
    },
    async load(nowMs) {
      const bytes = await files.read(path)
      if (bytes === undefined) return undefined
      const end = bytes.indexOf('\n')
      const pointer = readPointer(bytes.toString('utf8', 0, end < 0 ? bytes.length : end), path, source)
      const rest = bytes.subarray(end + 1)
      await verify(path, rest, pointer.roll)
      const listPath = join(folder, pointer.file)
      const body = await files.read(listPath)
      if (body === undefined) throw new Error(`${listPath} is missing`)
      await verify(listPath, body, pointer.sha256)
      const roll = decodeRoll(rest, nowMs)
      const targets = linesOf(body).reduce((sum, line) => sum + countIn(line), 0)
      if (roll.keys.length !== targets) throw new Error(`${path} is the roll of another list`)
      const { changedAtMs, lastSuccessMs, groups, origin, salt } = pointer
      const isOurs = address === '' || origin === originOf(salt, address)
      const otherOrigin = isOurs ? undefined : origin.slice(0, 8)
      return { roll: { ...roll, body, groups }, changedAtMs, lastSuccessMs, otherOrigin }
    },
    async remove() {
      saved = undefined
      await files.remove(path)
      await removeOthers(files, folder, source, undefined)
    },
  }
}

/** @throws Error when these bytes have another digest */
async function verify(path: string, bytes: Buffer, digest: string): Promise<void> {
  if ((await sha256([bytes])) !== digest)
    throw new Error(`${path} is not the file that was written: its digest differs`)
}

function originOf(salt: string, address: string): string {
  return createHash('sha256').update(`${salt} ${address}`).digest('hex')
}

/**
 * Removes the lists that the roll no longer names, and what a killed writer left behind; of the names that
 * are given here only, since others may keep files of theirs in the folder, such as the `file_sd` file of the source.
 * What cannot be removed stays: the list itself has been kept.
 */
async function removeOthers(
  files: Pick<Files, 'list' | 'remove'>,
  folder: string,
  source: string,
  current: string | undefined,
): Promise<void> {
  const isOurs = new RegExp(`^${source}\\.(?:[0-9a-f]{16}\\.json|snapshot)(\\.[0-9a-f-]{36}\\.tmp)?$`)
  const names = await files.list(folder).catch((): string[] => [])
  const old = names.filter((name) => isOurs.test(name) && name !== current && name !== source + ENDING)
  await Promise.allSettled(old.map((name) => files.remove(join(folder, name))))
}

/**
 * Reads what names a list as strictly as foreign input.
 * @throws Error that says what is wrong
 */
function readPointer(text: string, path: string, source: string): Pointer {
  const value = parse(text, path)
  const format = isObject(value) ? value.format : undefined
  if (!isObject(value) || format !== FORMAT) {
    throw new Error(
      `${path} has the format ${JSON.stringify(format)}, not ${FORMAT}: another version wrote it`,
    )
  }
  const check = <Value extends Json>(key: string, one: Json | undefined, isRight: (one: Json) => boolean) => {
    if (one !== undefined && isRight(one)) return one as Value
    throw new Error(`${path} is damaged: ${key} is ${JSON.stringify(one)?.slice(0, 80)}`)
  }
  const matches = (pattern: RegExp) => (one: Json) => typeof one === 'string' && pattern.test(one)
  // Only names of this source, so that no path leads elsewhere.
  const name = matches(new RegExp(`^${source}\\.[0-9a-f]{16}\\.json$`))
  const digest = matches(/^[0-9a-f]{64}$/)
  const number = (key: string) => check<number>(key, value[key], (one) => typeof one === 'number' && one >= 0)
  return {
    format: FORMAT,
    file: check('file', value.file, name),
    sha256: check('sha256', value.sha256, digest),
    groups: number('groups'),
    targets: number('targets'),
    roll: check('roll', value.roll, digest),
    origin: check('origin', value.origin, digest),
    salt: check('salt', value.salt, matches(/^[0-9a-f]{32}$/)),
    changedAtMs: number('changedAtMs'),
    lastSuccessMs: number('lastSuccessMs'),
  }
}

function parse(text: string, path: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new Error(`${path} is damaged: it is not JSON`)
  }
}

/** The file of the fleet. No source has a name that begins with a dot. */
const FLEET = '.fleet.json'

/** Keeps what all sources together had and lost. */
export async function keepFleet(
  files: Pick<Files, 'write'>,
  folder: string,
  { history, accepted }: FleetMemory,
  nowMs: number,
): Promise<void> {
  const text = JSON.stringify({ format: FORMAT, history: agesOf(history, nowMs), accepted })
  await files.write(join(folder, FLEET), Buffer.from(`${text}\n`), { makeFolder: true })
}

/**
 * What all sources together had and lost when a process before this one ended, as if no time had passed.
 * @param nowMs on the monotonic clock
 * @throws Error when the file is damaged
 */
export async function loadFleet(
  files: Pick<Files, 'read'>,
  folder: string,
  nowMs: number,
): Promise<FleetMemory | undefined> {
  const path = join(folder, FLEET)
  const text = (await files.read(path))?.toString()
  if (text === undefined) return undefined
  const value = parse(text, path)
  const { history, accepted } = isObject(value) && value.format === FORMAT ? value : {}
  if (!isObject(history) || !Array.isArray(accepted))
    throw new Error(`${path} is damaged, or another version's`)
  const pairs = (key: string) => (Array.isArray(history[key]) ? history[key] : []).filter(isPair)
  const ages = { left: pairs('left'), returned: pairs('returned'), sizes: pairs('sizes') }
  return { history: historyOf(ages, nowMs), accepted: accepted.filter((one) => typeof one === 'string') }
}

function isPair(value: Json): value is [number, number] {
  return (
    Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === 'number' && one >= 0)
  )
}

/** Times as ages, since the monotonic clock begins anew with each process. */
type Ages = { readonly [Key in keyof History]: readonly (readonly [ageMs: number, count: number])[] }

function agesOf({ left, returned, sizes }: History, nowMs: number): Ages {
  const ages = (tallies: readonly Tally[]) => tallies.map(({ atMs, count }) => [nowMs - atMs, count] as const)
  return { left: ages(left), returned: ages(returned), sizes: ages(sizes) }
}

function historyOf({ left, returned, sizes }: Ages, nowMs: number): History {
  const tallies = (pairs: Ages['left']) => pairs.map(([ageMs, count]) => ({ atMs: nowMs - ageMs, count }))
  return { left: tallies(left), returned: tallies(returned), sizes: tallies(sizes) }
}

/** What a roll says before its numbers, in one line. */
interface Head {
  readonly keys: number
  readonly absent: number
  readonly absences: readonly Pick<Absence, 'lastSeen' | 'rollBefore' | 'isUnreadable'>[]
  readonly seen: Circumstances
  readonly accepted: readonly string[]
  readonly history: Ages
}

/**
 * A roll as bytes: a line of JSON, and then the numbers of its targets, four bytes each, the lowest first.
 * @returns the bytes, and what of them is not time: while that is the same they need not be written again
 */
function encodeRoll(roll: Keepable['roll'], nowMs: number) {
  const counts = (tallies: readonly Tally[]) => tallies.map(({ count }) => count)
  const { left, returned, sizes } = roll.history
  const members = {
    keys: roll.keys.length,
    absent: roll.absent.length,
    absences: roll.absences.map(({ lastSeen, rollBefore, isUnreadable }) => ({
      lastSeen,
      rollBefore,
      isUnreadable,
    })),
    seen: roll.seen,
    accepted: roll.accepted,
  }
  const head: Head = { ...members, history: agesOf(roll.history, nowMs) }
  const numbers = [roll.keys, roll.absent, roll.absenceOf].map(asBuffer)
  const timeless = JSON.stringify([members, counts(left), counts(returned), counts(sizes)])
  return {
    bytes: Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...numbers]),
    timeless: [Buffer.from(timeless), ...numbers],
  }
}

/** The roll that was kept; its file has the digest that it was written with. */
function decodeRoll(bytes: Buffer, nowMs: number): Omit<Roll, 'body' | 'groups'> {
  const end = bytes.indexOf('\n') + 1
  const head = JSON.parse(bytes.toString('utf8', 0, end)) as Head
  const numbers = new Uint32Array(
    bytes.buffer.slice(bytes.byteOffset + end, bytes.byteOffset + bytes.byteLength),
  )
  return {
    keys: numbers.slice(0, head.keys),
    absent: numbers.slice(head.keys, head.keys + head.absent),
    absenceOf: numbers.slice(head.keys + head.absent),
    absences: head.absences.map((one) => countedAnew(one, nowMs)),
    seen: head.seen,
    accepted: head.accepted,
    history: historyOf(head.history, nowMs),
    held: [],
  }
}
