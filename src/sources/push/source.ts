import { joinLines } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { within } from '../../base/deadline.ts'
import { HttpError, messageOf, RefreshError } from '../../base/errors.ts'
import { JSON_FORMAT } from '../../model/document.ts'
import { formatDuration } from '../../model/duration.ts'
import type { Caller, Instances, Registered, Registration } from '../../model/registration.ts'
import type { Source } from '../source.ts'
import {
  type Ended,
  type Journaled,
  leftLine,
  type Peers,
  parseLine,
  type Replayed,
  registeredLine,
} from './journal.ts'
import { TICK_MS } from './lease.ts'
import { createPolicy, type PolicyOptions } from './policy.ts'
import {
  createRegistry,
  type Entry,
  MIN_TTL_MS,
  noteEnding,
  type PushDeps,
  type Registry,
  type Table,
} from './registry.ts'
import { createTokens, type TokenFiles } from './tokens.ts'

/** The settings of a push source: who may register what, and for how long. All values are checked. */
export interface PushSourceOptions extends TokenFiles, PolicyOptions {
  readonly kind: 'push'
  /** The name of the source. */
  readonly name: string
  /** The time to live of a registration that requests none, in milliseconds. */
  readonly ttlMs: number
  /** The longest time to live that a registration may request, in milliseconds. */
  readonly maxTtlMs: number
  readonly maxInstances: number
  /** The limit for all registrations together; undefined: none. */
  readonly maxBytes?: number | undefined
  /** The limit for one token that may register any instance. */
  readonly maxInstancesPerToken?: number | undefined
  readonly maxBytesPerToken?: number | undefined
}

/** A source whose devices register themselves. */
export interface PushSource extends Source {
  readonly instances: Instances
  /** Its registrations, for its successor when the configuration of the source changes. */
  readonly registry: Registry
}

/** How long the start waits for the journal, in milliseconds. */
const REPLAY_TIMEOUT_MS = 10_000

/** The same for the store of a cluster, which has deadlines of its own. */
const STORE_TIMEOUT_MS = 2_000

/** Timers of the platform may fire early by this much, in milliseconds. */
const TIMER_MS = 10

/** The time from a change to the refresh, in milliseconds, so that changes that come together are served together. */
const COLLECT_MS = 100

/** The time between two refreshes because of changes, in milliseconds. */
const BETWEEN_MS = 1_000

/** The least time between two checks for expired leases, in milliseconds. */
const LOOK_MS = 100

/** After a heartbeat was refused because of load, others may be refused too, for this time in milliseconds. */
const OVERLOAD_MS = 5_000
const OVERLOADED = 'there is too much load'

/** The `Retry-After`, in seconds, for a device beyond the limit, and while the disk is full. */
const FULL_RETRY_SECONDS = 60
const STORAGE_RETRY_SECONDS = 5

/** A limit, and the key that sets it. */
type Limit = readonly [key: string, most: number | undefined]

/**
 * An inventory of devices that register themselves, until they leave or their lease expires. After a start without stored
 * registrations it makes no list for a while, because the first devices that register are not all devices.
 * @param inherited the registry of the source that this one replaces
 */
export function createPushSource(
  options: PushSourceOptions,
  deps: PushDeps,
  inherited?: Registry,
): PushSource {
  const { clock, report, peers } = deps
  const registry = inherited ?? createRegistry(options.name, deps)
  const { table, leases, journal } = registry
  const policy = createPolicy(options)
  const tokens = createTokens(options, leases, clock)
  const refresher = createRefresher(registry, clock)
  report({ kind: 'started', limit: options.maxInstances, instances: table.size() })
  if (inherited !== undefined) admit(table.lines().map((line) => parseLine(line) as Journaled))
  let cancelLook: (() => void) | undefined

  function settle(ms: number, why: string): void {
    registry.settledMs = clock.monotonic() + ms
    report({ kind: 'settling', ms, why })
  }

  /** Devices cannot register while the disk fails. */
  function prolongSettling(): void {
    const nowMs = clock.monotonic()
    if (registry.settledMs === Number.POSITIVE_INFINITY || registry.settledMs <= nowMs) return
    registry.settledMs = nowMs + options.ttlMs
  }

  // Earlier registrations.

  async function replay(): Promise<void> {
    try {
      take(await journal.replay())
    } catch (error) {
      settle(options.ttlMs, `the journal cannot be used: ${messageOf(error)}`)
    }
    refresher.changed()
  }

  /** Starts all leases again, because no heartbeat could be received while the server was down. */
  function take(replayed: Replayed | undefined): void {
    // A heartbeat is due within a third of the time to live.
    if (replayed === undefined) {
      settle(options.ttlMs / 2, 'there is no journal of an earlier process')
      return
    }
    const { instances, unusable, knownForMs = Number.POSITIVE_INFINITY } = replayed
    admit(instances)
    for (const [id, { ttlMs }] of table.entries()) leases.renew(id, ttlMs)
    report({ kind: 'replayed', instances: table.size() })
    registry.settledMs = clock.monotonic()
    // As without a journal: not all devices have registered yet.
    const leftMs = options.ttlMs / 2 - knownForMs
    if (leftMs > 0) settle(leftMs, 'the replicas may not know yet who registered')
    const [why] = unusable
    if (why === undefined) return
    report({ kind: 'unusable', lines: unusable.length, why })
    settle(options.ttlMs, `${unusable.length} lines of the journal cannot be used`)
  }

  /** Restores the earlier registrations that the configuration, which may have changed, still allows. */
  function admit(earlier: readonly Journaled[]): void {
    let addresses = 0
    const lost: string[] = []
    for (const before of earlier) {
      const { id } = before
      const registration = policy.trim(before.registration)
      if (registration === undefined) {
        addresses++
        remove(id)
        continue
      }
      const names = lostNames(before.registration, registration)
      lost.push(...names)
      if (names.length > 0) table.set(id, entryOf({ ...before, registration }))
      else if (table.get(id) === undefined) table.set(id, entryOf(before, before.line))
    }
    const labels = [...new Set(lost)]
    if (addresses + labels.length > 0) report({ kind: 'trimmed', addresses, labels })
  }

  function remove(id: string): void {
    table.delete(id)
    leases.end(id)
  }

  // Requests of devices.

  function assertOwn(id: string, { device }: Caller): void {
    if (device === undefined || device === id) return
    throw new HttpError('wrong_device', 'the token belongs to another device; send the token of this id')
  }

  function lifeOf(asked: number | undefined): number {
    const ttlMs = asked ?? options.ttlMs
    if (ttlMs >= MIN_TTL_MS && ttlMs <= options.maxTtlMs) return ttlMs
    const most = formatDuration(options.maxTtlMs)
    throw new HttpError('bad_request', `ttl ${formatDuration(ttlMs)} is out of range; write 1s to ${most}`)
  }

  /** The limit for each token, so that one token cannot use the room of the others. */
  function assertRoom(id: string, next: Entry): void {
    const { maxInstances, maxBytes, maxInstancesPerToken, maxBytesPerToken } = options
    const all = table.roomWith(id, next)
    assertWithin(all, ['max_instances', maxInstances], ['max_bytes', maxBytes])
    if (next.token === undefined) return
    assertWithin(
      table.roomWith(id, next, next.token),
      ['max_instances_per_token', maxInstancesPerToken],
      ['max_bytes_per_token', maxBytesPerToken],
    )
  }

  function assertWithin(room: ReturnType<Table['roomWith']>, instances: Limit, bytes: Limit): void {
    if (room.isNew && isBeyond(room.instances, instances)) {
      throw full('too_many_instances', room.instances, instances)
    }
    if (room.isLarger && isBeyond(room.bytes, bytes)) throw full('too_many_bytes', room.bytes, bytes)
  }

  function full(code: 'too_many_instances' | 'too_many_bytes', there: number, [key, most]: Limit): HttpError {
    report({ kind: 'refused', why: key, instances: table.size() })
    const message = `there would be ${there}, and ${key} is ${most}; see which devices register, or raise it`
    return new HttpError(code, message, FULL_RETRY_SECONDS)
  }

  async function register(id: string, given: Registration, caller: Caller = {}): Promise<Registered> {
    assertOwn(id, caller)
    const before = table.get(id)
    // It is a heartbeat even if its content is refused.
    if (before !== undefined) leases.renew(id, before.ttlMs)
    const ttlMs = lifeOf(given.ttlMs)
    const registration = policy.locate(given, caller.peer)
    const journaled = { id, registration, ttlMs, token: caller.token }
    const line = registeredLine(journaled)
    const result = before === undefined ? 'new' : before.line === line ? 'renewed' : 'changed'
    if (before?.line === line) {
      await onDisk(before)
      await onDisk({ written: peers?.heard(id) })
    } else {
      policy.assertAllowed(registration)
      const next = entryOf(journaled, line)
      assertRoom(id, next)
      await write(id, next, before)
      refresher.changed()
    }
    report({ kind: 'registered', result, instances: table.size() })
    return { isNew: result === 'new', ttlMs }
  }

  /** Registers an instance. If it cannot be written, the previous registration stays. */
  async function write(id: string, next: Entry, before: Entry | undefined): Promise<void> {
    // Before the append, because the journal may be compacted instead.
    table.set(id, next)
    leases.renew(id, next.ttlMs)
    next.kept = before?.written === undefined ? before : before.kept
    next.written = journal.append(next.line)
    try {
      await onDisk(next)
      next.written = undefined
      next.kept = undefined
      table.acknowledged()
      // A later registration that fails can be taken back to this one.
      const newest = table.get(id)
      if (newest !== next && newest?.written !== undefined) newest.kept = next
    } catch (error) {
      if (table.get(id) === next) {
        if (next.kept === undefined) remove(id)
        else table.set(id, next.kept)
      }
      prolongSettling()
      throw error
    }
  }

  async function onDisk({ written }: Pick<Entry, 'written'>): Promise<void> {
    await written?.catch((error) => {
      const place = peers === undefined ? 'written to disk' : 'stored for all replicas'
      const message = `the registration could not be ${place}: ${messageOf(error)}`
      throw new HttpError('storage_unavailable', message, STORAGE_RETRY_SECONDS)
    })
  }

  const instances: Instances = {
    authorize: tokens.authorize,
    register,
    heard(id, { device }) {
      const known = table.get(id)
      if (known === undefined || (device !== undefined && device !== id)) return
      leases.renew(id, known.ttlMs)
      peers?.heard(id).catch(() => {})
    },
    overloaded() {
      leases.pause(OVERLOADED, OVERLOAD_MS)
      peers?.unheard(OVERLOADED, OVERLOAD_MS)
    },
    async leave(id, caller = {}) {
      assertOwn(id, caller)
      if (table.get(id) === undefined) return
      remove(id)
      noteEnding(registry, id, 'left')
      report({ kind: 'registered', result: 'left', instances: table.size() })
      refresher.changed()
      await onDisk({ written: journal.append(leftLine(id)) })
    },
  }

  // Expiry.

  // Whether leases expire on another replica.
  let isStandby = false

  function look(): void {
    const wasStandby = isStandby
    isStandby = peers?.isReader() === false
    // Heartbeats that other replicas received before are not known here.
    if (wasStandby && !isStandby) leases.start()
    const ids = isStandby ? [] : leases.expire()
    if (ids.length > 0 && peers === undefined) expired(ids)
    else if (ids.length > 0) void expireEverywhere(peers as Peers, ids)
    lookAgain()
  }

  function expired(ids: readonly string[]): void {
    for (const id of ids) {
      table.delete(id)
      noteEnding(registry, id, 'expired')
      // If this fails, the instance comes back with the next start, for its time to live.
      if (peers === undefined) journal.append(leftLine(id)).catch(() => {})
    }
    report({ kind: 'expired', ids, instances: table.size() })
    refresher.changed()
  }

  /** Renews the leases of the devices that another replica heard, or may have heard. */
  async function expireEverywhere(peers: Peers, ids: readonly string[]): Promise<void> {
    const ended = new Set(await peers.expire(ids).catch((): string[] => []))
    for (const id of ids) {
      const known = table.get(id)
      if (!ended.has(id) && known !== undefined) leases.renew(id, known.ttlMs)
    }
    if (ended.size > 0) expired([...ended])
  }

  /** Applies the registrations that other replicas acknowledged. */
  function takeChanges(changes: readonly (Journaled | Ended)[]): void {
    // Of several changes of one device the last counts.
    const newest = new Map(changes.map((one) => [one.id, one]))
    const news = [...newest.values()].filter((one) => !isPending(one))
    for (const one of news) if (!('registration' in one)) end(one)
    const registered = news.filter((one) => 'registration' in one && isOther(one)) as Journaled[]
    // Labels and addresses that the configuration does not allow are removed first.
    for (const { id } of registered) table.delete(id)
    admit(registered)
    for (const { id, ttlMs } of registered) if (table.get(id) !== undefined) leases.renew(id, ttlMs)
    report({ kind: 'followed', instances: table.size() })
    refresher.changed()
  }

  function end({ id, ending }: Ended): void {
    if (table.get(id) !== undefined) noteEnding(registry, id, ending)
    remove(id)
  }

  /** Registrations here that wait for the store come after it; if they fail, this is the state. */
  function isPending(one: Journaled | Ended): boolean {
    const pending = table.get(one.id)
    if (pending?.written === undefined) return false
    const registration = 'registration' in one ? policy.trim(one.registration) : undefined
    pending.kept = registration === undefined ? undefined : entryOf({ ...(one as Journaled), registration })
    return true
  }

  function isOther(one: Journaled): boolean {
    return table.get(one.id)?.line !== registeredLine(one)
  }

  peers?.follow({
    changed: takeChanges,
    heard(ids) {
      for (const id of ids) {
        const known = table.get(id)
        if (known !== undefined) leases.renew(id, known.ttlMs)
      }
    },
    unheard: (why, forMs) => leases.pause(why, forMs),
    line: (id) => table.get(id)?.line,
    lines: () => table.lines(),
  })

  function lookAgain(): void {
    cancelLook = clock.after(Math.min(Math.max(leases.soonestMs(), LOOK_MS), TICK_MS), look)
  }

  return {
    instances,
    registry,
    async open() {
      if (inherited !== undefined) return
      registry.settledMs = Number.POSITIVE_INFINITY
      // A disk that hangs does not delay the start; until it answers, nobody can register.
      const timeoutMs = peers === undefined ? REPLAY_TIMEOUT_MS : STORE_TIMEOUT_MS
      await within(timeoutMs, 'reading earlier registrations', clock, replay()).catch((error) => {
        report({ kind: 'settling', ms: options.ttlMs, why: messageOf(error) })
      })
    },
    async read(signal, since) {
      signal.throwIfAborted()
      // Without the tokens no device can renew its lease, so expiry would prove nothing.
      await tokens.assertReadable()
      signal.throwIfAborted()
      assertSettled(registry.settledMs - clock.monotonic())
      // Devices may have registered with another replica, so expiry would prove nothing.
      await peers?.sync().catch((error) => {
        throw new RefreshError(
          'settling',
          `the registrations of other replicas cannot be read: ${messageOf(error)}`,
        )
      })
      const etag = String(table.revision())
      if (since?.etag === etag) return { kind: 'unchanged' }
      const bytes = await joinLines(table.records(), ',\n', '[', ']')
      const name = 'the list of registrations'
      return { kind: 'documents', documents: [{ bytes, format: JSON_FORMAT, name }], version: { etag } }
    },
    watch(refresh) {
      refresher.start(refresh)
      leases.start()
      lookAgain()
    },
    pauseExpiry: () => cancelLook?.(),
    async close() {
      cancelLook?.()
      refresher.stop()
      await journal.close()
    },
    async remove() {
      const error = await journal.remove().catch((error: unknown) => error)
      report({ kind: 'removed', error })
    },
  }
}

/** Requests a refresh soon after a change, and not too often. */
function createRefresher(registry: Pick<Registry, 'settledMs'>, clock: Pick<Clock, 'monotonic' | 'after'>) {
  let refresh: (() => void) | undefined
  let cancel: (() => void) | undefined
  let lastMs = Number.NEGATIVE_INFINITY
  return {
    start(how: () => void): void {
      refresh = how
    },
    changed(): void {
      const how = refresh
      if (how === undefined || cancel !== undefined) return
      const nowMs = clock.monotonic()
      const atMs = Math.max(nowMs + COLLECT_MS, lastMs + BETWEEN_MS, registry.settledMs)
      cancel = clock.after(atMs - nowMs, () => {
        cancel = undefined
        lastMs = clock.monotonic()
        how()
      })
    },
    stop(): void {
      refresh = undefined
      cancel?.()
    },
  }
}

function isBeyond(amount: number, [, most]: Limit): boolean {
  return most !== undefined && amount > most
}

function entryOf(journaled: Journaled, line = registeredLine(journaled)): Entry {
  const { id, registration, ttlMs, token } = journaled
  const { address, host, port, labels } = registration
  return {
    ttlMs,
    token,
    line,
    record: JSON.stringify({ id, address, host, port, labels }),
    written: undefined,
    kept: undefined,
  }
}

/** The labels that a registration has lost. */
function lostNames(before: Registration, after: Registration): string[] {
  return Object.keys(before.labels).filter((name) => !Object.hasOwn(after.labels, name))
}

function assertSettled(leftMs: number): void {
  if (leftMs <= 0) return
  if (leftMs === Number.POSITIVE_INFINITY) {
    throw new RefreshError('settling', 'the journal of earlier registrations has not been read yet')
  }
  const seconds = Math.ceil(leftMs / 1000)
  throw new RefreshError(
    'settling',
    `not all earlier registrations are known; devices have ${seconds} s to register before a list is made`,
    { retryAfterMs: leftMs + TIMER_MS },
  )
}
