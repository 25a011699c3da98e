// docs/when-a-target-leaves.md once more, in the plainest way there is: target by target, with maps,
// and without anything of src. The simulation compares what is served with it after every step.

/** What one reading gave, as far as the rules are concerned. */
export interface PlainReading {
  /** Identity → target. */
  readonly present: ReadonlyMap<string, PlainTarget>
  /** Keys of records that are there and cannot be read. */
  readonly unreadable: ReadonlySet<string>
  readonly keyless: number
  /** Records that make no target. */
  readonly idle: number
  /** What the configuration selects. */
  readonly selection: string
}

export interface PlainTarget {
  readonly address: string
  /** As they are served, encoded. */
  readonly labels: string
  readonly key: string
}

export interface PlainGuard {
  readonly confirmations: number
  readonly graceMs: number
  readonly maxDrop: number
  readonly minTargets: number
  readonly holdMs: number
  readonly holdEmptyMs: number
}

/** One time, on the monotonic clock and on the wall clock. */
export interface PlainMoment {
  readonly atMs: number
  readonly wallMs: number
}

interface Missing {
  readonly rollBefore: number
  readonly idle: number
  readonly unrecognised: number
  readonly selection: string
  readings: number
  sinceMs: number
  fromMs: number
  countedMs: number
  isUnreadable: boolean
}

interface Event {
  atMs: number
  readonly count: number
}

const HOUR_MS = 3_600_000

/** What happened within the last hour; times stand still while no process runs. */
class Hour {
  left: Event[] = []
  returned: Event[] = []
  sizes: Event[] = []

  note(nowMs: number, what: 'left' | 'returned' | 'sizes', count: number): void {
    for (const key of ['left', 'returned', 'sizes'] as const) {
      this[key] = this[key].filter(({ atMs }) => nowMs - atMs <= HOUR_MS)
    }
    if (what === 'sizes') this.sizes = this.sizes.filter((one) => one.count > count)
    if (count > 0) this[what].push({ atMs: nowMs, count })
  }

  sum(what: 'left' | 'returned'): number {
    return this[what].reduce((sum, { count }) => sum + count, 0)
  }

  largest(): number {
    return this.sizes.reduce((most, { count }) => Math.max(most, count), 0)
  }

  clone(): Hour {
    const copy = new Hour()
    for (const key of ['left', 'returned', 'sizes'] as const) copy[key] = this[key].map((one) => ({ ...one }))
    return copy
  }

  shift(ms: number): void {
    for (const key of ['left', 'returned', 'sizes'] as const) for (const event of this[key]) event.atMs += ms
  }
}

/** What all sources together had and lost. */
export class PlainFleet {
  hour = new Hour()
  readonly present = new Map<string, number>()

  total(): number {
    return [...this.present.values()].reduce((sum, count) => sum + count, 0)
  }

  note(source: string, count: number, left: number, nowMs: number): void {
    this.lose(left, nowMs)
    this.present.set(source, count)
    this.hour.note(nowMs, 'sizes', this.total())
  }

  /** A source is removed: until now it had what it had. */
  forget(source: string, nowMs: number): void {
    this.hour.note(nowMs, 'sizes', this.total())
    this.present.set(source, 0)
  }

  /** So many left; what left is kept on disk. */
  lose(count: number, nowMs: number): void {
    if (count === 0) return
    this.hour.note(nowMs, 'sizes', this.total())
    this.hour.note(nowMs, 'left', count)
    this.kept = { hour: this.hour.clone(), atMs: nowMs }
  }

  kept: { readonly hour: Hour; readonly atMs: number } | undefined

  /** For another process: no time has passed. */
  restart(nowMs: number): PlainFleet {
    const next = new PlainFleet()
    next.kept = this.kept
    if (this.kept !== undefined) {
      next.hour = this.kept.hour.clone()
      next.hour.shift(nowMs - this.kept.atMs)
    }
    return next
  }

  /** Whether so many more may not leave at once. */
  isTooMany(missing: number, guard: PlainGuard, nowMs: number): boolean {
    this.hour.note(nowMs, 'sizes', this.total())
    return isTooMany(this.hour.sum('left') + missing, this.hour.largest(), guard)
  }
}

function isTooMany(drop: number, roll: number, guard: PlainGuard): boolean {
  return drop > guard.maxDrop * roll && (drop > guard.minTargets || drop >= roll)
}

const written = ({ address, labels }: PlainTarget) => `${address} ${labels}`

/** The roll of one source. */
export class PlainRoll {
  readonly guard: PlainGuard
  targets = new Map<string, PlainTarget>()
  missing = new Map<string, Missing>()
  hour = new Hour()
  seen = { idle: 0, unrecognised: 0, selection: '' }
  isOpen = false

  constructor(guard: PlainGuard) {
    this.guard = guard
  }

  /** What is served. */
  served(): string[] {
    return [...this.targets.values()].map(written).sort()
  }

  /**
   * A reading, and who leaves by it.
   * @returns how many left
   */
  read(reading: PlainReading, nowMs: number, fleet: PlainFleet): number {
    const { present, unreadable, keyless, idle, selection } = reading
    fleet.hour.note(nowMs, 'sizes', fleet.total())
    const known = new Set([...this.targets.values(), ...present.values()].map(({ key }) => key))
    const unrecognised = keyless + [...unreadable].filter((key) => !known.has(key)).length
    if (!this.isOpen) {
      this.isOpen = true
      this.targets = new Map(present)
      this.seen = { idle, unrecognised, selection }
      this.hour.note(nowMs, 'sizes', present.size)
      fleet.note(this.name, present.size, 0, nowMs)
      return 0
    }
    const rollBefore = this.hour.largest()
    const returned = [...this.missing].filter(
      ([id, { isUnreadable }]) => present.has(id) && !isUnreadable,
    ).length
    for (const [id, target] of this.targets) {
      if (present.has(id)) this.missing.delete(id)
      else this.miss(id, unreadable.has(target.key), rollBefore, nowMs)
    }
    for (const [id, target] of present) this.targets.set(id, target)
    this.hour.note(nowMs, 'returned', returned)
    this.hour.note(nowMs, 'sizes', present.size)
    this.seen = { idle, unrecognised, selection }
    return this.decide(present.size, nowMs, fleet)
  }

  name = ''

  private miss(id: string, isUnreadable: boolean, rollBefore: number, nowMs: number): void {
    const before = this.missing.get(id)
    if (before === undefined) {
      const { idle, unrecognised, selection } = this.seen
      const rest = { rollBefore, idle, unrecognised, selection }
      const times = { sinceMs: nowMs, fromMs: nowMs, countedMs: nowMs }
      this.missing.set(id, { ...rest, ...times, readings: 1, isUnreadable })
    } else if (isUnreadable) before.isUnreadable = true
    else if (before.isUnreadable) {
      Object.assign(before, {
        isUnreadable: false,
        readings: 1,
        sinceMs: nowMs,
        fromMs: nowMs,
        countedMs: nowMs,
      })
    } else if (nowMs - before.countedMs >= 1_000) {
      if (before.readings++ === 0) before.fromMs = nowMs
      before.countedMs = nowMs
    }
  }

  private decide(present: number, nowMs: number, fleet: PlainFleet): number {
    const { guard, hour, seen } = this
    const all = [...this.missing.values()]
    const counted = all.filter(({ isUnreadable }) => !isUnreadable)
    const isProven = ({ readings, fromMs }: Missing) =>
      readings >= guard.confirmations && nowMs - fromMs >= guard.graceMs
    const proven = counted.filter(isProven).length
    const roll = counted.reduce((most, one) => Math.max(most, one.rollBefore), 0)
    const isHeld =
      isTooMany(hour.sum('left') + counted.length, roll, guard) ||
      fleet.isTooMany(counted.length, guard, nowMs)
    const leaving: string[] = []
    for (const [id, one] of this.missing) {
      const isNothingLeft =
        present === 0 && counted.length === all.length && one.rollBefore >= guard.minTargets
      const holdMs = isNothingLeft ? guard.holdEmptyMs : guard.holdMs
      const isHeldLongEnough = (ms: number) => isProven(one) && one.readings >= 3 && nowMs - one.fromMs >= ms
      const returned =
        hour.returned.length > 1 ? hour.returned : hour.returned.filter(({ atMs }) => atMs > one.sinceMs)
      const back = returned.reduce((sum, { count }) => sum + count, 0)
      const isFlapping = returned.length > 0 && back >= proven * 0.1
      if (one.isUnreadable) continue
      const isOperators = seen.idle - one.idle >= counted.length / 2 || seen.selection !== one.selection
      // Such a reading proves nothing: those after it count anew.
      if (seen.unrecognised > one.unrecognised || (isHeld && isOperators)) one.readings = 0
      else if (isHeld) {
        if (isHeldLongEnough(holdMs)) leaving.push(id)
      } else if (isProven(one) && (!isFlapping || isHeldLongEnough(guard.holdMs))) leaving.push(id)
    }
    for (const id of leaving) {
      this.targets.delete(id)
      this.missing.delete(id)
    }
    hour.note(nowMs, 'left', leaving.length)
    fleet.note(this.name, present, leaving.length, nowMs)
    return leaving.length
  }

  /** An operator lets these leave, each as it is served: two targets may have the same address. */
  accept(accepted: ReadonlySet<string>, nowMs: number, fleet: PlainFleet): void {
    const forgotten = new Set<string>()
    for (const [id, target] of this.targets) {
      const missing = this.missing.get(id)
      if (missing === undefined || !accepted.has(written(target))) continue
      if (missing.isUnreadable) forgotten.add(target.key)
      this.targets.delete(id)
      this.missing.delete(id)
    }
    const present = this.targets.size - this.missing.size
    for (const { key } of this.targets.values()) forgotten.delete(key)
    const unreadable = forgotten.size
    this.seen = { ...this.seen, unrecognised: this.seen.unrecognised + unreadable }
    for (const [id, one] of this.missing) {
      this.missing.set(id, { ...one, rollBefore: present, unrecognised: one.unrecognised + unreadable })
    }
    this.hour = new Hour()
    this.hour.note(nowMs, 'sizes', present)
    fleet.note(this.name, present, 0, nowMs)
  }

  /** What of it a disk keeps, beside times. */
  timeless(): string {
    const { targets, missing, hour, seen } = this
    const rest = [...missing].map(
      ([id, { readings: _r, sinceMs: _s, fromMs: _f, countedMs: _c, ...one }]) => [id, one],
    )
    const counts = [hour.left, hour.returned, hour.sizes].map((events) => events.map(({ count }) => count))
    return JSON.stringify([[...targets].sort(), rest, counts, seen])
  }

  /** The same roll, for another process. */
  clone(): PlainRoll {
    const copy = new PlainRoll(this.guard)
    copy.name = this.name
    copy.isOpen = this.isOpen
    copy.targets = new Map(this.targets)
    copy.missing = new Map([...this.missing].map(([id, one]) => [id, { ...one }]))
    copy.seen = { ...this.seen }
    copy.hour = this.hour.clone()
    return copy
  }

  /**
   * A process starts with what was kept: absences are counted anew, and no time has passed. Since when they are
   * missing is known by the wall clock.
   */
  restart(kept: PlainMoment, { atMs: nowMs, wallMs }: PlainMoment): void {
    this.hour.shift(nowMs - kept.atMs)
    for (const one of this.missing.values()) {
      const ageMs = Math.max(0, wallMs - kept.wallMs + kept.atMs - one.sinceMs)
      Object.assign(one, { readings: 0, sinceMs: nowMs - ageMs, fromMs: nowMs, countedMs: nowMs - 1_000 })
    }
  }
}
