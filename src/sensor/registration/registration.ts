import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import type { LineLogger } from '../../base/line-logger.ts'
import { type Family, single } from '../exposition.ts'
import type { Listening } from './address.ts'
import { adviceFor } from './advice.ts'
import { REGISTRATION_FAILURES, type RegistrationError, type RegistrationFailure } from './failure.ts'
import type { RegistrationOptions } from './options.ts'
import { createPushSource } from './push-source.ts'
import { attemptTimeoutMs, FIRST_HEARTBEAT_MS, heartbeatMs, nextHeartbeat, nextRetry } from './schedule.ts'

/** How long unregistering may take. The stop waits for it; if it fails, the registration expires. */
const LEAVE_TIMEOUT_MS = 5_000

/** The dependencies of a registration. */
export interface RegistrationDeps {
  readonly clock: Clock
  readonly files: Pick<Files, 'read'>
  readonly log: Pick<LineLogger, 'info' | 'warn'>
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/** The registration of a sensor with one push source. */
export interface Registration {
  /**
   * Registers now, and renews the registration until the sensor leaves; failed attempts are retried forever.
   */
  start(listening: Listening): void
  /** Stops the heartbeats and unregisters. Never fails. */
  leave(): Promise<void>
  /** Whether the server knows this sensor: it is registered, and the lease has not expired. */
  isRegistered(): boolean
  /** The metrics of the registration. */
  families(): Family[]
}

/** Creates a registration; it registers only after `start`. */
export function createRegistration(options: RegistrationOptions, deps: RegistrationDeps): Registration {
  const { clock, log, random } = deps
  const source = createPushSource(options, deps)
  const server = options.url.host
  const failed = new Map<RegistrationFailure, number>()
  let attempts = 0
  let heartbeat = FIRST_HEARTBEAT_MS
  let failures: { readonly count: number; readonly reason: RegistrationFailure } | undefined
  let lastSuccess: { readonly wallMs: number; readonly endMs: number; readonly address: string } | undefined
  let attempt = Promise.resolve()
  let cancel = () => {}
  let hasLeft = false

  async function tryOnce(listening: Listening): Promise<void> {
    attempts++
    const delay = await source.register(listening, attemptTimeoutMs(heartbeat)).then(succeeded, failedWith)
    if (!hasLeft) cancel = clock.after(delay, () => start(listening))
  }

  function start(listening: Listening): void {
    attempt = tryOnce(listening)
  }

  function succeeded({ ttlMs, address }: { ttlMs: number; address: string }): number {
    if (failures !== undefined || lastSuccess?.address !== address) {
      log.info({ server, id: options.id, address, afterFailures: failures?.count ?? 0 }, 'registered')
    }
    heartbeat = heartbeatMs(ttlMs)
    failures = undefined
    lastSuccess = { wallMs: clock.now(), endMs: clock.monotonic() + ttlMs, address }
    return nextHeartbeat(heartbeat, random())
  }

  function failedWith({ reason, message, retryAfterMs }: RegistrationError): number {
    failed.set(reason, (failed.get(reason) ?? 0) + 1)
    const count = (failures?.count ?? 0) + 1
    const delay = nextRetry({ reason, failures: count, retryAfterMs }, heartbeat, random())
    if (failures?.reason !== reason) {
      log.warn(
        { server, id: options.id, reason, error: message + adviceFor(reason, options) },
        'not registered; the sensor keeps trying',
      )
    }
    failures = { count, reason }
    return delay
  }

  const isRegistered = () => lastSuccess !== undefined && clock.monotonic() < lastSuccess.endMs

  return {
    start,
    isRegistered,
    async leave() {
      hasLeft = true
      cancel()
      // An attempt in flight would register it again.
      await attempt
      await source.leave(LEAVE_TIMEOUT_MS).then(
        () => log.info({ server, id: options.id }, 'left'),
        ({ reason, message }: RegistrationError) =>
          log.warn(
            { server, id: options.id, reason, error: message },
            'not unregistered; the registration expires',
          ),
      )
      lastSuccess = undefined
    },
    families: () => [
      single(
        'counter',
        'rollcall_sensor_registration_attempts_total',
        'Attempts to register or renew.',
        attempts,
      ),
      {
        name: 'rollcall_sensor_registration_failures_total',
        type: 'counter',
        help: 'Attempts that failed, by reason.',
        series: Object.keys(REGISTRATION_FAILURES).map((reason) => ({
          labels: { reason },
          value: failed.get(reason as RegistrationFailure) ?? 0,
        })),
      },
      {
        name: 'rollcall_sensor_registration_last_success_timestamp_seconds',
        type: 'gauge',
        help: 'When it was last registered or renewed; absent before the first time.',
        series: lastSuccess === undefined ? [] : [{ labels: {}, value: lastSuccess.wallMs / 1000 }],
      },
      single(
        'gauge',
        'rollcall_sensor_registered',
        '1 while the server knows this sensor: registered, and not expired since.',
        Number(isRegistered()),
      ),
    ],
  }
}
