/** A seeded source of choices: the same seed makes the same ones on every machine. */
export interface Random {
  /** A whole number from 0 to `below` - 1. */
  int(below: number): number
  pick<Item>(items: readonly Item[]): Item
  /** True once in `times`. */
  once(times: number): boolean
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const int = (below: number) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
  return {
    int,
    pick: (items) => items[int(items.length)] as (typeof items)[number],
    once: (times) => int(times) === 0,
  }
}

/** The seed of this run: `$SEED`, to repeat a run, or one from the clock. */
export function seedOfRun(): number {
  return Number(process.env.SEED ?? Date.now() % 2 ** 32)
}
