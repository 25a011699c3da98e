/** SIGHUP, from the first moment of the process on. */
export interface Hangups {
  /** Does this at each from now on, and now when there was one already. */
  use(work: () => void): void
  /** It means what it means to every process again; one that came already ends this one. */
  release(): void
}

/** Keeps SIGHUP from ending the process: what asks for a reload may come before there is anything to reload. */
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
