import type { RefreshResult } from '../base/metrics.ts'

/**
 * What replicas share, as far as they need it: leases, generations of lists, events, registrations, and messages. One small
 * interface, so that a simulation can stand in for Valkey or Redis. Each step is atomic. Every method rejects with a
 * {@link StoreError} when the store cannot be reached within its deadline, refuses, or answers what it never was told.
 */
export interface ClusterStore extends Leases, Generations, SharedEvents, Registered, Messages {
  /**
   * Says that this replica is there, and sees who else is. One that says nothing for so long is forgotten.
   * @param forMs in milliseconds
   * @returns all that are there, this one among them, in order of their ids
   */
  meet(replica: Replica, forMs: number): Promise<readonly Replica[]>
  /** Lets go of the connections; what is under way is rejected. */
  close(): Promise<void>
}

/** One process of several that serve the same. */
export interface Replica {
  /** Its own, and no other process has it, not even the one after a restart. */
  readonly id: string
  /** For people: the name of the pod or the host. */
  readonly name: string
  readonly version: string
  /** How many sources it reads. */
  readonly leases: number
}

/** Who reads a source, and proves for all replicas. */
export interface Leases {
  /**
   * Looks at a source. Whoever has its lease has it for so long from now on; whoever wants it takes it when nobody
   * has it.
   */
  look(source: string, lease: Lease): Promise<Seen>
  /** Gives the lease back, if it is this replica's. */
  release(source: string, replicaId: string): Promise<void>
}

/** What a replica wants of a lease. */
export interface Lease {
  readonly replicaId: string
  /** For people. */
  readonly replicaName: string
  /** Takes it when nobody has it. */
  readonly isWanted: boolean
  /** How long it is this replica's without another look, in milliseconds. */
  readonly forMs: number
}

/** What the store has of one source. */
export interface Seen {
  /** Undefined: nobody has the lease. */
  readonly holder: Pick<Replica, 'id' | 'name'> | undefined
  /** The newest generation of its list; 0: there is none. */
  readonly generation: number
  /** The newest generation of which events are stored; 0: there is none. */
  readonly eventsUntil: number
  /** The clock of the store, in milliseconds since 1970: generations never depend on the clocks of replicas. */
  readonly timeMs: number
}

/** The newest list of each source. */
export interface Generations {
  /**
   * Publishes a list. It is refused when another generation came between, or when the lease is another's by now.
   * Replicas are told.
   */
  publish(source: string, next: Publication): Promise<'published' | 'refused' | 'needs_list'>
  /**
   * Takes the newest generation.
   * @param known the digest of a list that is here already, and is not sent again
   * @returns undefined when there is none
   */
  take(source: string, known: string | undefined): Promise<Taken | undefined>
}

/** The newest generation, and the newest of which events are stored; 0: there is none. */
export type Taken = Generation & Pick<Seen, 'eventsUntil'>

/** What happened to targets, by the generation of the list that it led to. Nothing that is served depends on it. */
export interface SharedEvents {
  /**
   * The events of the generations after one, the oldest first.
   * @returns some of them; none: there are no more
   */
  eventsAfter(source: string, generation: number): Promise<readonly StoredEvents[]>
}

/** The events of one generation. */
export interface StoredEvents {
  readonly generation: number
  /** Compressed and signed: the store keeps it as it is. */
  readonly events: Buffer
}

/** Events that are stored with a generation. */
export interface NewEvents {
  readonly events: Buffer
  /** Those of older generations are forgotten. */
  readonly since: number
  /** The oldest are forgotten when all of the source are larger together, in bytes. */
  readonly maxBytes: number
}

/** One generation of a list. */
export interface Generation {
  /** Larger than that of every generation before it. */
  readonly generation: number
  /** What is said of the list, signed: the store keeps it as it is. */
  readonly head: Buffer
  /** SHA-256, in hex, of the list. */
  readonly digest: string
  /** The groups of the list, compressed; undefined: it was known. */
  readonly list: Buffer | undefined
}

/** A generation to be published. Without a list: that of this digest is in the store already, else `needs_list`. */
export interface Publication extends Generation {
  /** The generation that it follows; 0: none. */
  readonly base: number
  /** Who reads, and must have the lease; undefined: what is published needs no reading, and only adds. */
  readonly replicaId: string | undefined
  /** Undefined: there are none. When the store cannot keep them, the list is published all the same. */
  readonly news?: NewEvents | undefined
}

/** The devices that registered with any replica. */
export interface Registered {
  /**
   * Stores what devices said, all of it or nothing; each registration is a heartbeat too. Replicas are told of
   * changes: what is registered like that already, or is not there to leave, is none.
   * @param changes what they registered as, or that they left
   * @param heard the ids of those of which a heartbeat came
   * @returns those of them that are not registered, so that nothing of them is stored
   */
  register(
    source: string,
    changes: readonly Registration[],
    heard: readonly string[],
  ): Promise<readonly string[]>
  /**
   * What changed after a position.
   * @param position undefined: from the beginning
   * @returns everything that is registered, when it is not known any more what changed
   */
  changesSince(source: string, position: string | undefined): Promise<Changes>
  /** For how long registrations have been stored without being lost, in milliseconds; 0: there never were any. */
  knownForMs(source: string): Promise<number>
  /**
   * The ids of those that were heard at or after a time.
   * @param sinceMs on the clock of the store
   */
  heardSince(
    source: string,
    sinceMs: number,
  ): Promise<{ readonly ids: readonly string[]; readonly timeMs: number }>
  /**
   * Ends registrations that expired, unless they were heard after a time. Only for the holder of the lease.
   * @returns those of the ids that are not registered any more; none when the lease is another's, or nobody's
   */
  expire(
    source: string,
    replicaId: string,
    ids: readonly string[],
    unheardSinceMs: number,
  ): Promise<readonly string[]>
}

/** What one device said. */
export interface Registration {
  readonly id: string
  /** Undefined: it left. */
  readonly line: string | undefined
  /** Of what left; undefined: it said goodbye. */
  readonly ending?: 'expired'
}

/** What changed after a position. */
export interface Changes {
  /** Where the next look goes on. */
  readonly position: string
  /** In the order in which it changed. */
  readonly changes: readonly Registration[]
  /** Whether it is all that is registered: what is not among it is not registered. */
  readonly isWhole: boolean
}

/** What replicas tell each other. It may be lost, so that nothing may depend on it but haste. */
export interface Messages {
  /** Tells all replicas, this one too. */
  tell(message: Message): Promise<void>
  /** @param listener called with every message; there is one */
  listen(listener: (message: Message) => void): void
}

/** A message between replicas. */
export type Message =
  /** The store was out of reach, or another one took its place: the last writes may be lost. Nobody tells it; it is noticed. */
  | { readonly kind: 'reset' }
  /** There is a newer generation of a source, or registrations changed. */
  | { readonly kind: 'generation' | 'registrations'; readonly source: string }
  /** An operator asks the holder of a source for something, which answers with the same id. */
  | { readonly kind: 'refresh'; readonly source: string; readonly id: string }
  | { readonly kind: 'accept'; readonly source: string; readonly id: string; readonly digest: string }
  | (Answer & { readonly kind: 'answer'; readonly source: string; readonly id: string })
  /** Heartbeats of a source could not be received, for so long in milliseconds. */
  | { readonly kind: 'unheard'; readonly source: string; readonly why: string; readonly forMs: number }

/** What the holder of a source made of what it was asked for. */
export interface Answer {
  readonly result: RefreshResult
  /** Of what failed, for people. */
  readonly why: string
  /** The generation that the holder serves by then. */
  readonly generation: number
}

/** The store does not do what it should: why, for people. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
}
