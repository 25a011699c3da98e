import type { RefreshResult } from '../base/metrics.ts'

/**
 * The state that replicas share: leases, generations of lists, events, registrations, and messages. It is one small
 * interface, so that a simulation can replace Valkey or Redis. Each step is atomic. Every method rejects with a
 * {@link StoreError} when the store does not answer in time, refuses, or answers with data that Rollcall never wrote.
 */
export interface ClusterStore extends Leases, Generations, SharedEvents, Registered, Messages {
  /**
   * Announces this replica, and lists all replicas.
   * @param forMs how long the announcement is valid, in milliseconds
   * @returns all replicas, including this one, sorted by id
   */
  meet(replica: Replica, forMs: number): Promise<readonly Replica[]>
  /** Closes the connections. Running calls reject. */
  close(): Promise<void>
}

/** One of several Rollcall processes that share their state. */
export interface Replica {
  /** Unique to the process: after a restart it is another one. */
  readonly id: string
  /** The name of the pod or the host, for people. */
  readonly name: string
  readonly version: string
  /** The number of sources that it reads. */
  readonly leases: number
}

/** The leases of sources: their holder reads the source and decides for all replicas. */
export interface Leases {
  /**
   * Reads the state of a source, and renews the lease of this replica. A free lease is taken if {@link Lease.isWanted}.
   */
  look(source: string, lease: Lease): Promise<Seen>
  /** Gives the lease back, if it is this replica's. */
  release(source: string, replicaId: string): Promise<void>
}

/** A replica's request for a lease. */
export interface Lease {
  readonly replicaId: string
  /** For people. */
  readonly replicaName: string
  /** Whether to take a free lease. */
  readonly isWanted: boolean
  /** How long the lease lasts without another look, in milliseconds. */
  readonly forMs: number
}

/** The state of one source in the store. */
export interface Seen {
  /** Undefined: nobody has the lease. */
  readonly holder: Pick<Replica, 'id' | 'name'> | undefined
  /** The newest generation of its list; 0: none. */
  readonly generation: number
  /** The newest generation with stored events; 0: none. */
  readonly eventsUntil: number
  /** The clock of the store, in milliseconds since 1970, so that generations do not depend on the clocks of replicas. */
  readonly timeMs: number
}

/** The newest list of each source. */
export interface Generations {
  /**
   * Publishes a list and tells the replicas. It is refused when another generation was published meanwhile, or when another
   * replica has the lease.
   */
  publish(source: string, next: Publication): Promise<'published' | 'refused' | 'needs_list'>
  /**
   * Takes the newest generation.
   * @param known the digest of a list that the caller has, so that it is not sent again
   * @returns undefined when there is none
   */
  take(source: string, known: string | undefined): Promise<Taken | undefined>
}

/** The newest generation, and the newest with stored events; 0: none. */
export type Taken = Generation & Pick<Seen, 'eventsUntil'>

/** The events of targets, by generation. Served lists do not depend on them. */
export interface SharedEvents {
  /**
   * The events of the generations after one, the oldest first.
   * @returns the first of them; empty: there are no more
   */
  eventsAfter(source: string, generation: number): Promise<readonly StoredEvents[]>
}

/** The events of one generation. */
export interface StoredEvents {
  readonly generation: number
  /** Compressed and signed. The store does not read it. */
  readonly events: Buffer
}

/** The events to store with a generation. */
export interface NewEvents {
  readonly events: Buffer
  /** Events of older generations are removed. */
  readonly since: number
  /** The limit for all events of the source, in bytes. The oldest are removed beyond it. */
  readonly maxBytes: number
}

/** One generation of a list. */
export interface Generation {
  /** Increases with every generation. */
  readonly generation: number
  /** The roll and the times of the list, signed. The store does not read it. */
  readonly head: Buffer
  /** SHA-256, in hex, of the list. */
  readonly digest: string
  /** The compressed groups of the list; undefined: the caller has the list. */
  readonly list: Buffer | undefined
}

/** A generation to publish. Without a list, the store must have the one with this digest, else the answer is `needs_list`. */
export interface Publication extends Generation {
  /** The generation before it; 0: none. */
  readonly base: number
  /** The replica that must have the lease; undefined: the generation only adds, which needs no lease. */
  readonly replicaId: string | undefined
  /** Undefined: there are none. If the store cannot keep them, the list is published all the same. */
  readonly news?: NewEvents | undefined
}

/** The registrations of devices with all replicas. */
export interface Registered {
  /**
   * Stores registrations, departures and heartbeats in one step, or none of them. A registration counts as a heartbeat. The
   * other replicas get a message only if a registration changed.
   * @param changes the registrations and departures
   * @param heard the ids of the devices that sent a heartbeat
   * @returns the ids among them that are not registered, and whose heartbeats are not stored
   */
  register(
    source: string,
    changes: readonly Registration[],
    heard: readonly string[],
  ): Promise<readonly string[]>
  /**
   * Reads the changes after a position.
   * @param position undefined: from the beginning
   * @returns all registrations, if the changes are no longer known
   */
  changesSince(source: string, position: string | undefined): Promise<Changes>
  /** How long the store has kept registrations without losing any, in milliseconds; 0: it never had any. */
  knownForMs(source: string): Promise<number>
  /**
   * The ids of the devices that were heard at or after a time.
   * @param sinceMs on the clock of the store
   */
  heardSince(
    source: string,
    sinceMs: number,
  ): Promise<{ readonly ids: readonly string[]; readonly timeMs: number }>
  /**
   * Ends expired registrations, except those that were heard after a time. Only the holder of the lease may do this.
   * @returns the ids that are no longer registered; empty if this replica does not have the lease
   */
  expire(
    source: string,
    replicaId: string,
    ids: readonly string[],
    unheardSinceMs: number,
  ): Promise<readonly string[]>
}

/** A registration or a departure of one device. */
export interface Registration {
  readonly id: string
  /** The registration; undefined: the device left. */
  readonly line: string | undefined
  /** How it ended, for a departure; undefined: the device unregistered. */
  readonly ending?: 'expired'
}

/** The changes after a position. */
export interface Changes {
  /** The position for the next call. */
  readonly position: string
  /** In the order of the changes. */
  readonly changes: readonly Registration[]
  /** Whether these are all registrations, so that any other device is not registered. */
  readonly isWhole: boolean
}

/** The messages between replicas. A message can be lost: then things only happen later. */
export interface Messages {
  /** Sends to all replicas, including this one. */
  tell(message: Message): Promise<void>
  /** Sets the one listener, which gets every message. */
  listen(listener: (message: Message) => void): void
}

/** A message between replicas. */
export type Message =
  /** The store was unreachable, or another one replaced it, so that the last writes may be lost. Each replica notices this itself. */
  | { readonly kind: 'reset' }
  /** A source has a newer generation, or registrations changed. */
  | { readonly kind: 'generation' | 'registrations'; readonly source: string }
  /** A request of an operator to the holder of a source, which answers with the same id. */
  | { readonly kind: 'refresh'; readonly source: string; readonly id: string }
  | { readonly kind: 'accept'; readonly source: string; readonly id: string; readonly digest: string }
  | (Answer & { readonly kind: 'answer'; readonly source: string; readonly id: string })
  /** A replica could not receive heartbeats of a source, for this time in milliseconds. */
  | { readonly kind: 'unheard'; readonly source: string; readonly why: string; readonly forMs: number }

/** The answer of the holder of a source. */
export interface Answer {
  readonly result: RefreshResult
  /** The error, for people. */
  readonly why: string
  /** The generation that the holder serves afterwards. */
  readonly generation: number
}

/** An error of the store, with a message for people. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}
