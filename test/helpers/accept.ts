import { until } from './until.ts'

/** Of `/health`, what is held. */
interface Health {
  readonly removed: { readonly held: readonly { readonly digest: string }[] }
  readonly sources: Record<string, { readonly held: readonly { readonly digest: string }[] }>
}

/** Waits until targets are held, of a source or, without one, of those that were removed; their digests. */
export async function heldDigests(url: string, source?: string): Promise<string[]> {
  return until(`targets of ${source ?? 'removed sources'} are held`, async () => {
    const health = (await (await fetch(`${url}/health`)).json()) as Health
    const held = source === undefined ? health.removed.held : (health.sources[source]?.held ?? [])
    return held.length > 0 && held.map(({ digest }) => digest)
  })
}

/**
 * Lets everything leave that is held of a source, or of those that were removed, as an operator does: who is told that
 * others are held by now looks again.
 */
export async function acceptHeld(url: string, source?: string): Promise<void> {
  await until('what is held is accepted', async () => {
    for (const digest of await heldDigests(url, source)) {
      const answer = await fetch(`${url}/-/accept?digest=${digest}`, { method: 'POST' })
      if (answer.status === 409) return false
      if (answer.status !== 200) throw new Error(await answer.text())
    }
    return true
  })
}
