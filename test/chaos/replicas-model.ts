/** What is known of a device, on one clock, in milliseconds. */
interface Heard {
  /** Since when its heartbeats are no more than its time to live apart. */
  sinceMs: number
  /** When the last one was sent that was acknowledged. */
  lastMs: number
}

/** A list that was served. */
export interface ServedList {
  readonly targets: ReadonlySet<string>
  /** When it was asked for, and when it had come. */
  readonly beganMs: number
  readonly endedMs: number
}

/** What is promised of the lists of several replicas whose inventory never lies. No name comes twice to the inventory. */
export function createReplicasModel(always: readonly string[], ttlMs: number) {
  const listed = new Map<string, { isGone?: true }>(always.map((target) => [target, {}]))
  const devices = new Map<string, Heard>()
  // When each process last served a target, by its life.
  const lives = new Map<string, Map<string, number>>()

  /** Whether it must be served still by a process that served it at a time. */
  function mustStay(target: string, servedMs: number, endedMs: number): boolean {
    const one = listed.get(target)
    if (one !== undefined) return one.isGone === undefined
    const heard = devices.get(target)
    return heard !== undefined && servedMs >= heard.sinceMs && endedMs < heard.lastMs + ttlMs
  }

  function judge(who: string, { targets }: Pick<ServedList, 'targets'>): string | undefined {
    const lost = always.find((target) => !targets.has(target))
    if (lost !== undefined) return `${who} does not serve ${lost}, which was always there`
    const stranger = [...targets].find((target) => !listed.has(target) && !devices.has(target))
    return stranger && `${who} serves ${stranger}, which there never was`
  }

  return {
    joins: (target: string) => void listed.set(target, {}),
    leaves(target: string) {
      listed.set(target, { isGone: true })
    },
    /** It may be served from now on. */
    begins(target: string) {
      if (!devices.has(target))
        devices.set(target, { sinceMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY })
    },
    /** A heartbeat that was sent then was acknowledged by now. */
    acked(target: string, sentMs: number) {
      const { sinceMs, lastMs } = devices.get(target) as Heard
      devices.set(target, { sinceMs: sentMs - lastMs < ttlMs ? sinceMs : sentMs, lastMs: sentMs })
    },
    /** @returns the promise that whoever answers breaks, or undefined */
    shows: judge,
    /** The same of one process, which loses nothing that it served. */
    showsOf(name: string, life: string, list: ServedList): string | undefined {
      const served = lives.get(life) ?? new Map<string, number>()
      lives.set(life, served)
      const lost = [...served].find(
        ([target, servedMs]) => !list.targets.has(target) && mustStay(target, servedMs, list.endedMs),
      )
      for (const target of list.targets) served.set(target, list.beganMs)
      return judge(name, list) ?? (lost && `${name} does not serve ${lost[0]} any more`)
    },
    /** All that there is. */
    targets: () => [...listed].flatMap(([target, { isGone }]) => (isGone === undefined ? [target] : [])),
  }
}

export type ReplicasModel = ReturnType<typeof createReplicasModel>
