import { displayUrl } from '../../base/urls.ts'
import type { Family } from '../exposition.ts'
import type { Listening } from './address.ts'
import type { RegistrationOptions } from './options.ts'
import { createRegistration, type RegistrationDeps } from './registration.ts'

/** Where one of several registrations is, and whether the server there knows the sensor. */
export interface RegistrationState {
  /** Of the push source, without what may be secret in it. */
  readonly url: string
  readonly registered: boolean
}

/**
 * The registrations of a sensor, each independent of the others: a server that is away holds up none of them.
 */
export interface Registrations {
  /** Registers with each, now and from then on. */
  start(listening: Listening): void
  /** Ends them all at the same time. Never fails. */
  leave(): Promise<void>
  /** Whether every server knows this sensor; undefined: it registers with none. */
  isRegistered(): boolean | undefined
  /** Each of them; undefined unless there are several. */
  states(): RegistrationState[] | undefined
  /** Their metrics, with the label `url` when there are several. */
  families(): Family[]
}

/** Creates registrations that are not yet made; their URLs differ. */
export function createRegistrations(
  options: readonly RegistrationOptions[],
  deps: RegistrationDeps,
): Registrations {
  const all = options.map((one) => ({ url: displayUrl(one.url), ...createRegistration(one, deps) }))
  const isOne = all.length < 2

  /** The families of one registration as those of several have to be. */
  function labelled({ url, families }: (typeof all)[number]): Family[] {
    if (isOne) return families()
    return families().map((family) => ({
      ...family,
      series: family.series.map((series) => ({ ...series, labels: { url, ...series.labels } })),
    }))
  }

  return {
    start(listening) {
      for (const one of all) one.start(listening)
    },
    async leave() {
      await Promise.all(all.map((one) => one.leave()))
    },
    isRegistered: () => (all.length === 0 ? undefined : all.every((one) => one.isRegistered())),
    states() {
      if (isOne) return undefined
      return all.map(({ url, isRegistered }) => ({ url, registered: isRegistered() }))
    },
    families() {
      const [first = [], ...others] = all.map(labelled)
      return first.map((family, index) => ({
        ...family,
        series: [...family.series, ...others.flatMap((families) => (families[index] as Family).series)],
      }))
    },
  }
}
