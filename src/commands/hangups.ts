/** The handling of SIGHUP from the start of the process. */
export interface Hangups {
  /** Calls `work` at each SIGHUP from now on, and now if one has arrived already. */
  use(work: () => void): void
  /** Restores the default: SIGHUP ends the process, also one that has arrived already. */
  release(): void
}

/** Catches SIGHUP, so that a request to reload that arrives before the server runs does not end the process. */
export function catchHangups(platform: Pick<NodeJS.Process, 'on' | 'off' | 'kill' | 'pid'>): Hangups {
  let isAsked = false
  let work = () => {
    isAsked = true
  }
  const listener = () => work()
  platform.on('SIGHUP', listener)
  return {
    use(given) {
      work = given
      if (isAsked) given()
    },
    release() {
      platform.off('SIGHUP', listener)
      if (isAsked) platform.kill(platform.pid, 'SIGHUP')
    },
  }
}
