/** How one set of addresses differs from the one before. */
export interface Diff {
  readonly added: number
  readonly removed: number
}

/** Counts the addresses that joined and left. */
export function diffAddresses(before: ReadonlySet<string>, after: ReadonlySet<string>): Diff {
  let kept = 0
  for (const address of after) if (before.has(address)) kept++
  return { added: after.size - kept, removed: before.size - kept }
}
