import { displayUrl } from '../../base/urls.ts'
import type { Family } from '../exposition.ts'
import type { Listening } from './address.ts'
import type { RegistrationOptions } from './options.ts'
import { createRegistration, type RegistrationDeps } from './registration.ts'

/** The state of one of several registrations. */
export interface RegistrationState {
  /** The URL of the push source, without its secrets. */
  readonly url: string
  readonly registered: boolean
}

/** The registrations of a sensor; an unavailable server delays none of the others. */
export interface Registrations {
  /** Registers with each server, and keeps renewing. */
  start(listening: Listening): void
  /** Ends all registrations at the same time. Never fails. */
  leave(): Promise<void>
  /** Whether every server knows this sensor; undefined: there are no registrations. */
  isRegistered(): boolean | undefined
  /** The state of each registration; undefined unless there are several. */
  states(): RegistrationState[] | undefined
  /** The metrics of all registrations, with the label `url` if there are several. */
  families(): Family[]
}

/** Creates registrations with distinct URLs; they register only after `start`. */
export function createRegistrations(
  options: readonly RegistrationOptions[],
  deps: RegistrationDeps,
): Registrations {
  const all = options.map((one) => ({ url: displayUrl(one.url), ...createRegistration(one, deps) }))
  const isOne = all.length < 2

  /** The families of one registration, with the label `url` if there are several. */
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
