import {
  type Changes,
  type ClusterStore,
  type Lease,
  type Message,
  type Publication,
  type Registration,
  type Replica,
  type Seen,
  type StoredEvents,
  StoreError,
} from '../../src/cluster/store.ts'

/** A store in memory that several replicas share: each step is one turn, and time is what the clock says. */
export interface MemoryStore {
  /** What one replica has of it. */
  connect(): MemoryConnection
  /** All methods of all replicas reject with this from now on; undefined: they work again. */
  fail(why: string | undefined): void
  /** What is stored of this source cannot be looked at from now on; undefined: it can. */
  spoil(source: string | undefined): void
  /** Makes something else of all events of this source that are stored. */
  spoilEvents(source: string): void
  /** Forgets everything. */
  flush(): void
  /** What is stored now. */
  backup(): Backup
  /** Goes back to what was stored then. */
  restore(backup: Backup): void
  /** Loses the last writes, as a failover does. */
  loseLast(writes?: number): void
}

/** The store as one replica reaches it. */
export interface MemoryConnection extends ClusterStore {
  /** Its methods reject with this from now on, and no message comes; undefined: they work again. */
  fail(why: string | undefined): void
}

/** What was stored at some time. */
export type Backup = { readonly tables: Readonly<Record<keyof Tables, ReadonlyMap<string, unknown>>> }

/** How many writes can be lost. */
const MAX_UNDONE = 1000

/** As many changes of a source are remembered. */
const MAX_LOG = 1000

interface Tables {
  replicas: Map<string, { replica: Replica; untilMs: number }>
  leases: Map<string, { holder: Seen['holder'] & object; untilMs: number }>
  heads: Map<string, { generation: number; head: Buffer; digest: string }>
  lists: Map<string, { digest: string; list: Buffer }>
  events: Map<string, readonly StoredEvents[]>
  /** By source and id, as {@link keyOf} makes it. */
  instances: Map<string, { source: string; id: string; line: string; heardMs: number }>
  logs: Map<string, readonly ({ position: number; atMs: number } & Registration)[]>
}

const keyOf = (source: string, id: string) => `${source}\n${id}`

/** Creates an empty store. */
export function createMemoryStore(clock: { now(): number }): MemoryStore {
  const tables: Tables = {
    replicas: new Map(),
    leases: new Map(),
    heads: new Map(),
    lists: new Map(),
    events: new Map(),
    instances: new Map(),
    logs: new Map(),
  }
  const listeners = new Set<(message: Message) => void>()
  let undone: (() => void)[][] = []
  let position = 0
  let failure: string | undefined
  let spoilt: string | undefined

  function write<Name extends keyof Tables>(
    table: Name,
    key: string,
    value: Tables[Name] extends Map<string, infer Value> ? Value | undefined : never,
  ): void {
    const map = tables[table] as Map<string, unknown>
    const before = map.get(key)
    undone.at(-1)?.push(() => (before === undefined ? map.delete(key) : map.set(key, before)))
    if (value === undefined) map.delete(key)
    else map.set(key, value)
  }

  const tell = (message: Message) => {
    for (const listener of listeners) queueMicrotask(() => listeners.has(listener) && listener(message))
  }

  const holderOf = (source: string) => {
    const lease = tables.leases.get(source)
    return lease !== undefined && lease.untilMs > clock.now() ? lease.holder : undefined
  }

  function log(source: string, registration: Registration): void {
    const entries = tables.logs.get(source) ?? []
    write(
      'logs',
      source,
      [...entries, { position: ++position, atMs: clock.now(), ...registration }].slice(-MAX_LOG),
    )
  }

  function look(source: string, { replicaId, replicaName, isWanted, forMs }: Lease): Seen {
    if (source === spoilt) throw new StoreError(`${source} is spoilt`)
    const holder = holderOf(source)
    if (holder?.id === replicaId || (holder === undefined && isWanted)) {
      const lease = { holder: { id: replicaId, name: replicaName }, untilMs: clock.now() + forMs }
      write('leases', source, lease)
    }
    const generation = tables.heads.get(source)?.generation ?? 0
    return { holder: holderOf(source), generation, eventsUntil: eventsUntil(source), timeMs: clock.now() }
  }

  function publish(source: string, next: Publication): 'published' | 'refused' | 'needs_list' {
    const current = tables.heads.get(source)?.generation ?? 0
    if (next.replicaId !== undefined && holderOf(source)?.id !== next.replicaId) return 'refused'
    if (next.base !== current || next.generation <= current) return 'refused'
    if (tables.lists.get(source)?.digest !== next.digest) {
      if (next.list === undefined) return 'needs_list'
      write('lists', source, { digest: next.digest, list: next.list })
    }
    remember(source, next)
    write('heads', source, { generation: next.generation, head: next.head, digest: next.digest })
    tell({ kind: 'generation', source })
    return 'published'
  }

  const eventsUntil = (source: string) => tables.events.get(source)?.at(-1)?.generation ?? 0

  function remember(source: string, { generation, news }: Publication): void {
    if (news === undefined) return
    const all = [...(tables.events.get(source) ?? []), { generation, events: news.events }]
    const young = all.filter((one) => one.generation >= news.since)
    while (young.reduce((sum, { events }) => sum + events.length, 0) > news.maxBytes) young.shift()
    write('events', source, young)
  }

  /** @returns whether it is news */
  function apply(source: string, { id, line, ...more }: Registration): boolean {
    const key = keyOf(source, id)
    const before = tables.instances.get(key)
    const after = line === undefined ? undefined : { source, id, line, heardMs: clock.now() }
    if (before === undefined && after === undefined) return false
    write('instances', key, after)
    if (before?.line === line) return false
    log(source, { id, line, ...more })
    return true
  }

  function register(
    source: string,
    changes: readonly Registration[],
    heard: readonly string[],
  ): readonly string[] {
    const news = changes.filter((change) => apply(source, change))
    const missing = heard.filter((id) => {
      const instance = tables.instances.get(keyOf(source, id))
      if (instance !== undefined) write('instances', keyOf(source, id), { ...instance, heardMs: clock.now() })
      return instance === undefined
    })
    if (news.length > 0) tell({ kind: 'registrations', source })
    return missing
  }

  const instancesOf = (source: string) =>
    [...tables.instances.values()].filter((instance) => instance.source === source)

  function changesSince(source: string, from: string | undefined): Changes {
    const entries = tables.logs.get(source) ?? []
    const last = String(entries.at(-1)?.position ?? 0)
    const at = entries.findIndex((entry) => String(entry.position) === from)
    if (at === -1) {
      const changes = instancesOf(source).map(({ id, line }) => ({ id, line }))
      return { position: last, changes, isWhole: true }
    }
    const changes = entries
      .slice(at + 1)
      .map(({ id, line, ending }) => ({ id, line, ...(ending && { ending }) }))
    return { position: last, changes, isWhole: false }
  }

  function expire(source: string, replicaId: string, ids: readonly string[], sinceMs: number): string[] {
    if (holderOf(source)?.id !== replicaId) return []
    let isNews = false
    const ended = ids.filter((id) => {
      const instance = tables.instances.get(keyOf(source, id))
      if (instance !== undefined && instance.heardMs > sinceMs) return false
      if (apply(source, { id, line: undefined, ending: 'expired' })) isNews = true
      return true
    })
    if (isNews) tell({ kind: 'registrations', source })
    return ended
  }

  function meet(replica: Replica, forMs: number): readonly Replica[] {
    write('replicas', replica.id, { replica, untilMs: clock.now() + forMs })
    for (const [id, { untilMs }] of tables.replicas)
      if (untilMs <= clock.now()) write('replicas', id, undefined)
    const there = [...tables.replicas.values()].map((one) => one.replica)
    return there.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  function connect(): MemoryConnection {
    let own: string | undefined
    let hear: ((message: Message) => void) | undefined
    const listener = (message: Message) => {
      if (own === undefined && failure === undefined) hear?.(message)
    }
    listeners.add(listener)
    /** One step: it is done at once, and is known later. */
    const step = async <Value>(work: () => Value): Promise<Value> => {
      const why = own ?? failure
      if (why !== undefined) throw new StoreError(why)
      undone.push([])
      const value = work()
      if (undone.at(-1)?.length === 0) undone.pop()
      if (undone.length > MAX_UNDONE) undone.shift()
      return value
    }
    return {
      meet: (replica, forMs) => step(() => meet(replica, forMs)),
      look: (source, lease) => step(() => look(source, lease)),
      release: (source, replicaId) =>
        step(() => {
          if (holderOf(source)?.id === replicaId) write('leases', source, undefined)
        }),
      publish: (source, next) => step(() => publish(source, next)),
      take: (source, known) =>
        step(() => {
          const head = tables.heads.get(source)
          if (head === undefined) return undefined
          const list = head.digest === known ? undefined : tables.lists.get(source)?.list
          return { ...head, list, eventsUntil: eventsUntil(source) }
        }),
      eventsAfter: (source, generation) =>
        step(() =>
          (tables.events.get(source) ?? []).filter((one) => one.generation > generation).slice(0, 3),
        ),
      register: (source, changes, heard) => step(() => register(source, changes, heard)),
      changesSince: (source, from) => step(() => changesSince(source, from)),
      knownForMs: (source) => step(() => clock.now() - (tables.logs.get(source)?.[0]?.atMs ?? clock.now())),
      heardSince: (source, sinceMs) =>
        step(() => {
          const heard = instancesOf(source).filter(({ heardMs }) => heardMs >= sinceMs)
          return { ids: heard.map(({ id }) => id), timeMs: clock.now() }
        }),
      expire: (source, replicaId, ids, sinceMs) => step(() => expire(source, replicaId, ids, sinceMs)),
      tell: (message) => step(() => tell(message)),
      listen: (heard) => {
        hear = heard
      },
      async close() {
        own = 'the store is closed'
        listeners.delete(listener)
      },
      fail: (why) => {
        own = why
        if (why === undefined) hear?.({ kind: 'reset' })
      },
    }
  }

  /** Everything becomes what these are. */
  function replace(backup?: Backup): void {
    for (const name of Object.keys(tables) as (keyof Tables)[]) {
      const map = tables[name] as Map<string, unknown>
      map.clear()
      for (const [key, value] of backup?.tables[name] ?? []) map.set(key, value)
    }
    undone = []
  }

  return {
    connect,
    fail: (why) => {
      failure = why
      if (why === undefined) tell({ kind: 'reset' })
    },
    spoil: (source) => {
      spoilt = source
    },
    spoilEvents(source) {
      const all = tables.events.get(source) ?? []
      tables.events.set(
        source,
        all.map((one) => ({ ...one, events: Buffer.from('spoilt') })),
      )
    },
    flush: () => replace(),
    backup: () => ({
      tables: {
        replicas: new Map(tables.replicas),
        leases: new Map(tables.leases),
        heads: new Map(tables.heads),
        lists: new Map(tables.lists),
        events: new Map(tables.events),
        instances: new Map(tables.instances),
        logs: new Map(tables.logs),
      },
    }),
    restore: replace,
    loseLast(writes = 1) {
      for (const write of undone.splice(-writes).reverse()) for (const undo of write.reverse()) undo()
      tell({ kind: 'reset' })
    },
  }
}
