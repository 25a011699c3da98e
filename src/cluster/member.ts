import { randomUUID } from 'node:crypto'
import { asBuffer } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { momentNow } from '../base/clock.ts'
import { within } from '../base/deadline.ts'
import { messageOf } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { ClusterMetrics } from '../base/metrics.ts'
import type { ClusterView } from '../model/cluster.ts'
import type { Draft } from '../model/history.ts'
import type { Outcome } from '../refresh/runner.ts'
import { NO_CHANGE, type SharedList, type Sharing } from '../refresh/sharing.ts'
import type { Position } from '../roll/kept.ts'
import { unite } from '../roll/roll.ts'
import { freeze, type Snapshot } from '../snapshot/freeze.ts'
import type { Peers } from '../sources/push/journal.ts'
import {
  decodeGeneration,
  descends,
  encodeGeneration,
  type GenerationError,
  NOTHING,
  type Signing,
  type StoredList,
} from './generation.ts'
import { createSharedRegistrations, type SharedRegistrations } from './registrations.ts'
import { decodeEvents, encodeEvents } from './shared-events.ts'
import type { Answer, ClusterStore, Message, NewEvents, Replica, Seen, StoredEvents, Taken } from './store.ts'

/** How long a lease lasts without renewal, and how long a silent replica counts as present, in milliseconds. */
export const LEASE_MS = 10_000

/** How often the store is looked at, in milliseconds; messages come between. */
export const LOOK_MS = 1_000

/** A replica that gave a lease back because its readings failed keeps the next one of that source at least so long, in milliseconds. */
const GIVE_BACK_MS = 60_000

/** So long another replica has to do what it is asked for, in milliseconds. */
const ASK_MS = 15_000

/** A replica whose readings fail, or that reads its share, leaves a free lease to the others for so long, in milliseconds. */
const RELUCTANT_MS = 3 * LOOK_MS

/** What the cluster asks of what reads and serves a source. */
export interface Member {
  follow(choose: (served: SharedList | undefined) => Promise<SharedList | undefined>): Promise<void>
  /** Reads the source now; undefined before the start. */
  refresh(): Promise<Outcome | undefined>
  accept(digest: string): Promise<Outcome | undefined>
  /** Whether the last two readings failed. */
  isFailing(): boolean
}

/** The replicas, as this one sees them. */
export interface Cluster extends Omit<ClusterView, 'outdated'> {
  /** What a source shares; its runner is created with it. */
  sharing(source: string): Sharing
  /**
   * Takes part for a source, or goes on with another runner of it.
   * @param position of the list that an earlier process kept
   * @returns when the store has been looked at, or cannot be reached
   */
  join(source: string, member: Member, position?: Position): Promise<void>
  /**
   * The devices of a push source, which register with any replica.
   * @param ttlMs how long a registration lasts that does not say so, in milliseconds
   */
  peers(source: string, ttlMs: number): Peers
  /** The source is not configured any more. */
  leave(source: string): Promise<void>
  /**
   * Asks whoever reads a source, and waits until what came of it is served here.
   * @returns undefined when nothing came of it in time
   * @throws StoreError
   */
  ask(request: Request): Promise<Answer | undefined>
  /** Gives back what this replica reads, and lets go of the store. */
  stop(): Promise<void>
}

/** What a replica can ask of the one that reads a source. */
export type Request =
  | { readonly kind: 'refresh'; readonly source: string }
  | { readonly kind: 'accept'; readonly source: string; readonly digest: string }

/** What the cluster needs from outside. */
export interface ClusterDeps {
  readonly store: ClusterStore
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: ClusterMetrics
  /** Undefined: none is kept. */
  readonly history?: SharedHistory | undefined
}

/** The history of this replica, as far as it is that of all. */
export interface SharedHistory {
  readonly maxAgeMs: number
  readonly maxBytes: number
  note(source: string, generation: number, events: readonly Draft[], isNext: boolean): Promise<boolean>
  publicationOf(source: string): Promise<number>
}

/** Who this replica is. */
export interface ClusterOptions {
  readonly replica: Pick<Replica, 'id' | 'name' | 'version'>
  /** Signs what is stored. */
  readonly key: string
}

/** A source, and what is known of it. */
interface Joined {
  readonly source: string
  member: Member
  position: Position
  /** Of what is served: older generations that it has all of, the newest first. */
  ancestors: readonly number[]
  leaseUntilMs: number
  /** When the store last answered, by when it was asked; the time at which it was joined, at first. */
  reachedMs: number
  isReached: boolean
  /** Whether the log says that this replica reads it without a lease. */
  isOnItsOwn: boolean
  /** Since when nobody is seen to have the lease; undefined: somebody has. */
  freeSinceMs: number | undefined
  seen: Seen | undefined
  refused: string | undefined
  /** The generation that a newer version of Rollcall wrote; undefined: the store has none such. */
  outdatedBy: number | undefined
  /** The newest generation of which the store has events, as far as is known here. */
  eventsUntil: number
  /** What is being done for the history; it never rejects. */
  noting: Promise<void>
  isCatchingUp: boolean
  /** When its lease was last given back because its readings failed. */
  gaveBackMs: number
  looking: Promise<void> | undefined
  isAskedAgain: boolean
  /** Who waits for an answer, by its id, or for the generation of one to be served. */
  readonly waiting: Map<string, (answer?: Answer) => void>
}

/** Where a list is to stand among the generations. */
interface Place {
  /** The generation that the store has; 0: none. */
  readonly base: number
  readonly number: number
  readonly ancestors: readonly number[]
  /** Whose lease it needs; undefined: it is no reading. */
  readonly replicaId?: string | undefined
  readonly events?: readonly Draft[] | undefined
}

/** What is to be done with the generation that the store has. */
export type Step = 'nothing' | 'adopt' | 'publish' | 'unite'

/**
 * Compares what is served with what the store has: a store that is older than what is served never wins, and what only
 * one of them has never vanishes.
 * @param hasList whether anything is served
 */
export function nextStep(stored: number, { generation, isDetached }: Position, hasList: boolean): Step {
  if (stored > generation) return isDetached && hasList ? 'unite' : 'adopt'
  return hasList && (stored < generation || isDetached) ? 'publish' : 'nothing'
}

/** Whether a replica that reads so many of all sources should leave the next one to others. */
export function hasItsShare(reads: number, sources: number, replicas: number): boolean {
  return reads >= Math.ceil(sources / Math.max(1, replicas))
}

/** Why nothing came of a request. */
const NOTHING_DONE = {
  refresh: 'it is still starting; try again',
  accept: 'it holds no such targets',
} as const

/** What is done with the store, beside publishing; no source has such a name. */
const lookingAt = (source: string) => `.look ${source}`
const MEET = '.meet'
const eventsOf = (source: string) => `.events ${source}`

/** So long a list waits for what it does to each target, in milliseconds; a million of them take less. */
const COMPARE_MS = 5_000

/** The events of a source take at most such a share of the history's size in the store, where they are compressed. */
const SIZE_SHARE = 16

/** No position. A list that is restored without one counts as one that the store was not told. */
const NOWHERE: Position = { generation: NOTHING, isDetached: true }

/** Joins the replicas that share a store. Nothing waits for the store but {@link Cluster.join}, for its deadline. */
export function createCluster({ replica, key }: ClusterOptions, deps: ClusterDeps): Cluster {
  const { store, clock, log, metrics, history } = deps
  const joined = new Map<string, Joined>()
  const registrations = new Map<string, SharedRegistrations>()
  // The clock of the store, less the monotonic clock; before it is known the wall clock stands in.
  let offsetMs: number | undefined
  let replicas: readonly Replica[] = []
  // Why the store cannot be used, by what is done with it: looking, meeting, or publishing a source.
  const failures = new Map<string, string>()
  let isStopped = false

  const storeNow = () => Math.round(clock.monotonic() + (offsetMs ?? clock.now() - clock.monotonic()))
  const signing = (source: string): Signing => ({ source, key, storeMs: storeNow(), now: momentNow(clock) })
  const hasLease = ({ leaseUntilMs }: Joined) => clock.monotonic() < leaseUntilMs
  const isAlone = ({ isReached, reachedMs }: Joined) =>
    !isReached && clock.monotonic() - reachedMs >= LEASE_MS
  /** Whether it is a source of this replica, and goes on being one. */
  const isIn = (one: Joined) => !isStopped && joined.get(one.source) === one
  const reads = () => [...joined.values()].filter(hasLease).length

  const failure = () => failures.values().next().value

  /** @param why undefined: it works */
  function note(what: string, why: string | undefined): void {
    const before = failure()
    if (why === undefined) failures.delete(what)
    else failures.set(what, why)
    const now = failure()
    if (before === undefined && now !== undefined)
      log.warn({ error: now }, 'the store of the cluster cannot be used; what is served stays')
    if (before !== undefined && now === undefined) log.info('the store of the cluster can be used again')
  }

  // Look.

  /** One look at a time; one that is asked for meanwhile comes after it. */
  function lookAt(one: Joined): Promise<void> {
    if (one.looking !== undefined) {
      one.isAskedAgain = true
      return one.looking
    }
    one.looking = look(one).finally(() => {
      one.looking = undefined
      const isAskedAgain = one.isAskedAgain
      one.isAskedAgain = false
      if (isAskedAgain && isIn(one)) void lookAt(one)
    })
    return one.looking
  }

  async function look(one: Joined): Promise<void> {
    const { source } = one
    const sentMs = clock.monotonic()
    try {
      const had = hasLease(one)
      const lease = {
        replicaId: replica.id,
        replicaName: replica.name,
        isWanted: wants(one),
        forMs: LEASE_MS,
      }
      const seen = await store.look(source, lease)
      noteSeen(one, seen, sentMs)
      await settle(one, seen.generation)
      // What could not be published is another replica's to publish.
      if (!hasLease(one)) note(source, undefined)
      if (!had && hasLease(one) && isIn(one)) {
        log.info({ source }, 'this replica reads the source')
        void one.member.refresh()
      }
      note(lookingAt(source), undefined)
      catchUp(one)
    } catch (error) {
      one.isReached = false
      note(lookingAt(source), messageOf(error))
      if (one.isOnItsOwn || !isAlone(one)) return
      one.isOnItsOwn = true
      log.warn({ source }, 'this replica reads the source on its own until the store can be used')
      void one.member.refresh()
    }
  }

  function noteSeen(one: Joined, seen: Seen, sentMs: number): void {
    one.seen = seen
    one.eventsUntil = seen.eventsUntil
    one.reachedMs = sentMs
    one.isReached = true
    one.isOnItsOwn = false
    if (seen.generation !== one.outdatedBy) one.outdatedBy = undefined
    offsetMs = seen.timeMs - clock.monotonic()
    one.leaseUntilMs = seen.holder?.id === replica.id ? sentMs + LEASE_MS : Number.NEGATIVE_INFINITY
    one.freeSinceMs = seen.holder === undefined ? (one.freeSinceMs ?? sentMs) : undefined
  }

  /** Others come first where this replica cannot read, or reads its share; not for long. */
  function wants(one: Joined): boolean {
    if (!isIn(one) || one.outdatedBy !== undefined) return false
    if (hasLease(one) || replicas.length < 2) return true
    const isReluctant = one.member.isFailing() || hasItsShare(reads(), joined.size, replicas.length)
    const freeMs = one.freeSinceMs === undefined ? 0 : clock.monotonic() - one.freeSinceMs
    return !isReluctant || freeMs >= RELUCTANT_MS
  }

  function release(one: Joined): Promise<void> {
    one.leaseUntilMs = Number.NEGATIVE_INFINITY
    return store.release(one.source, replica.id)
  }

  // Settle.

  /** Serves the newest generation, or tells the store what it lacks. */
  async function settle(one: Joined, stored: number): Promise<void> {
    if (nextStep(stored, one.position, true) === 'nothing') return
    await one.member.follow(async (served) => {
      const step = nextStep(stored, one.position, served !== undefined)
      if (step === 'adopt' || step === 'unite') return takeStored(one, served)
      if (step === 'publish') await republish(one, served as SharedList, stored)
      return undefined
    })
    for (const go of one.waiting.values()) go()
  }

  /** What is to be served of the newest generation; undefined: nothing else than before. */
  async function takeStored(one: Joined, served: SharedList | undefined): Promise<SharedList | undefined> {
    const stored = await store.take(one.source, served?.snapshot.digest)
    if (stored === undefined) return undefined
    const { generation } = stored
    const theirs = await read(one, stored, served?.snapshot)
    if (theirs === undefined) {
      // What cannot be used is replaced by whoever reads.
      if (!hasLease(one)) return undefined
      if (served === undefined) one.position = { generation, isDetached: false }
      else await republish(one, served, generation)
      return undefined
    }
    const isTheSame = served === undefined || served.snapshot.digest === theirs.snapshot.digest
    const isApart = one.position.isDetached || !descends(theirs.ancestors, one.position.generation)
    if (isApart && !isTheSame) return publishUnited(one, theirs, served, generation)
    one.position = { generation, isDetached: false }
    one.ancestors = theirs.ancestors
    return theirs
  }

  async function read(one: Joined, generation: Taken, known: Snapshot | undefined) {
    try {
      const list = await decodeGeneration(generation, known, signing(one.source))
      one.refused = undefined
      return { ...list, hasEvents: generation.eventsUntil > one.position.generation }
    } catch (error) {
      const { message, isNewer } = error as GenerationError
      if (one.refused === undefined)
        log.error({ source: one.source, error: message }, 'a list in the store is not served')
      one.refused = message
      one.outdatedBy = isNewer ? generation.generation : undefined
      if (isNewer) await release(one)
      return undefined
    }
  }

  /** What the store lost keeps its number: who has a newer one must not take it for news. */
  async function republish(one: Joined, served: SharedList, base: number): Promise<void> {
    const { generation, isDetached } = one.position
    const isLost = !isDetached && generation > base
    await publishAs(one, served, {
      base,
      number: isLost ? generation : nextNumber(one, base),
      ancestors: lineage(one),
    })
  }

  /** Of the list that is served; {@link NOTHING} of one that none in the store was before. */
  const lineage = ({ position, ancestors }: Joined) => [position.generation, ...ancestors]

  const nextNumber = ({ position }: Joined, base: number) =>
    Math.max(base, position.generation, storeNow() - 1) + 1

  async function publishUnited(one: Joined, theirs: StoredList, served: SharedList, base: number) {
    const roll = unite(theirs.roll, served.roll, clock.monotonic())
    const counts = { groups: roll.groups, targets: roll.keys.length }
    const snapshot = await freeze(asBuffer(roll.body), counts, storeNow())
    const { lastSuccess, hasEvents = false } = theirs
    const united: SharedList = { roll, snapshot, lastSuccess, change: NO_CHANGE, hasEvents }
    // What began with nothing has all that it did not know once it is united with what did not.
    const own = lineage(one).filter((one) => one !== NOTHING)
    const ancestors = [...own, base, ...theirs.ancestors]
    const isPublished = await publishAs(one, united, { base, number: nextNumber(one, base), ancestors })
    return isPublished ? united : undefined
  }

  /** @returns false when it is refused */
  async function publishAs(
    one: Joined,
    list: SharedList,
    { base, number, ancestors, replicaId, events }: Place,
  ): Promise<boolean> {
    const { source } = one
    const all = [...new Set(ancestors)].filter((one) => one < number)
    all.sort((one, other) => other - one)
    const generation = encodeGeneration(list, number, all, signing(source))
    const answer = await store.publish(source, {
      ...generation,
      ...{ base, replicaId, news: newsOf(one, number, events) },
    })
    note(source, undefined)
    if (answer !== 'published') return false
    one.refused = undefined
    one.position = { generation: number, isDetached: false }
    one.ancestors = all
    return true
  }

  async function publish(
    source: string,
    list: SharedList,
    isChanged: boolean,
    compare?: () => Promise<readonly Draft[]>,
  ): Promise<boolean> {
    const one = joined.get(source) as Joined
    const comparing = compare?.()
    const events = await inTime(comparing)
    const { generation } = one.position
    const number = nextNumber(one, generation)
    try {
      const place = { base: generation, number, ancestors: lineage(one), replicaId: replica.id, events }
      if (!(await publishAs(one, list, place))) {
        void lookAt(one)
        return false
      }
      noteOwn(one, number, comparing, events !== undefined)
      return true
    } catch (error) {
      note(source, messageOf(error))
      one.isReached = false
    }
    if (isChanged) one.position = { ...one.position, isDetached: true }
    // It may be in the store all the same: then its events come from there under the same number.
    noteOwn(one, number, comparing, false)
    return true
  }

  // History.

  /** What is compared for long keeps no list back: the others then compare the lists themselves. */
  function inTime(comparing: Promise<readonly Draft[]> | undefined) {
    return comparing && within(COMPARE_MS, 'comparing', clock, comparing).catch(() => undefined)
  }

  function newsOf({ source }: Joined, number: number, events: readonly Draft[] = []): NewEvents | undefined {
    if (history === undefined || events.length === 0) return undefined
    return {
      events: encodeEvents(events, number, signing(source)),
      since: Math.max(0, Math.floor(storeNow() - history.maxAgeMs)),
      maxBytes: Math.floor(history.maxBytes / SIZE_SHARE),
    }
  }

  /** Notes what this replica read. Nothing waits for it, since the disk may hang. */
  function noteOwn(
    one: Joined,
    number: number,
    comparing: Promise<readonly Draft[]> | undefined,
    isStored: boolean,
  ): void {
    if (history === undefined || comparing === undefined) return
    const { source, eventsUntil } = one
    const noted = async () => {
      const events = await comparing
      if (events.length === 0) return
      const known = await history.publicationOf(source).catch(() => -1)
      // What came before it is still to be taken, and this once more with it.
      await history.note(source, number, events, isStored && known >= eventsUntil)
    }
    noteUnderWay(one, noted())
  }

  /** Takes what other replicas noted, unless that is under way. */
  function catchUp(one: Joined): void {
    if (history === undefined || one.isCatchingUp) return
    one.isCatchingUp = true
    const caughtUp = takeEvents(one, history).finally(() => {
      one.isCatchingUp = false
    })
    noteUnderWay(one, caughtUp)
  }

  function noteUnderWay(one: Joined, work: Promise<unknown>): void {
    one.noting = Promise.all([one.noting, work]).then(() => {})
  }

  async function takeEvents(one: Joined, history: SharedHistory): Promise<void> {
    const { source } = one
    // The history itself reports a disk that fails.
    let known = await history.publicationOf(source).catch(() => one.eventsUntil)
    try {
      while (known < one.eventsUntil && isIn(one)) {
        const page = await store.eventsAfter(source, known)
        if (page.length === 0) break
        for (const stored of page) {
          if (!(await history.note(source, stored.generation, readEvents(one, stored), true))) return
          known = stored.generation
        }
      }
      note(eventsOf(source), undefined)
    } catch (error) {
      note(eventsOf(source), messageOf(error))
    }
  }

  /** What cannot be used is a gap in the history. */
  function readEvents({ source }: Joined, stored: StoredEvents): readonly Draft[] {
    try {
      return decodeEvents(stored, signing(source))
    } catch (error) {
      log.warn({ source, error: messageOf(error) }, 'events in the store are not used for the history')
      return []
    }
  }

  // Together.

  async function round(): Promise<void> {
    const nextMs = clock.monotonic() + LOOK_MS
    await Promise.all([meet(), ...[...joined.values()].map(lookAt)])
    setGauges()
    if (!isStopped) cancel = clock.after(Math.max(0, nextMs - clock.monotonic()), () => void round())
  }

  function setGauges(): void {
    metrics.storeUp.set(failures.size === 0 ? 1 : 0)
    metrics.replicas.set(replicas.length)
    for (const { source, position } of joined.values()) {
      metrics.reader.set({ source }, isReader(source) ? 1 : 0)
      metrics.generation.set({ source }, position.generation)
    }
  }

  async function meet(): Promise<void> {
    try {
      const before = replicas
      replicas = await store.meet({ ...replica, leases: reads() }, LEASE_MS)
      const isThere = new Set(replicas.map(({ id }) => id))
      const gone = before.find(({ id }) => !isThere.has(id))
      if (gone !== undefined)
        for (const one of registrations.values()) one.missed(`the replica ${gone.name} is gone`)
      await giveBack()
      note(MEET, undefined)
    } catch (error) {
      note(MEET, messageOf(error))
    }
  }

  /** Those who cannot read give back what they hold, once a while; and those who read more than their share a part of that. */
  async function giveBack(): Promise<void> {
    if (replicas.length < 2) return
    const nowMs = clock.monotonic()
    const own = [...joined.values()].filter(hasLease)
    const failing = own.filter(
      ({ member, gaveBackMs }) => member.isFailing() && nowMs - gaveBackMs >= GIVE_BACK_MS,
    )
    for (const one of failing) one.gaveBackMs = nowMs
    const tooMany = own.length - Math.ceil(joined.size / replicas.length)
    const given = failing.length > 0 ? failing : own.slice(0, Math.ceil(Math.max(0, tooMany) / 4))
    await Promise.all(given.map(release))
  }

  /** Whether this replica reads a source now. */
  function isReader(source: string): boolean {
    const one = joined.get(source)
    return one !== undefined && (hasLease(one) || isAlone(one))
  }

  function hear(message: Message): void {
    if (isStopped) return
    if (message.kind === 'reset') hearReset()
    else if (joined.has(message.source)) hearOf(message)
  }

  /** What others were told may be lost, and heartbeats with it. */
  function hearReset(): void {
    for (const one of joined.values()) void lookAt(one)
    for (const one of registrations.values()) one.missed('the store was out of reach')
  }

  function hearOf(message: Exclude<Message, { kind: 'reset' }>): void {
    const { source, kind } = message
    const one = joined.get(source) as Joined
    const devices = registrations.get(source)
    if (kind === 'generation') void lookAt(one)
    if (kind === 'registrations') devices?.changed()
    if (kind === 'unheard') devices?.missed(message.why, message.forMs)
    if (kind === 'answer') one.waiting.get(message.id)?.(message)
    if ((kind === 'refresh' || kind === 'accept') && isReader(source))
      // Who is not answered does not wait for ever.
      obey(one, message).catch(() => {})
  }

  async function obey(one: Joined, request: Request & { readonly id: string }): Promise<void> {
    const { source, member } = one
    const outcome = await (request.kind === 'refresh' ? member.refresh() : member.accept(request.digest))
    await store.tell({
      kind: 'answer',
      source,
      id: request.id,
      result: outcome?.result ?? 'failed',
      why: outcome === undefined ? NOTHING_DONE[request.kind] : (outcome.error?.message ?? ''),
      generation: one.position.generation,
    })
  }

  store.listen(hear)
  let cancel = clock.after(0, () => void round())

  return {
    sharing: (source) => ({
      isReader: () => isReader(source),
      publish: (list, isChanged, compare) => publish(source, list, isChanged, compare),
      now: storeNow,
      reader: () => (isReader(source) ? undefined : joined.get(source)?.seen?.holder?.name),
      position: () => joined.get(source)?.position,
    }),
    async join(source, member, position = NOWHERE) {
      const before = joined.get(source)
      if (before !== undefined) {
        before.member = member
        return
      }
      const one: Joined = {
        source,
        member,
        position,
        ancestors: [],
        leaseUntilMs: Number.NEGATIVE_INFINITY,
        reachedMs: clock.monotonic(),
        isReached: false,
        isOnItsOwn: false,
        freeSinceMs: undefined,
        seen: undefined,
        refused: undefined,
        outdatedBy: undefined,
        eventsUntil: 0,
        noting: Promise.resolve(),
        isCatchingUp: false,
        gaveBackMs: Number.NEGATIVE_INFINITY,
        looking: undefined,
        isAskedAgain: false,
        waiting: new Map(),
      }
      joined.set(source, one)
      await lookAt(one)
    },
    peers(source, ttlMs) {
      const known =
        registrations.get(source) ??
        createSharedRegistrations({
          source,
          key,
          store,
          clock,
          replicaId: replica.id,
          isReader: () => isReader(source),
          ttlMs,
          onUnusable: (why) => log.warn({ source, error: why }, 'a registration in the store is not used'),
        })
      registrations.set(source, known)
      return known
    },
    async leave(source) {
      const looking = joined.get(source)?.looking
      joined.delete(source)
      for (const metric of [metrics.reader, metrics.generation]) metric.remove({ source })
      for (const what of [source, lookingAt(source), eventsOf(source)]) note(what, undefined)
      await registrations.get(source)?.stop()
      registrations.delete(source)
      await looking
      await store.release(source, replica.id).catch(() => {})
    },
    async ask(request) {
      const one = joined.get(request.source)
      if (one === undefined) return undefined
      const id = randomUUID()
      return new Promise((resolve, reject) => {
        let known: Answer | undefined
        const end = (answer: Answer | undefined) => {
          cancelTimer()
          one.waiting.delete(id)
          resolve(answer)
        }
        const cancelTimer = clock.after(ASK_MS, () => end(undefined))
        one.waiting.set(id, (answer) => {
          known ??= answer
          if (known !== undefined && one.position.generation >= known.generation) end(known)
        })
        store.tell({ ...request, id }).catch((error) => {
          reject(error)
          end(undefined)
        })
      })
    },
    status: () => ({ replica: replica.name, replicas, failure: failure() }),
    statusOf(source) {
      const one = joined.get(source)
      if (one === undefined) return undefined
      const { position, seen, refused } = one
      return {
        ...position,
        reader: seen?.holder?.name,
        isReader: isReader(source),
        newest: seen?.generation ?? 0,
        refused,
      }
    },
    async stop() {
      isStopped = true
      cancel()
      await Promise.allSettled([...registrations.values()].map((one) => one.stop()))
      await Promise.allSettled([...joined.values()].map(({ looking }) => looking))
      await Promise.all([...joined.values()].map(({ noting }) => noting))
      await Promise.allSettled([...joined.keys()].map((source) => store.release(source, replica.id)))
      await store.close()
    },
  }
}
