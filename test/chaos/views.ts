import type { Sites } from './inventories.ts'

/** What a view of one site was answered, between two polls of everything; all times in milliseconds. */
export interface ViewPoll {
  readonly site: string
  /** The lists of before and after it; undefined: not known, or too far apart to tell. */
  readonly around?: readonly [before: Sites, after: Sites] | undefined
  /** The targets, or the code of an error. */
  readonly answer: Sites | string
  readonly askedMs: number
  readonly answeredMs: number
}

/**
 * Checks that a view is a part of the whole list, and that it does not turn empty at once (rule 6).
 * @param holdMs how long a view that turned empty must not be answered
 */
export function createViewCheck(holdMs: number) {
  // When each view that had targets was first refused as empty; infinity: not yet.
  const emptiedMs = new Map<string, number>()

  function compare(answer: Sites, site: string, around: readonly [Sites, Sites]): string | undefined {
    for (const [target, its] of answer) {
      if (its !== site || around.every((sites) => sites.get(target) !== site))
        return `the view of ${site} has ${target} at ${its}, and the whole list has not`
    }
    const [before, after] = around
    for (const [target, its] of before) {
      if (its === site && after.get(target) === site && !answer.has(target))
        return `the view of ${site} lacks ${target}, which the whole list has`
    }
    return undefined
  }

  return {
    /** The process is another one, which remembers no view. */
    begins: () => emptiedMs.clear(),
    /** @returns the promise that is broken, or undefined */
    shows({ site, around, answer, askedMs, answeredMs }: ViewPoll): string | undefined {
      if (answer === 'view_emptied') {
        emptiedMs.set(site, Math.min(emptiedMs.get(site) ?? askedMs, askedMs))
      } else if (typeof answer === 'string') {
        const isUnknown = around === undefined || around.some((sites) => sites.size === 0)
        return isUnknown || answer === 'overloaded' ? undefined : `the view of ${site} is answered ${answer}`
      }
      const sites: Sites = typeof answer === 'string' ? new Map() : answer
      const wrong = around && compare(sites, site, around)
      if (wrong !== undefined || typeof answer === 'string') return wrong
      const emptied = emptiedMs.get(site)
      if (sites.size > 0) emptiedMs.set(site, Number.POSITIVE_INFINITY)
      else emptiedMs.delete(site)
      if (sites.size > 0 || emptied === undefined || answeredMs - emptied >= holdMs) return undefined
      return `the view of ${site} turned empty, and was refused for ${Math.max(0, Math.round(answeredMs - emptied))} ms`
    },
  }
}

export type ViewCheck = ReturnType<typeof createViewCheck>
