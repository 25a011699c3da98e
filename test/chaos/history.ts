/** What happened lately, and the first promise that was broken. */
export interface History {
  add(event: string): void
  /** Ends the run: a promise was broken. Only the first one counts. */
  violated(what: string): void
  violation(): string | undefined
  /** The last events. */
  tail(): readonly string[]
}

const KEPT = 80

export function createHistory(print: (line: string) => void): History {
  const began = performance.now()
  const events: string[] = []
  let violation: string | undefined
  const add = (event: string) => {
    events.push(`${((performance.now() - began) / 1_000).toFixed(3).padStart(8)}  ${event}`)
    events.splice(0, events.length - KEPT)
  }
  return {
    add,
    violated(what) {
      add(`VIOLATED: ${what}`)
      if (violation !== undefined) return
      violation = what
      print(`violated: ${what}`)
    },
    violation: () => violation,
    tail: () => [...events],
  }
}
