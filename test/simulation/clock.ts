import type { Clock } from '../../src/base/clock.ts'

interface Timer {
  readonly at: number
  readonly order: number
  fn: (() => void) | undefined
}

/** Time that passes only when the simulation lets it. */
export interface VirtualClock extends Clock {
  /** Goes to the next timer that is due by then, and runs it; false: there is none, and it is then. */
  step(untilMs: number): boolean
  /** Moves the wall clock alone. */
  jump(ms: number): void
  /** The timers of a process that has died never run. */
  clear(): void
}

/** Creates a clock at some time in 2026. */
export function virtualClock(): VirtualClock {
  let wallOffset = Date.UTC(2026, 0, 1)
  let nowMs = 1_000
  let order = 0
  // A binary heap, the earliest first.
  let heap: Timer[] = []
  const isBefore = (a: Timer, b: Timer) => a.at < b.at || (a.at === b.at && a.order < b.order)

  function push(timer: Timer): void {
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent] as Timer)) break
      heap[at] = heap[parent] as Timer
      at = parent
    }
    heap[at] = timer
  }

  function pop(): Timer {
    const first = heap[0] as Timer
    const last = heap.pop() as Timer
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) child++
      if (!isBefore(heap[child] as Timer, last)) break
      heap[at] = heap[child] as Timer
      at = child
    }
    heap[at] = last
    return first
  }

  return {
    now: () => wallOffset + nowMs,
    monotonic: () => nowMs,
    after(delayMs, fn) {
      const timer: Timer = { at: nowMs + Math.max(0, delayMs), order: order++, fn }
      push(timer)
      return () => {
        timer.fn = undefined
      }
    },
    step(untilMs) {
      while (heap.length > 0 && (heap[0] as Timer).fn === undefined) pop()
      const next = heap[0]
      if (next === undefined || next.at > untilMs) {
        nowMs = Math.max(nowMs, untilMs)
        return false
      }
      pop()
      nowMs = Math.max(nowMs, next.at)
      next.fn?.()
      return true
    },
    jump(ms) {
      wallOffset += ms
    },
    clear() {
      heap = []
    },
  }
}
