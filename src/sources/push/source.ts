import { HttpError, RefreshError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { JSON_FORMAT } from '../../model/document.ts'
import { formatDuration } from '../../model/duration.ts'
import type { Instances } from '../../model/registration.ts'
import type { Source } from '../source.ts'
import { createAuthorize } from './authorize.ts'
import { MIN_TTL_MS } from './defaults.ts'
import { joinLines } from './encode.ts'
import { createHearing } from './hearing.ts'
import { createRegister, type PushDeps, type Register, restore } from './register.ts'
import { createTimers } from './timers.ts'
import { createReveal } from './token.ts'

/** Who may register, and for how long; every value resolved and checked. */
export interface PushSourceOptions {
  readonly kind: 'push'
  /** The name of the source. */
  readonly name: string
  /** The tokens, one on each line; undefined: nobody needs one. */
  readonly token: Secret | undefined
  /** How long a registration lasts that does not say so, in milliseconds. */
  readonly ttlMs: number
  /** The longest time that a registration may ask for, in milliseconds. */
  readonly maxTtlMs: number
  readonly maxInstances: number
}

/** A source whose devices register themselves. */
export interface PushSource extends Source {
  readonly instances: Instances
  /** What its successor goes on with when the configuration of the source changes. */
  readonly register: Register
}

/** Timers of the platform may come so much too early, in milliseconds. */
const TIMER_MS = 10

/** After how many seconds a device that is one too many should try again. */
const FULL_RETRY_SECONDS = 60

/**
 * An inventory of devices that register themselves. They are forgotten when they leave, or are not heard of for their
 * time to live. After a start without anything that was kept there is no list for half the usual time to live:
 * the first devices to register are not all that there are.
 * @param inherited the register of the source that this one takes the place of
 */
export function createPushSource(
  options: PushSourceOptions,
  deps: PushDeps,
  inherited?: Register,
): PushSource {
  const register = inherited ?? createRegister(options.name, deps)
  const { clock, report } = deps
  const { registrations, keeper } = register
  report({ kind: 'started', limit: options.maxInstances, instances: registrations.size() })
  const hearing = createHearing(register, deps)
  const { token } = options
  const reveal = token && createReveal(token, hearing, clock)
  const timers = createTimers(register, hearing, clock, (ids) => {
    report({ kind: 'expired', ids, instances: registrations.size() })
    keeper.changed()
  })

  function lifeOf(asked: number | undefined): number {
    const ttlMs = asked ?? options.ttlMs
    if (ttlMs >= MIN_TTL_MS && ttlMs <= options.maxTtlMs) return ttlMs
    const most = formatDuration(options.maxTtlMs)
    throw new HttpError('bad_request', `ttl ${formatDuration(ttlMs)} is out of range; write 1s to ${most}`)
  }

  function assertRoom(id: string): void {
    const known = registrations.size()
    if (registrations.has(id) || known < options.maxInstances) return
    report({ kind: 'refused', instances: known })
    const message = `there are ${known} instances, and no more may register (max_instances)`
    throw new HttpError('too_many_instances', message, FULL_RETRY_SECONDS)
  }

  const instances: Instances = {
    authorize: createAuthorize(reveal),
    register(id, registration) {
      const ttlMs = lifeOf(registration.ttlMs)
      assertRoom(id)
      const heard = registrations.hear(id, { registration, ttlMs })
      report({ kind: 'heard', result: heard, instances: registrations.size() })
      if (heard !== 'renewed') {
        keeper.changed()
        timers.changed()
      }
      return { isNew: heard === 'new', ttlMs }
    },
    missed: (why) => hearing.missed(why, 'once'),
    leave(id) {
      if (!registrations.forget(id)) return
      report({ kind: 'heard', result: 'left', instances: registrations.size() })
      keeper.changed()
      timers.changed()
    },
  }

  return {
    instances,
    register,
    async open() {
      if (inherited !== undefined) return
      await restore(register, options.ttlMs / 2, deps)
    },
    async read(signal, since) {
      signal.throwIfAborted()
      // Without the token nobody can renew: what then runs out is not known to be gone.
      await reveal?.()
      signal.throwIfAborted()
      assertSettled(register.settledMs - clock.monotonic())
      const etag = String(registrations.revision())
      if (since?.etag === etag) return { kind: 'unchanged' }
      const bytes = await joinLines('[', registrations.records(), ']')
      const name = 'the list of registrations'
      return { kind: 'documents', documents: [{ bytes, format: JSON_FORMAT, name }], version: { etag } }
    },
    watch: timers.start,
    deafen: timers.deafen,
    async close() {
      timers.stop()
      await keeper.flush()
    },
    async remove() {
      const error = await keeper.remove().catch((error: unknown) => error)
      report({ kind: 'removed', error })
    },
  }
}

function assertSettled(leftMs: number): void {
  if (leftMs <= 0) return
  const seconds = Math.ceil(leftMs / 1000)
  throw new RefreshError(
    'settling',
    `nothing is known of earlier registrations; devices have ${seconds} s to register before a list is made`,
    { retryAfterMs: leftMs + TIMER_MS },
  )
}
