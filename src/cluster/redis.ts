import type { Clock } from '../base/clock.ts'
import { garbageText, newerText, Refusal } from './redis-errors.ts'
import * as scripts from './redis-scripts.ts'
import { createServers, type RedisOptions } from './redis-servers.ts'
import {
  type Changes,
  type ClusterStore,
  type Message,
  type Publication,
  type Registration,
  type Replica,
  type Seen,
  type StoredEvents,
  StoreError,
} from './store.ts'

/** A list that is larger travels in parts, so that nothing waits long for it; in bytes. */
const PART_BYTES = 4 * 2 ** 20

/** What everything that is registered, or was heard, is taken to have while that is not known; in bytes. */
const WHOLE_BYTES = 10 * 2 ** 20

/** What a step of reading events answers, about; in bytes. */
const EVENTS_BYTES = 2 ** 20

/** How often a list that is replaced while it is taken is begun anew. */
const MAX_TAKES = 3

/** Which store, and under which keys. */
export interface RedisStoreOptions extends RedisOptions {
  readonly keyPrefix: string
}

/**
 * Creates the store that is in Valkey or Redis, 7 or later. It connects in the background; until it has, and whenever
 * it has not, its methods reject with a StoreError.
 */
export function createRedisStore(
  options: RedisStoreOptions,
  deps: { clock: Pick<Clock, 'after'> },
): ClusterStore {
  const { keyPrefix } = options
  const channel = `${keyPrefix}:messages`
  let listener = (_message: Message) => {}
  const hear = (bytes: Buffer) => {
    const message = readMessage(bytes)
    if (message !== undefined) listener(message)
  }
  const reset = () => listener({ kind: 'reset' })
  const servers = createServers(options, { name: channel, hear, reset }, deps.clock)
  /** The digest of the list of each source that the store has, as far as is known here. */
  const stored = new Map<string, string>()
  /** How many bytes it took last time who was heard, twice. */
  const heardBytes = new Map<string, number>()
  let isClosed = false

  async function send(slot: string, command: (string | Buffer)[], bytes = 0): Promise<unknown> {
    if (isClosed) throw new StoreError('the store was closed by this process')
    return servers.send(slot, command, bytes + sizeOf(command))
  }

  /** @param keys all of one slot */
  async function run(
    script: scripts.Script,
    keys: Keys,
    args: readonly (string | Buffer)[],
    bytes?: number,
  ): Promise<unknown> {
    const rest = [String(keys.names.length), ...keys.names, ...args]
    try {
      return await send(keys.slot, ['EVALSHA', script.sha, ...rest], bytes)
    } catch (error) {
      if (!(error instanceof Refusal && error.is('NOSCRIPT'))) throw error
      return send(keys.slot, ['EVAL', script.text, ...rest], bytes)
    }
  }

  const keysOf = (source: string, ...names: string[]): Keys => {
    const slot = `{${keyPrefix}:${source}}`
    return { slot, names: names.map((name) => `${slot}:${name}`) }
  }

  async function publish(source: string, next: Publication) {
    const { base, replicaId, generation, digest, head, list, news } = next
    const keys = keysOf(source, 'lease', 'head', 'list', 'events')
    const args = [
      String(base),
      replicaId === undefined ? '' : JSON.stringify(replicaId),
      String(generation),
      digest,
      head,
      channel,
      written({ kind: 'generation', source }),
    ]
    const events = news === undefined ? [] : [news.events, String(news.since), String(news.maxBytes)]
    const attempt = async (lists: Buffer[]) => {
      const rest = [String(lists.length), ...lists, ...events]
      const answer = String(await run(scripts.PUBLISH, keys, [...args, ...rest]))
      if (answer === 'published') stored.set(source, digest)
      return oneOf(['published', 'refused', 'needs_list'] as const, answer, keys)
    }
    if (list === undefined) return attempt([])
    // Most generations that follow have the same list.
    const known = stored.get(source) === digest ? await attempt([]) : 'needs_list'
    return known === 'needs_list' ? attempt([list]) : known
  }

  /** @returns undefined when another generation came between */
  async function takeList(source: string, digest: string, size: number): Promise<Buffer | undefined> {
    const keys = keysOf(source, 'list')
    const parts: Buffer[] = []
    for (let from = 0; from < size; from += PART_BYTES) {
      const to = Math.min(size, from + PART_BYTES) - 1
      const part = await run(scripts.PART, keys, [digest, String(from), String(to)], PART_BYTES)
      if (part === null) return undefined
      parts.push(bytesOf(part, keys))
    }
    return Buffer.concat(parts)
  }

  async function take(source: string, known: string | undefined) {
    const keys = keysOf(source, 'head', 'list', 'events')
    for (let tries = 0; tries < MAX_TAKES; tries++) {
      const answer = listOf(await run(scripts.TAKE, keys, [known ?? '']), keys)
      if (answer.length === 0) return undefined
      const [generation, digest, head, size, eventsUntil] = answer
      const taken = {
        generation: numberOf(generation, keys),
        digest: textOf(digest, keys),
        head: bytesOf(head, keys),
        eventsUntil: numberOf(eventsUntil, keys),
      }
      stored.set(source, taken.digest)
      if (size === -1) return { ...taken, list: undefined }
      const list = await takeList(source, taken.digest, numberOf(size, keys))
      if (list !== undefined) return { ...taken, list }
    }
    throw new StoreError(`the list of ${source} changes faster in the store than it can be taken`)
  }

  return {
    async meet(replica, forMs) {
      const slot = `${keyPrefix}:replicas`
      const keys = { slot, names: [slot] }
      const { id, name, version, leases } = replica
      const said = JSON.stringify({ id, name, version, leases })
      const answer = await run(scripts.MEET, keys, [JSON.stringify(id), said, String(forMs)])
      const all = listOf(answer, keys).map((one) => readReplica(textOf(one, keys), keys))
      return all.sort((a, b) => (a.id < b.id ? -1 : 1))
    },
    async look(source, { replicaId, replicaName, isWanted, forMs }) {
      const keys = keysOf(source, 'lease', 'head', 'events')
      const names = [JSON.stringify(replicaId), JSON.stringify(replicaName)]
      const args = [...names, isWanted ? '1' : '0', String(Math.ceil(forMs))]
      return readSeen(listOf(await run(scripts.LOOK, keys, args), keys), keys)
    },
    async release(source, replicaId) {
      const keys = keysOf(source, 'lease')
      const answer = await run(scripts.RELEASE, keys, [JSON.stringify(replicaId)])
      oneOf(['released'], String(answer), keys)
    },
    publish,
    take,
    async eventsAfter(source, generation) {
      const keys = keysOf(source, 'events')
      const answer = await run(scripts.EVENTS_AFTER, keys, [String(generation)], EVENTS_BYTES)
      return listOf(answer, keys).map((entry) => readEvents(listOf(entry, keys), keys))
    },
    async register(source, changes, heard) {
      const said = changes.flatMap(({ id, line }) => [id, line === undefined ? '' : wrapped(line)])
      const news = written({ kind: 'registrations', source })
      const keys = keysOf(source, 'instances', 'heard', 'log')
      const args = [channel, news, String(changes.length), ...said, ...heard]
      const missing = listOf(await run(scripts.REGISTER, keys, args), keys)
      return missing.map((id) => textOf(id, keys))
    },
    async changesSince(source, position) {
      const keys = keysOf(source, 'instances', 'log')
      const known = position !== undefined && /^\d{1,19}-\d{1,19}$/.test(position) ? position : ''
      const answer = await run(scripts.CHANGES, keys, [known], known === '' ? WHOLE_BYTES : 0)
      return readChanges(listOf(answer, keys), keys)
    },
    async knownForMs(source) {
      const keys = keysOf(source, 'log')
      return numberOf(await run(scripts.KNOWN_FOR, keys, []), keys)
    },
    async heardSince(source, sinceMs) {
      const keys = keysOf(source, 'heard')
      const bytes = heardBytes.get(source) ?? WHOLE_BYTES
      // When that was too few, more are waited for next time.
      heardBytes.delete(source)
      const [time, found] = listOf(await run(scripts.HEARD, keys, [String(sinceMs)], bytes), keys)
      const ids = listOf(found, keys).map((id) => textOf(id, keys))
      heardBytes.set(source, 2 * sizeOf(ids))
      return { ids, timeMs: numberOf(time, keys) }
    },
    async expire(source, replicaId, ids, unheardSinceMs) {
      const news = written({ kind: 'registrations', source })
      const keys = keysOf(source, 'instances', 'heard', 'log', 'lease')
      const args = [channel, news, JSON.stringify(replicaId), String(unheardSinceMs), ...ids]
      const ended = listOf(await run(scripts.EXPIRE, keys, args), keys)
      return ended.map((id) => textOf(id, keys))
    },
    async tell(message) {
      const keys = { slot: '', names: [channel] }
      numberOf(await send(keys.slot, ['PUBLISH', channel, written(message)]), keys)
    },
    listen(heard) {
      listener = heard
    },
    async close() {
      isClosed = true
      servers.close()
    },
  }
}

/** Keys, and the hash tag that puts them on one server of a cluster. */
interface Keys {
  readonly slot: string
  readonly names: readonly string[]
}

function sizeOf(command: readonly (string | Buffer)[]): number {
  let bytes = 0
  for (const part of command) bytes += part.length
  return bytes
}

/** What was written in one format, which stands before it. */
const wrapped = (text: string) => `${scripts.FORMAT}\n${text}`

function unwrapped(text: string, keys: Keys): string {
  const [, format, rest] = /^([1-9]\d*)\n(.*)$/s.exec(text) ?? []
  if (rest === undefined) throw garbage(keys)
  assertFormat(format as string, keys)
  return rest
}

function assertFormat(format: string, keys: Keys): void {
  if (format === String(scripts.FORMAT)) return
  throw /^[1-9]\d*$/.test(format) ? newer(format, keys) : garbage(keys)
}

const garbage = ({ names }: Keys) => new StoreError(garbageText(names.join(' or ')))

const newer = (format: string, { names }: Keys) => new StoreError(newerText(names.join(' or '), format))

function bytesOf(value: unknown, keys: Keys): Buffer {
  if (!Buffer.isBuffer(value)) throw garbage(keys)
  return value
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(value: unknown, keys: Keys): string {
  try {
    return utf8.decode(bytesOf(value, keys))
  } catch {
    throw garbage(keys)
  }
}

function numberOf(value: unknown, keys: Keys): number {
  const number = Number(typeof value === 'number' ? value : textOf(value, keys))
  if (!Number.isSafeInteger(number)) throw garbage(keys)
  return number
}

function listOf(value: unknown, keys: Keys): readonly unknown[] {
  if (!Array.isArray(value)) throw garbage(keys)
  return value
}

function oneOf<Word extends string>(words: readonly Word[], value: string, keys: Keys): Word {
  const word = words.find((one) => one === value)
  if (word === undefined) throw garbage(keys)
  return word
}

/** JSON that somebody may have spoilt: undefined when it is none, or no object. */
function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function readReplica(text: string, keys: Keys): Replica {
  const { id, name, version, leases } = parsed(text) ?? {}
  if (typeof id !== 'string' || typeof name !== 'string' || typeof version !== 'string') throw garbage(keys)
  return { id, name, version, leases: numberOf(leases, keys) }
}

/** An id or a name, as JSON. */
function readName(value: unknown, keys: Keys): string {
  const name = parsed(`{"name":${textOf(value, keys)}}`)?.name
  if (typeof name !== 'string') throw garbage(keys)
  return name
}

function readSeen([id, name, generation, time, eventsUntil]: readonly unknown[], keys: Keys): Seen {
  const isHeld = bytesOf(id, keys).length > 0
  return {
    holder: isHeld ? { id: readName(id, keys), name: readName(name, keys) } : undefined,
    generation: numberOf(generation, keys),
    eventsUntil: numberOf(eventsUntil, keys),
    timeMs: numberOf(time, keys),
  }
}

function readEvents([generation, format, events]: readonly unknown[], keys: Keys): StoredEvents {
  assertFormat(textOf(format, keys), keys)
  return { generation: numberOf(generation, keys), events: bytesOf(events, keys) }
}

function readChanges([position, kind, items]: readonly unknown[], keys: Keys): Changes {
  const isWhole = oneOf(['whole', 'changes'], String(kind), keys) === 'whole'
  const all = listOf(items, keys)
  const changes = isWhole ? readInstances(all, keys) : all.map((entry) => readEntry(entry, keys))
  return { position: textOf(position, keys), changes, isWhole }
}

/** @param flat each id, and after it its line */
function readInstances(flat: readonly unknown[], keys: Keys): Registration[] {
  const instances: Registration[] = []
  for (let at = 0; at < flat.length; at += 2) {
    const line = unwrapped(textOf(flat[at + 1], keys), keys)
    instances.push({ id: textOf(flat[at], keys), line })
  }
  return instances
}

function readEntry(entry: unknown, keys: Keys): Registration {
  const [format, id, name, line] = listOf(listOf(entry, keys)[1], keys)
  assertFormat(textOf(format, keys), keys)
  if (name === undefined) return { id: textOf(id, keys), line: undefined }
  if (oneOf(['line', 'ending'], textOf(name, keys), keys) === 'ending') {
    const ending = oneOf(['expired'], textOf(line, keys), keys)
    return { id: textOf(id, keys), line: undefined, ending }
  }
  return { id: textOf(id, keys), line: textOf(line, keys) }
}

const written = (message: Message) => JSON.stringify({ format: scripts.FORMAT, ...message })

/** @returns undefined for what is no message, or that of a newer version: messages may be lost */
function readMessage(bytes: Buffer): Message | undefined {
  const said = parsed(bytes.toString()) ?? {}
  const { format, kind, source, why, forMs } = said
  if (format !== scripts.FORMAT || typeof source !== 'string') return undefined
  if (kind === 'generation' || kind === 'registrations') return { kind, source }
  if (kind === 'unheard' && typeof why === 'string' && typeof forMs === 'number')
    return { kind, source, why, forMs }
  return readRequest(source, said)
}

const RESULTS = ['changed', 'unchanged', 'held', 'failed'] as const

/** What is asked of the holder of a source, or answered. */
function readRequest(source: string, said: Readonly<Record<string, unknown>>): Message | undefined {
  const { kind, id, digest, why, generation } = said
  if (typeof id !== 'string') return undefined
  if (kind === 'refresh') return { kind, source, id }
  if (kind === 'accept' && typeof digest === 'string') return { kind, source, id, digest }
  const result = RESULTS.find((one) => one === said.result)
  const isAnswer = kind === 'answer' && typeof why === 'string' && typeof generation === 'number'
  return isAnswer && result !== undefined ? { kind, source, id, result, why, generation } : undefined
}
