import type { Random } from '../helpers/random.ts'

/** Gives items at random, each one once before any comes again. */
export function createDeck<Item>(random: Random, items: readonly Item[]): () => Item {
  let left: Item[] = []
  return () => {
    if (left.length === 0) left = [...items]
    return left.splice(random.int(left.length), 1)[0] as Item
  }
}
